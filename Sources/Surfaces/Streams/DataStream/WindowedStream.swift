import MillraceOperators
import MillraceRows
import MillraceTypes

/// A span of event time: from `start` to before `end`.
public struct TimeWindow: Sendable, Hashable {
  public var start: Timestamp
  public var end: Timestamp
}

/// Which windows of event time a row is in.
public struct WindowAssigner: Sendable {
  enum Kind: Sendable {
    case sliding(size: Duration, slide: Duration, offset: Duration)
    case session(gap: Duration)
  }
  let kind: Kind

  /// One after the other, each row in one.
  public static func tumble(_ size: Duration, offset: Duration = .zero) -> WindowAssigner {
    WindowAssigner(kind: .sliding(size: size, slide: size, offset: offset))
  }

  /// Of a size, one beginning every `slide`.
  public static func hop(_ size: Duration, every slide: Duration, offset: Duration = .zero) -> WindowAssigner {
    WindowAssigner(kind: .sliding(size: size, slide: slide, offset: offset))
  }

  /// As long as rows of the key come within `gap` of each other; ends `gap` after the last one.
  public static func session(gap: Duration) -> WindowAssigner { WindowAssigner(kind: .session(gap: gap)) }

  func check() throws(MillraceError) {
    let spans: [Duration] =
      switch kind {
      case .sliding(let size, let slide, _): [size, slide]
      case .session(let gap): [gap]
      }
    guard spans.allSatisfy({ $0.micros > 0 }) else {
      throw MillraceError(
        .invalidOption, "a window has a size, slide or gap of \(spans.map { "\($0)" }.joined(separator: ", "))",
        hint: "give spans above zero")
    }
  }

  /// The windows of fixed size that an instant is in, the earliest first.
  func windows(at time: Timestamp) -> [TimeWindow] {
    guard case .sliding(let size, let slide, let offset) = kind else { return [] }
    var windows: [TimeWindow] = []
    var start = time.floored(to: slide, offset: offset)
    while start + size > time {
      windows.append(TimeWindow(start: start, end: start + size))
      start = start - slide
    }
    return windows.reversed()
  }
}

extension KeyedStream {
  /// The rows of each key by windows of event time.
  ///
  /// - Throws: `invalidOption` for a window without length.
  public func windowed(_ window: WindowAssigner) throws(MillraceError) -> WindowedStream<Key, R> {
    try window.check()
    return WindowedStream(stream: self, window: window)
  }
}

/// The rows of each key and window, to be made one row.
public struct WindowedStream<Key: RowValue, R: Row> {
  @usableFromInline let stream: KeyedStream<Key, R>
  @usableFromInline let window: WindowAssigner

  /// Folds the rows of each key and window, in the total order, and gives a row when the window is over: when event time is complete up to
  /// its end. That row's event time is the last microsecond of the window (of a session its end), or its `@EventTime`, if later.
  ///
  /// - Parameters:
  ///   - id: names the state in checkpoints.
  ///   - initial: what a window begins with.
  ///   - add: takes a row in.
  ///   - merge: joins the values of two sessions that a row has joined, the earlier first. Only sessions need it.
  ///   - result: the row of a window.
  /// - Throws: `invalidOption` when sessions have no `merge`.
  @inlinable public func aggregate<Value: RowValue, Out: Row>(
    id: String, initial: Value, add: @escaping @Sendable (inout Value, ViewOf<R>) throws -> Void,
    merge: (@Sendable (Value, Value) throws -> Value)? = nil,
    result: @escaping @Sendable (Key, TimeWindow, Value) throws -> Out
  ) throws(MillraceError) -> DataStream<Out> {
    let window = window
    guard window.canDo(without: merge == nil) else { throw window.needsMerge }
    return try stream.process(id: id) {
      WindowFunction<Key, R, Value, Out>(window: window, initial: initial, add: add, merge: merge, result: result)
    }
  }
}

extension WindowAssigner {
  @usableFromInline func canDo(without merge: Bool) -> Bool { if case .session = kind { !merge } else { true } }
  @usableFromInline var needsMerge: MillraceError {
    MillraceError(.invalidOption, "sessions that a row joins must be merged", hint: "give `merge:` as well")
  }
}

/// Windows as a process function: a value per open window, a timer at its end.
@usableFromInline final class WindowFunction<Key: RowValue, Input: Row, Value: RowValue, Output: Row>: KeyedProcessFunction {
  private let window: WindowAssigner
  private let initial: Value
  private let add: @Sendable (inout Value, ViewOf<Input>) throws -> Void
  private let merge: (@Sendable (Value, Value) throws -> Value)?
  private let result: @Sendable (Key, TimeWindow, Value) throws -> Output
  /// By start.
  private let values: MapState<Timestamp, Value>
  private let ends: MapState<Timestamp, Timestamp>

  @usableFromInline init(
    window: WindowAssigner, initial: Value, add: @escaping @Sendable (inout Value, ViewOf<Input>) throws -> Void,
    merge: (@Sendable (Value, Value) throws -> Value)?, result: @escaping @Sendable (Key, TimeWindow, Value) throws -> Output
  ) {
    self.window = window
    self.initial = initial
    self.add = add
    self.merge = merge
    self.result = result
    values = MapState("values")
    ends = MapState("ends")
  }

  @usableFromInline func process(_ row: ViewOf<Input>, _ context: KeyedContext<Key, Output>) throws {
    let time = context.timestamp
    if case .session(let gap) = window.kind {
      try extend(row, TimeWindow(start: time, end: time + gap), context)
      return
    }
    for window in window.windows(at: time) {
      var value = values[window.start] ?? initial
      try add(&value, row)
      values[window.start] = value
      if ends[window.start] == nil {
        ends[window.start] = window.end
        context.registerTimer(at: Self.last(window.end))
      }
    }
  }

  /// Joins the sessions that overlap the row's own.
  private func extend(_ row: ViewOf<Input>, _ own: TimeWindow, _ context: KeyedContext<Key, Output>) throws {
    var session = own
    var joined: Value?
    for (start, end) in ends.entries where start <= own.end && own.start <= end {
      guard let value = values[start] else { continue }
      if let before = joined, let merge { joined = try merge(before, value) } else { joined = value }
      session.start = min(session.start, start)
      session.end = max(session.end, end)
      context.deleteTimer(at: end)
      values[start] = nil
      ends[start] = nil
    }
    var value = joined ?? initial
    try add(&value, row)
    values[session.start] = value
    ends[session.start] = session.end
    // A row at the very end still joins: timers come behind the rows of their instant.
    context.registerTimer(at: session.end)
  }

  @usableFromInline func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Key, Output>) throws {
    let isSession = if case .session = window.kind { true } else { false }
    for (start, end) in ends.entries where (isSession ? end : Self.last(end)) == timer.time {
      guard let value = values[start] else { continue }
      try context.emit(result(context.key, TimeWindow(start: start, end: end), value))
      values[start] = nil
      ends[start] = nil
    }
  }

  /// The last instant of a window.
  private static func last(_ end: Timestamp) -> Timestamp { end - .microseconds(1) }
}
