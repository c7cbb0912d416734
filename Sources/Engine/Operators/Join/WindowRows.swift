import MillraceColumns
import MillraceTypes

/// Rows of one input that wait for the end of their window.
final class WindowRows {
  /// More rows that are gone than this, and than there are live ones, are cleared away.
  private static let deadRowsMax = 65_536

  private let schema: Schema
  private let store: RowStore
  private let stepMicros: Int64
  private var due: DueQueue
  /// By row number, in microseconds.
  private var ends: [Int64] = []
  private var live = 0

  init(schema: Schema, stepMicros: Int64) {
    self.schema = schema
    self.stepMicros = stepMicros
    store = RowStore(schema: schema)
    due = DueQueue(widthMicros: stepMicros)
  }

  /// Rows that wait.
  var liveCount: Int { live }

  /// Rows kept, also those that wait to be cleared away.
  var rowCount: Int { store.count }

  var heldBytes: Int { store.heldBytes + due.heldBytes + ends.heldSlots }

  /// Adds rows with the ends of their windows.
  func append(_ batch: Batch, ends: UnsafePointer<Int64>) {
    due.add(from: store.count, ends, batch.rowCount)
    store.append(batch)
    self.ends.append(contentsOf: UnsafeBufferPointer(start: ends, count: batch.rowCount))
    live += batch.rowCount
  }

  /// Takes out the rows of the windows that end at `bound` or earlier; their event times become those of their windows. They come in
  /// the total order.
  func take(through bound: Int64) -> Batch {
    var (batch, ends) = takeAsTheyCame(through: bound)
    batch.eventTimes = .int64s(ends.map { $0 &- WindowAggregateOperator.endToTimeMicros })
    return batch.inTotalOrder()
  }

  /// As `take`, in no particular order and with the event times that they had; and the ends of their windows.
  func takeAsTheyCame(through bound: Int64) -> (rows: Batch, ends: [Int64]) {
    let numbers = due.take(before: bound.saturating(1))
    let batch = store.gather(numbers)
    let times = numbers.map { ends[Int($0)] }
    live -= numbers.count
    if ends.count - live > Self.deadRowsMax + live { compact() }
    return (batch, times)
  }

  private func compact() {
    let kept = due.numbers.sorted()
    store.compact(keeping: kept)
    ends = kept.map { ends[Int($0)] }
    due = DueQueue(widthMicros: stepMicros)
    ends.withUnsafeBufferPointer { ends in
      if let base = ends.baseAddress { due.add(from: 0, base, ends.count) }
    }
  }

  /// All rows that wait, in the order they came.
  func waiting() -> Batch { store.gather(due.numbers.sorted()) }
}
