import MillraceTypes

/// The aggregates of the latest window, put together from its panes in the order of ids, so that memory is walked and not
/// jumped about in.
///
/// Where aggregates are sums of words, panes that enter are added and panes that leave are subtracted: a window costs what it
/// does not share with the one before it, however many panes it has. Others are merged anew when a pane has left.
final class MergedPanes {
  private let layout: AggregateLayout
  private var table: AggregateTable?
  /// The panes whose rows are in the table, by start: those of the window before that are still there and have not changed.
  private var covered: [WindowPanes.Pane] = []
  /// Some rows in the table are of panes that are not covered any more (where they cannot be subtracted).
  private var isStale = false
  private var identity: [Int32] = []
  private static let chunk = 4096

  init(_ layout: AggregateLayout) { self.layout = layout }

  var heldBytes: Int { (table?.heldBytes ?? 0) + identity.heldSlots }

  /// The table of all groups below `bound` over some panes, good until the next call; nil when the aggregates keep so much beside
  /// their words that the whole window should not be held twice.
  ///
  /// - Parameter panes: by start. No pane before the first of them is in a later window.
  func table(of panes: ArraySlice<WindowPanes.Pane>, bound: Int) throws(MillraceError) -> AggregateTable? {
    let table: AggregateTable
    if let known = self.table { table = known } else { table = try AggregateTable(layout) }
    self.table = table
    if table.combining == .stores { return nil }
    table.grow(to: bound)
    if let first = panes.first { drop(before: first.start) }
    if isStale {
      try forEachChunk(of: table.bound) { ids throws(MillraceError) in table.clear(ids) }
      for pane in covered { pane.isCovered = false }
      covered.removeAll(keepingCapacity: true)
      isStale = false
    }
    // Those that enter stand at the end, but for a few that have changed.
    var missing = panes.count - covered.count
    var entering: [WindowPanes.Pane] = []
    for pane in panes.reversed() {
      if missing == 0 { break }
      if pane.isCovered { continue }
      entering.append(pane)
      missing -= 1
    }
    for pane in entering.reversed() {
      try enter(pane, table, bound)
      pane.isCovered = true
      covered.insert(pane, at: place(of: pane.start))
    }
    return table
  }

  private func enter(_ pane: WindowPanes.Pane, _ table: AggregateTable, _ bound: Int) throws(MillraceError) {
    if table.combining == .addition {
      add(pane, to: table, subtract: false)
    } else if pane.isDense && pane.ids.count * 4 > bound {
      pane.table.grow(to: bound)
      try forEachChunk(of: bound) { ids throws(MillraceError) in try table.merge(ids, from: pane.table, ids) }
    } else {
      try table.merge(pane.ids, from: pane.table, pane.ownGroups)
    }
  }

  private func add(_ pane: WindowPanes.Pane, to table: AggregateTable, subtract: Bool) {
    if pane.isDense {
      table.add(pane.table, pane.ids, subtract: subtract)
    } else {
      table.addInOrder(pane.table, to: pane.ids, subtract: subtract)
    }
  }

  private func forEachChunk(of bound: Int, _ body: ([Int32]) throws(MillraceError) -> Void) throws(MillraceError) {
    for start in stride(from: 0, to: bound, by: Self.chunk) {
      identity.removeAll(keepingCapacity: true)
      identity.append(contentsOf: Int32(truncatingIfNeeded: start)..<Int32(truncatingIfNeeded: min(bound, start + Self.chunk)))
      try body(identity)
    }
  }

  /// Panes before `start` are about to go.
  func drop(before start: Int64) {
    let gone = place(of: start)
    for pane in covered[..<gone] { leave(pane) }
    if gone > 0 { covered.removeFirst(gone) }
  }

  /// The first covered pane that does not begin before `start`.
  private func place(of start: Int64) -> Int {
    if let last = covered.last, last.start < start { return covered.count }
    var (low, high) = (0, covered.count)
    while low < high {
      let middle = (low + high) / 2
      if covered[middle].start < start { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A pane takes in more rows.
  func willChange(_ pane: WindowPanes.Pane) {
    guard pane.isCovered else { return }
    leave(pane)
    covered.remove(at: place(of: pane.start))
  }

  private func leave(_ pane: WindowPanes.Pane) {
    pane.isCovered = false
    if let table, table.combining == .addition { add(pane, to: table, subtract: true) } else { isStale = true }
  }
}
