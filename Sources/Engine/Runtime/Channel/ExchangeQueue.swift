import MillraceColumns
import MillraceTypes
import Synchronization

/// What travels between two partitions of neighbouring stages.
enum ExchangeMessage: Sendable {
  case batch(Batch)
  /// Event time is complete below this in everything the sender will still send; `.end` after its last row.
  case watermark(EventTime)
  case barrier(Int64)
}

/// The bounded queue from one partition of an exchange's sender to one of its receiver.
///
/// The bound is soft: a sender that has room may finish the step it is in, which can add several messages. A sender without room
/// is not run until the receiver has caught up.
final class ExchangeQueue: Sendable {
  let capacity: Int
  private let messages: Mutex<Messages>

  private struct Messages {
    var items: [ExchangeMessage] = []
    var head = 0
    var count: Int { items.count - head }
  }

  init(capacity: Int) {
    self.capacity = capacity
    messages = Mutex(Messages())
  }

  var hasRoom: Bool { messages.withLock { $0.count < capacity } }
  var isEmpty: Bool { messages.withLock { $0.count == 0 } }

  func push(_ message: ExchangeMessage) { messages.withLock { $0.items.append(message) } }

  /// The oldest message, and whether the queue was full before it was taken.
  func pop() -> (message: ExchangeMessage, wasFull: Bool)? {
    messages.withLock { state in
      guard state.count > 0 else { return nil }
      let wasFull = state.count >= capacity
      let message = state.items[state.head]
      state.head += 1
      if state.head == state.items.count {
        state.items.removeAll(keepingCapacity: true)
        state.head = 0
      } else if state.head > 64 {
        state.items.removeFirst(state.head)
        state.head = 0
      }
      return (message, wasFull)
    }
  }
}
