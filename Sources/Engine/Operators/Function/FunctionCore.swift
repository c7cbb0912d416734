import MillraceColumns
import MillraceTypes

/// What a keyed function and its operator share while a row or a timer is handled: the key, the instant, timers and the rows made.
/// Owned by one operator.
public final class FunctionCore {
  /// Dense id of the current key; -1 outside of calls.
  public internal(set) var key: Int32 = -1
  /// Event time of the row or due time of the timer that is handled.
  public internal(set) var instant = EventTime.beginning
  /// The driver's clock, in microseconds since 1970; `beginning` before it has said.
  public internal(set) var now = EventTime.beginning
  /// +1 or -1 of the current row.
  public internal(set) var weight: Int64 = 1
  /// Event time is complete below this.
  public internal(set) var watermark = EventTime.beginning
  /// No row may be made with an event time below this.
  var floor = EventTime.beginning
  /// The row being handled in the current batch; -1 while a timer is.
  private(set) var row = -1
  /// The batch being handled.
  var batch: Batch?
  let index: KeyIndex
  var timers = TimerQueue()
  var clockTimers = TimerQueue()
  let made: FunctionOutput
  /// Of the columns of the rows made.
  public let builders: [ColumnBuilder]
  /// Timers that end the current call before the rows behind them.
  @usableFromInline var nextDue = EventTime.end
  /// Timers do not interrupt rows: these come in no order.
  let inOrder: Bool
  /// The timer being handled: it and its key order the rows made.
  private var timer: Int64 = 0

  init(index: KeyIndex, made: FunctionOutput, inOrder: Bool) {
    self.index = index
    self.made = made
    builders = made.builders
    self.inOrder = inOrder
  }

  /// A row is handled now. Returns false when timers are due before it.
  @inlinable public func begin(row: Int, key: Int32, at time: Int64, weight: Int64) -> Bool {
    if nextDue < time { return false }
    start(row: row, key: key, at: time, weight: weight)
    return true
  }

  @usableFromInline func start(row: Int, key: Int32, at time: Int64, weight: Int64) {
    self.row = row
    self.key = key
    self.weight = weight
    instant = time
    floor = inOrder ? time : watermark
    made.beginCause()
  }

  func begin(timer time: Int64, key: Int32, at due: Int64) {
    row = -1
    self.key = key
    weight = 1
    timer = time
    instant = due
    floor = inOrder ? due : watermark
    made.beginCause()
  }

  func end() {
    key = -1
    row = -1
  }

  // MARK: timers

  public func register(timer time: Int64) {
    // What has passed fires next: after the rows of this instant, or, from a timer, behind it, so that there is an end.
    let due = inOrder ? (row >= 0 ? max(time, instant) : max(time, instant &+ 1)) : max(time, watermark)
    timers.add(key, .init(time: time, due: due))
    if inOrder { nextDue = timers.nextDue }
  }

  public func delete(timer time: Int64) {
    timers.remove(key, time: time)
    if inOrder { nextDue = timers.nextDue }
  }

  public func register(clockTimer time: Int64) { clockTimers.add(key, .init(time: time, due: row >= 0 ? time : max(time, now &+ 1))) }
  public func delete(clockTimer time: Int64) { clockTimers.remove(key, time: time) }

  /// The key of an id as a column of one row.
  public func keyColumn(_ id: Int32) throws(MillraceError) -> Column { try index.keyColumns([id])[0] }

  // MARK: rows made

  /// Ends a made row, after a value was appended to each of its columns.
  ///
  /// - Parameter time: its own event time; that of its cause without one.
  /// - Throws: `functionFailed` when it is too early.
  public func endRow(at time: Int64?, weight: Int64 = 1) throws(MillraceError) {
    if let time, time < floor { throw EventTimes.tooEarly(time, before: floor) }
    made.endRow(at: time ?? instant, weight: weight)
    guard made.needsOrder else { return }
    if row >= 0, let order = batch?.order {
      made.appendOrder(of: order.slot(row))
    } else {
      var bytes: [UInt8] = [128, 255]
      index.appendKey(ofID: key, to: &bytes)
      KeyEncoder.append(row >= 0 ? Int64(row) : timer, to: &bytes)
      bytes.withUnsafeBufferPointer { made.appendOrder(of: $0) }
    }
  }
}
