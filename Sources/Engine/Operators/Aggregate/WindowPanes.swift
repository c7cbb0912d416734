import MillraceColumns
import MillraceTypes

/// The partial aggregates of every key by pane: what tumbling and hopping windows are put together from.
final class WindowPanes {
  final class Pane {
    let start: Int64
    let table: AggregateTable
    /// Ids with rows in this pane, in order of arrival.
    fileprivate(set) var ids: [Int32] = []
    init(start: Int64, table: AggregateTable) {
      self.start = start
      self.table = table
    }
  }

  let index: KeyIndex
  private let layout: AggregateLayout
  /// By start.
  private(set) var panes: [Pane] = []
  /// Per key: panes that have rows of it.
  private let paneCounts = DenseArray<Int32>(fill: 0)
  private var order = SortedKeys()
  /// A table of a pane that is gone, to be used again.
  private var spare: AggregateTable?

  init(keyTypes: [DataType], layout: AggregateLayout, maxParallelism: Int) {
    index = KeyIndex(types: keyTypes, maxParallelism: maxParallelism)
    self.layout = layout
  }

  func pane(at start: Int64) throws(MillraceError) -> Pane {
    if let last = panes.last, last.start == start { return last }
    let place = panes.firstIndex { $0.start >= start } ?? panes.count
    if place < panes.count && panes[place].start == start { return panes[place] }
    let table: AggregateTable
    if let spare { table = spare } else { table = try AggregateTable(layout) }
    spare = nil
    let pane = Pane(start: start, table: table)
    panes.insert(pane, at: place)
    return pane
  }

  /// Takes rows of one pane; row i has key `ids[i]` of `index`.
  func update(
    _ pane: Pane, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateArguments, weights: Column?, times: Column?,
    order: Column?
  ) throws(MillraceError) {
    prepare(pane)
    try pane.table.update(ids, count, input, weights: weights, times: times, order: order) { seen(pane, $0) }
  }

  private func prepare(_ pane: Pane) {
    pane.table.grow(to: index.idBound)
    paneCounts.grow(to: index.idBound)
  }

  private func seen(_ pane: Pane, _ ids: UnsafeBufferPointer<Int32>) {
    pane.ids.append(contentsOf: ids)
    let counts = paneCounts.base
    for id in ids {
      counts[Int(id)] &+= 1
      if counts[Int(id)] == 1 { order.insert(id) }
    }
  }

  /// Every key with rows in some pane, in canonical order.
  func sortedIDs() -> [Int32] { order.ids(of: index) }

  /// Forgets the panes before `start`, and the keys that only they had.
  func drop(before start: Int64) {
    var gone: [Int32] = []
    while let first = panes.first, first.start < start {
      for id in first.ids {
        paneCounts[Int(id)] &-= 1
        if paneCounts[Int(id)] == 0 {
          order.remove(id)
          gone.append(id)
        }
      }
      if first.table.isAllInWords {
        first.table.resetWords()
        spare = first.table
      }
      panes.removeFirst()
    }
    index.remove(gone)
  }

  /// The groups of some panes put together, by key id, in `target`.
  ///
  /// Ids are taken in their own order, so memory is read and written in sequence; groups without rows add nothing.
  func merge(_ parts: [Pane], into target: AggregateTable) throws(MillraceError) {
    let bound = index.idBound
    target.grow(to: bound)
    for start in stride(from: 0, to: bound, by: 4096) {
      let ids = Array(Int32(truncatingIfNeeded: start)..<Int32(truncatingIfNeeded: min(bound, start + 4096)))
      for part in parts { try target.merge(ids, from: part.table, ids) }
    }
  }

  // MARK: snapshots

  func write(_ ids: [Int32], into writer: inout ByteWriter) {
    index.writeKeys(ids, into: &writer)
    writer.write(count: panes.count)
    for pane in panes {
      pane.table.grow(to: index.idBound)
      var present: [Int32] = []
      var positions: [Int32] = []
      for (position, id) in ids.enumerated() where pane.table.rowCount(id) != 0 {
        present.append(id)
        positions.append(Int32(truncatingIfNeeded: position))
      }
      writer.write(pane.start)
      positions.withUnsafeBytes { writer.write(block: $0) }
      pane.table.write(present, into: &writer)
    }
  }

  func read(_ reader: inout ByteReader) throws(MillraceError) {
    let ids = try index.readKeys(&reader)
    for _ in 0..<(try reader.readCount(unit: 16)) {
      let pane = try pane(at: try reader.readInt64())
      prepare(pane)
      let block = try reader.readBlock()
      var positions = ByteReader(block)
      var present: [Int32] = []
      while !positions.isAtEnd {
        let position = Int(try positions.readInt32())
        guard ids.indices.contains(position) else {
          throw MillraceError(.checkpointInvalid, "a stored window pane is damaged", hint: "restore from an older checkpoint")
        }
        present.append(ids[position])
      }
      try pane.table.read(present, from: &reader)
      present.withUnsafeBufferPointer { seen(pane, $0) }
    }
  }
}
