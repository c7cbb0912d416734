import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// The windows of TUMBLE, HOP and CUMULATE on the time line, in microseconds, and the panes that they share.
struct WindowGrid {
  /// Of CUMULATE that of the longest windows.
  let size: Int64
  /// From one window's end to the next one's.
  let slide: Int64
  let offset: Int64
  /// Every window is a run of whole panes.
  let pane: Int64
  /// Windows begin where the longest ones do.
  let isCumulating: Bool

  init(_ kind: WindowTable.Kind) throws(MillraceError) {
    if case .cumulate = kind { isCumulating = true } else { isCumulating = false }
    switch kind {
    case .cumulate(let step, let size, let start): (self.size, slide, offset) = (size, step, size > 0 ? start % size : 0)
    case .session: throw MillraceError(.invalidSQL, "sessions have no common grid of windows")
    case .tumble(let size, let start): (self.size, slide, offset) = (size, size, size > 0 ? start % size : 0)
    case .hop(let slide, let size, let start): (self.size, self.slide, offset) = (size, slide, slide > 0 ? start % slide : 0)
    }
    guard size > 0, slide > 0 else {
      throw MillraceError(.invalidSQL, "a window's size and slide must be longer than zero")
    }
    var (a, b) = (size, slide)
    while b != 0 { (a, b) = (b, a % b) }
    pane = a
    if isCumulating && a != slide { throw MillraceError(.invalidSQL, "the size of CUMULATE must be a multiple of its step") }
  }

  /// The latest multiple of `step` (from the offset) that is not after `time`; right for times before 1970 as well.
  @inline(__always) func floor(_ time: Int64, _ step: Int64) -> Int64 {
    let distance = time &- offset
    var rest = distance % step
    if rest < 0 { rest &+= step }
    return time &- rest
  }

  func paneStart(_ time: Int64) -> Int64 { floor(time, pane) }

  /// The last window that begins at or before `time`; it holds `time` unless windows leave gaps.
  func lastWindowStart(_ time: Int64) -> Int64 { floor(time, slide) }

  /// The first window end after `time`.
  func nextEnd(after time: Int64) -> Int64 {
    if isCumulating { return floor(time, slide) &+ slide }
    let start = floor(time &- size, slide)
    return start &+ slide &+ size
  }

  /// The start of the window that ends at `end`.
  func start(ofEnd end: Int64) -> Int64 { isCumulating ? floor(end &- slide, size) : end &- size }

  /// Whether any window holds the pane.
  func holds(pane start: Int64) -> Bool { slide <= size || start &- lastWindowStart(start) < size }

  /// A column of one instant.
  static func column(_ micros: Int64, type: DataType, count: Int) -> Column {
    .int64s([Int64](repeating: ticks(micros, type), count: count), type: type)
  }

  static func column(_ micros: [Int64], type: DataType) -> Column { .int64s(micros.map { ticks($0, type) }, type: type) }

  /// window_start, window_end and window_time of rows, as three fields have them.
  static func columns(_ starts: [Int64], _ ends: [Int64], _ fields: ArraySlice<Field>) -> [Column] {
    zip(fields, [starts, ends, ends.map { $0 &- WindowAggregateOperator.endToTimeMicros }]).map { field, instants in
      column(instants, type: field.type)
    }
  }

  /// Microseconds in the unit of a timestamp type, rounded down.
  @inline(__always) private static func ticks(_ micros: Int64, _ type: DataType) -> Int64 {
    switch type.timeUnit ?? .micros {
    case .millis: micros >= 0 ? micros / 1000 : -((999 &- micros) / 1000)
    case .micros: micros
    case .nanos: micros &* 1000
    }
  }

  /// A timestamp column in microseconds. Nulls are an error.
  static func micros(_ column: Column, _ name: String) throws(MillraceError) -> Column {
    guard column.nullCount == 0, case .fixed = column.values else {
      throw MillraceError(
        .invalidInput, "the time column of a window is null in some row", subject: name,
        hint: "filter such rows out before the window")
    }
    switch column.type.timeUnit ?? .micros {
    case .micros: return column
    case .millis, .nanos:
      let isMillis = column.type.timeUnit == .millis
      let source = column.pointer(Int64.self)
      let out = Buffer(uninitialized: column.count * 8)
      let target = out.pointer(Int64.self)
      if isMillis {
        for i in 0..<column.count { target[i] = source[i] &* 1000 }
      } else {
        for i in 0..<column.count { target[i] = source[i] >= 0 ? source[i] / 1000 : -((999 &- source[i]) / 1000) }
      }
      return Column(type: .int64, count: column.count, values: .fixed(out))
    }
  }
}
