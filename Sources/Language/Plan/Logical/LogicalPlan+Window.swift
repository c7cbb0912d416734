import MillraceExpressions
import MillraceTypes

/// Which columns of a relation say in which window each row is.
public struct WindowAttribute: Sendable, Hashable {
  public var kind: WindowTable.Kind
  /// Columns that hold window_start, window_end and window_time; starts and ends are never empty.
  public var starts: Set<Int>
  public var ends: Set<Int>
  public var times: Set<Int>
  /// No row's event time is later than the last instant of its window plus this: when the watermark is at the window's end plus
  /// this, all rows of the window are there.
  public var lagMicros: Int64

  public init(kind: WindowTable.Kind, starts: Set<Int>, ends: Set<Int>, times: Set<Int>, lagMicros: Int64) {
    self.kind = kind
    self.starts = starts
    self.ends = ends
    self.times = times
    self.lagMicros = lagMicros
  }
}

extension LogicalPlan {
  /// The window that the rows are in, traced through projections, filters, groupings and the like; nil when there is none.
  public var window: WindowAttribute? {
    switch self {
    case .window(let n):
      let width = n.input.schema.count
      guard n.kind.isSession || n.inputTimeAttribute(of: n.timeColumn) != nil else { return nil }
      return WindowAttribute(
        kind: n.kind, starts: [width], ends: [width + 1], times: [width + 2], lagMicros: n.kind.isSession ? 0 : n.lagMicros)
    case .aggregate(let n):
      guard let window = n.window else { return nil }
      return WindowAttribute(kind: window.kind, starts: [window.start], ends: [window.end], times: Set(window.times), lagMicros: 0)
    case .project(let n):
      guard var window = n.input.window else { return nil }
      func places(_ columns: Set<Int>) -> Set<Int> {
        Set(n.expressions.indices.filter { if case .column(let c) = n.expressions[$0].kind { columns.contains(c) } else { false } })
      }
      (window.starts, window.ends, window.times) = (places(window.starts), places(window.ends), places(window.times))
      return window.starts.isEmpty || window.ends.isEmpty ? nil : window
    case .filter(let n): return n.input.window
    case .over(let n): return n.input.window
    case .rank(let n):
      guard n.window != nil || n.onlyInserts, var window = n.input.window else { return nil }
      if n.window != nil { window.lagMicros = 0 }
      return window
    case .predict(let n): return n.input.window
    case .temporalJoin(let n): return n.join.left.window
    case .asOf(let n):
      guard var window = n.input.window else { return nil }
      window.lagMicros += n.shiftMicros
      return window
    case .union(let n):
      guard var window = n.inputs[0].window else { return nil }
      for input in n.inputs.dropFirst() {
        guard let other = input.window, other.kind == window.kind else { return nil }
        window.starts.formIntersection(other.starts)
        window.ends.formIntersection(other.ends)
        window.times.formIntersection(other.times)
        window.lagMicros = max(window.lagMicros, other.lagMicros)
      }
      return window.starts.isEmpty || window.ends.isEmpty ? nil : window
    case .join(let n):
      guard let window = n.window else { return nil }
      // A side whose rows may be missing does not always have its columns.
      let (left, right) = (n.left.window, n.right.window)
      var result = WindowAttribute(kind: window.kind, starts: [], ends: [], times: [], lagMicros: 0)
      if let left, n.kind != .right, n.kind != .full { (result.starts, result.ends, result.times) = (left.starts, left.ends, left.times) }
      if let right, n.kind == .inner || n.kind == .right {
        let width = n.left.schema.count
        result.starts.formUnion(right.starts.map { $0 + width })
        result.ends.formUnion(right.ends.map { $0 + width })
        result.times.formUnion(right.times.map { $0 + width })
      }
      return result.starts.isEmpty || result.ends.isEmpty ? nil : result
    default: return nil
    }
  }
}

extension Aggregate {
  static func window(_ keys: [Expression], over input: LogicalPlan) -> Window? {
    let columns = keys.map { key -> Int? in if case .column(let column) = key.kind { column } else { nil } }
    guard columns.contains(where: { $0 != nil }), let window = input.window else { return nil }
    func places(_ wanted: Set<Int>) -> [Int] { columns.indices.filter { columns[$0].map(wanted.contains) ?? false } }
    guard let start = places(window.starts).first, let end = places(window.ends).first else { return nil }
    return Window(start: start, end: end, times: places(window.times), kind: window.kind, lagMicros: window.lagMicros)
  }

  /// The window table right below a grouping by its window: such a grouping needs no rows assigned to windows one by one.
  ///
  /// The binder puts the grouping right on top of the window table where it can; keys and arguments refer to its columns.
  public var windowInput: WindowTable? {
    guard let window, case .window(let table) = input else { return nil }
    let width = table.input.schema.count
    return keys[window.start].kind == .column(width) && keys[window.end].kind == .column(width + 1) ? table : nil
  }
}

extension Join.Window {
  /// What both sides are distributed by: the equal keys, or the window where there are none.
  public func exchangeKeys(_ join: Join) -> (left: [Expression], right: [Expression]) {
    if !join.leftKeys.isEmpty { return (join.leftKeys, join.rightKeys) }
    let (left, right) = (join.left.schema.fields, join.right.schema.fields)
    return (
      [.column(leftStart, left[leftStart]), .column(leftEnd, left[leftEnd])],
      [.column(rightStart, right[rightStart]), .column(rightEnd, right[rightEnd])]
    )
  }
}
