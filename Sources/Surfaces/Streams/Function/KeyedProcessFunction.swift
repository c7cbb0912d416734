import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

/// Code over the rows of each key, with state and timers.
///
///     final class Burst: KeyedProcessFunction {
///       let count = ValueState<Int>("count", default: 0)
///
///       func process(_ message: Message.View, _ context: KeyedContext<Int64, Alert>) throws {
///         count.value += 1
///         if count.value == 3 { try context.emit(Alert(author: context.key, at: context.timestamp)) }
///         context.registerTimer(at: context.timestamp + .minutes(1))
///       }
///
///       func onTimer(_ timer: Timer, _ context: KeyedContext<Int64, Alert>) throws { count.clear() }
///     }
///
/// Rows and timers come by event time: rows of one instant in the total order, then the timers of that instant. What the function gives
/// is then a function of the set of its input rows, as long as it looks at nothing but its row, state, timers and context. Each partition
/// has an instance of its own; everything that must outlive a call belongs into a state, which is a stored property of the instance.
public protocol KeyedProcessFunction: AnyObject, SendableMetatype {
  associatedtype Key: RowValue
  /// `Message.View` for rows of `Message`.
  associatedtype InputView: RowView where InputView.Row: Row, InputView.Row.Reader.View == InputView
  associatedtype Output: Row

  /// The code knows that rows may be taken back: it looks at `context.weight`. Otherwise an input that updates is refused.
  static var acceptsUpdates: Bool { get }

  /// - Parameter row: a view of it, good during the call; `row.row` may be kept.
  func process(_ row: InputView, _ context: KeyedContext<Key, Output>) throws
  func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Key, Output>) throws
}

extension KeyedProcessFunction {
  public static var acceptsUpdates: Bool { false }
  public func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Key, Output>) throws {}
}

/// A timer that fires.
public struct FunctionTimer: Sendable, Hashable {
  /// What it was registered for.
  public var time: Timestamp
  /// It was registered for the clock's time, not for event time.
  public var isByClock: Bool

  @usableFromInline init(time: Timestamp, isByClock: Bool) {
    self.time = time
    self.isByClock = isByClock
  }
}

/// What a keyed function knows while it handles a row or a timer, and the ways out of it. Good during the call.
public final class KeyedContext<Key: RowValue, Output: Row> {
  @usableFromInline let core: FunctionCore
  @usableFromInline let layout: OutputLayout
  /// By key id, as far as they were asked for.
  @usableFromInline var keys: [Key?] = []

  @usableFromInline init(core: FunctionCore, layout: OutputLayout) {
    self.core = core
    self.layout = layout
  }

  /// The key of the row or timer.
  public var key: Key {
    guard core.key >= 0, Int(core.key) < keys.count, let key = keys[Int(core.key)] else {
      preconditionFailure("the context of a function was asked for its key outside of a call")
    }
    return key
  }

  /// Makes the key of a timer known.
  func knowKey() throws(MillraceError) {
    let id = Int(core.key)
    while keys.count <= id { keys.append(nil) }
    guard keys[id] == nil else { return }
    let column = try core.keyColumn(core.key)
    keys[id] = try Key.Reader(column, within: nil)[0]
    withExtendedLifetime(column) {}
  }

  func forget(_ ids: [Int32]) { for id in ids where Int(id) < keys.count { keys[Int(id)] = nil } }

  /// The event time of the row; for a timer the instant at which it fires.
  public var timestamp: Timestamp { Timestamp(micros: core.instant) }

  /// Every row with an earlier event time has been seen: the instant reached, whatever the watermark of the input is.
  public var currentWatermark: Timestamp { Timestamp(micros: core.instant) }

  /// The time of day. What depends on it cannot be repeated.
  public var clock: Timestamp { Timestamp(micros: core.now) }

  /// +1 for a row that comes, -1 for one that is taken back.
  public var weight: Int { Int(core.weight) }

  // MARK: rows out

  /// Gives a row to the result. Its event time is its `@EventTime`, which may be later than `timestamp` but not earlier, or `timestamp`.
  ///
  /// - Throws: `functionFailed` when its event time is too early.
  @inlinable public func emit(_ row: Output) throws(MillraceError) {
    Output.append(row, to: core.builders, at: layout.begin(0, core.builders))
    layout.fill(0, core.builders)
    try end(row, 1)
  }

  /// Takes a row back that was given before: for functions that accept updates.
  @inlinable public func retract(_ row: Output) throws(MillraceError) {
    Output.append(row, to: core.builders, at: layout.begin(0, core.builders))
    layout.fill(0, core.builders)
    try end(row, -1)
  }

  /// Gives a row to a side output.
  ///
  /// - Throws: `invalidOption` when the function was not declared with it.
  public func emit<Side: Row>(_ row: Side, to tag: OutputTag<Side>) throws(MillraceError) {
    let place = try layout.place(of: tag.name)
    Side.append(row, to: core.builders, at: layout.begin(place, core.builders))
    layout.fill(place, core.builders)
    try end(row, 1)
  }

  @inlinable func end<Made: Row>(_ row: Made, _ weight: Int64) throws(MillraceError) {
    try core.endRow(at: Made.eventTimeField == nil ? nil : Made.eventTime(of: row)?.micros, weight: weight)
  }

  // MARK: timers

  /// Calls `onTimer` when event time is complete up to and including `time`; one call per key and time, however often it is asked for. A time
  /// that has passed fires next, after the rows of this instant.
  public func registerTimer(at time: Timestamp) { core.register(timer: time.micros) }
  public func deleteTimer(at time: Timestamp) { core.delete(timer: time.micros) }

  /// Calls `onTimer` when the clock has reached `time`. What it does cannot be repeated; at the end of input it is not called any more.
  public func registerClockTimer(at time: Timestamp) { core.register(clockTimer: time.micros) }
  public func deleteClockTimer(at time: Timestamp) { core.delete(clockTimer: time.micros) }
}
