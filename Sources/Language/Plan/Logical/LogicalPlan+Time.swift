import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// How a visible column relates to the hidden event time of its rows.
public enum TimeAttribute: Sendable, Hashable {
  /// event time = column + offset, in microseconds, for every row. 0 for the table's own event-time column.
  case exact(offsetMicros: Int64)
  /// -lead <= event time - column <= lag: the columns of an interval join, window_time of rows in windows.
  case bounded(leadMicros: Int64, lagMicros: Int64)
}

extension LogicalPlan {
  /// What makes the column usable as event time, or nil when nothing does.
  public func timeAttribute(of column: Int) -> TimeAttribute? {
    switch self {
    case .scan(let n):
      guard let watermark = n.table.watermark, n.columns[column] == watermark.column else { return nil }
      return .exact(offsetMicros: 0)
    case .values, .sort: return nil
    case .function(let n): return n.eventTimeColumns.contains(column) && hasEventTime ? .exact(offsetMicros: 0) : nil
    case .filter(let n): return n.input.timeAttribute(of: column)
    case .union(let n):
      guard let first = n.inputs[0].timeAttribute(of: column) else { return nil }
      return n.inputs.allSatisfy { $0.timeAttribute(of: column) == first } ? first : nil
    case .project(let n):
      // While a query is bound, columns of queries around it stand in its expressions as positions beyond its own.
      guard let (source, shift) = n.expressions[column].columnPlusMicros, source < n.input.schema.count,
        let attribute = n.input.timeAttribute(of: source)
      else { return nil }
      if shift == 0 { return attribute }
      guard case .exact(let offset) = attribute else { return nil }
      return .exact(offsetMicros: offset - shift)
    case .aggregate(let n):
      // The window_time key of a window aggregate is the event time of its rows.
      return n.window?.times.contains(column) ?? false ? .exact(offsetMicros: 0) : nil
    case .window(let n): return n.timeAttribute(of: column)
    case .over(let n): return column < n.input.schema.count ? n.input.timeAttribute(of: column) : nil
    case .rank(let n):
      guard column < n.input.schema.count else { return nil }
      if n.window != nil { return n.input.window?.times.contains(column) ?? false ? .exact(offsetMicros: 0) : nil }
      return n.onlyInserts ? n.input.timeAttribute(of: column) : nil
    case .orderedOver(let n): return column < n.input.schema.count && n.onlyInserts ? n.input.timeAttribute(of: column) : nil
    case .predict(let n): return column < n.input.schema.count ? n.input.timeAttribute(of: column) : nil
    case .unnest(let n): return column < n.input.schema.count ? n.input.timeAttribute(of: column) : nil
    case .temporalJoin(let n): return column < n.join.left.schema.count ? n.join.left.timeAttribute(of: column) : nil
    case .asOf(let n):
      guard column < n.input.schema.count, let attribute = n.input.timeAttribute(of: column) else { return nil }
      guard case .exact(let offset) = attribute else { return nil }
      return .exact(offsetMicros: offset + n.shiftMicros)
    case .join(let n):
      if n.window != nil { return window?.times.contains(column) ?? false ? .exact(offsetMicros: 0) : nil }
      guard let interval = n.interval else { return nil }
      if column == interval.leftTime { return .bounded(leadMicros: 0, lagMicros: max(0, interval.upperMicros)) }
      // Unmatched left rows have no time on the right.
      if column == n.left.schema.count + interval.rightTime, n.kind == .inner {
        return .bounded(leadMicros: 0, lagMicros: max(0, -interval.lowerMicros))
      }
      return nil
    }
  }

  /// Whether rows carry a hidden event time at all.
  public var hasEventTime: Bool {
    switch self {
    case .scan(let n): n.table.watermark != nil
    case .values, .sort: false
    case .window(let n): n.isProcessingTime || n.input.hasEventTime
    case .aggregate(let n): n.window != nil
    case .join(let n): n.interval != nil || n.window != nil
    case .union(let n): n.inputs.allSatisfy(\.hasEventTime)
    case .function(let n): n.inputs.allSatisfy(\.hasEventTime)
    case .rank(let n): n.window != nil || n.onlyInserts
    case .orderedOver(let n): n.onlyInserts
    default: inputs.first?.hasEventTime ?? false
    }
  }

