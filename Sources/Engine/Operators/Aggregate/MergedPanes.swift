import MillraceTypes

/// The aggregates of the latest window, put together from its panes in the order of ids, so that memory is walked and not
/// jumped about in.
///
/// Where aggregates are sums of words, panes that enter are added and panes that leave are subtracted: a window costs what it
/// does not share with the one before it, however many panes it has. Others are merged anew for each window.
final class MergedPanes {
  private let layout: AggregateLayout
  private var table: AggregateTable?
  /// The panes whose rows are in the table.
  private var covered: [WindowPanes.Pane] = []
  private var identity: [Int32] = []
  private static let chunk = 4096

  init(_ layout: AggregateLayout) { self.layout = layout }

  /// The table of all groups below `bound` over some panes, good until the next call; nil when the aggregates keep so much beside
  /// their words that the whole window should not be held twice.
  func table(of panes: [WindowPanes.Pane], bound: Int) throws(MillraceError) -> AggregateTable? {
    let table: AggregateTable
    if let known = self.table { table = known } else { table = try AggregateTable(layout) }
    self.table = table
    if table.combining == .stores { return nil }
    table.grow(to: bound)
    if table.combining == .addition {
      let (wanted, known) = (Set(panes.map(\.start)), Set(covered.map(\.start)))
      for pane in covered where !wanted.contains(pane.start) { add(pane, to: table, subtract: true) }
      for pane in panes where !known.contains(pane.start) { add(pane, to: table, subtract: false) }
    } else {
      try forEachChunk(of: bound) { ids throws(MillraceError) in
        table.clear(ids)
        for pane in panes where pane.isDense {
          pane.table.grow(to: bound)
          try table.merge(ids, from: pane.table, ids)
        }
      }
      for pane in panes where !pane.isDense { try table.merge(pane.ids, from: pane.table, pane.ownGroups) }
    }
    covered = panes
    return table
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
    if let table, table.combining == .addition {
      for pane in covered where pane.start < start { add(pane, to: table, subtract: true) }
    }
    covered.removeAll { $0.start < start }
  }

  /// A pane takes in more rows.
  func willChange(_ pane: WindowPanes.Pane) {
    guard !covered.isEmpty, let place = covered.firstIndex(where: { $0 === pane }) else { return }
    if let table, table.combining == .addition { add(pane, to: table, subtract: true) }
    covered.remove(at: place)
  }
}