  /// Whether rows may be retracted.
  public var isUpdating: Bool {
    switch self {
    case .aggregate(let n): n.window == nil || n.input.isUpdating
    case .rank(let n): n.isUpdating
    case .join(let n) where n.interval == nil && n.window == nil && ![.inner, .semi].contains(n.kind): true
    case .orderedOver(let n): !n.onlyInserts
    case .temporalJoin(let n): n.join.left.isUpdating
    case .function(let n): n.isUpdating
    default: inputs.contains(where: \.isUpdating)
    }
  }

  /// Whether rows of a stream come with a hidden event time, even where no window may build on it: results of regular joins and
  /// aggregates have the instant of their cause.
  public var carriesEventTime: Bool {
    switch self {
    case .scan(let n): n.table.watermark != nil
    case .values, .sort: false
    case .temporalJoin(let n): n.join.left.carriesEventTime
    case .window(let n) where n.isProcessingTime: true
    default: inputs.allSatisfy(\.carriesEventTime)
    }
  }
}

extension WindowTable {
  /// How long after the start of its window a row may be, and so at most how long before the end.
  var lengthMicros: Int64? {
    switch kind {
    case .tumble(let size, _), .hop(_, let size, _), .cumulate(_, let size, _): size
    case .session: nil
    }
  }

  /// Of a column of the input, as its rows reach the window.
  public func inputTimeAttribute(of column: Int) -> TimeAttribute? {
    if isProcessingTime { return column == timeColumn ? .exact(offsetMicros: 0) : nil }
    return input.timeAttribute(of: column)
  }

  /// How long after the end of a window, by event time, its rows may still come.
  public var lagMicros: Int64 {
    switch inputTimeAttribute(of: timeColumn) {
    case .exact(let offset)?: offset
    case .bounded(_, let lag)?: lag
    case nil: 0
    }
  }

  func timeAttribute(of column: Int) -> TimeAttribute? {
    let width = input.schema.count
    guard let length = lengthMicros else { return column == width + 2 ? .exact(offsetMicros: 0) : nil }
    if column < width { return inputTimeAttribute(of: column) }
    guard column == width + 2, let time = inputTimeAttribute(of: timeColumn) else { return nil }
    // A time of more digits than milliseconds may lie in the last millisecond of the window, behind window_time.
    let beyond: Int64 = (input.schema.fields[timeColumn].type.timePrecision ?? 9) > 3 ? 999 : 0
    switch time {
    case .exact(let offset): return .bounded(leadMicros: length - offset, lagMicros: offset + beyond)
    case .bounded(let lead, let lag): return .bounded(leadMicros: lead + length, lagMicros: lag + beyond)
    }
  }
}

extension Expression {
  /// The column and the constant number of microseconds when the expression is `column`, `column + INTERVAL` or
  /// `column - INTERVAL` (a cast between timestamp precisions 3 to 6 in between is looked through).
  public var columnPlusMicros: (column: Int, micros: Int64)? {
    switch kind {
    case .column(let index): return (index, 0)
    case .cast(let inner, _)
    where inner.type.isTimestamp && type.isTimestamp && (inner.type.timePrecision ?? 9) <= (type.timePrecision ?? 0):
      return inner.columnPlusMicros
    case .call("+", let arguments) where arguments.count == 2:
      if let millis = arguments[1].intervalMillisLiteral, let base = arguments[0].columnPlusMicros {
        return (base.column, base.micros &+ millis &* 1000)
      }
      if let millis = arguments[0].intervalMillisLiteral, let base = arguments[1].columnPlusMicros {
        return (base.column, base.micros &+ millis &* 1000)
      }
      return nil
    case .call("-", let arguments) where arguments.count == 2:
      guard let millis = arguments[1].intervalMillisLiteral, let base = arguments[0].columnPlusMicros else { return nil }
      return (base.column, base.micros &- millis &* 1000)
    default: return nil
    }
  }

  /// Milliseconds of a day-to-second interval literal.
  public var intervalMillisLiteral: Int64? {
    if type == .intervalMillis, case .literal(.int(let millis)) = kind { return millis }
    return nil
  }
}
