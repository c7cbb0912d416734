import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// The partial aggregates of every key by pane: what tumbling and hopping windows are put together from.
final class WindowPanes {
  final class Pane {
    fileprivate(set) var start: Int64
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
  /// Keys that were in no pane when panes were last dropped: forgotten the next time unless they come back, so that keys which
  /// are in every window but for a moment stay.
  private var absent: [Int32] = []
  private let fresh = DenseArray<Int32>(fill: 0, capacity: 4096)
  /// The last pane dropped, cleared: its memory serves the next one.
  private var spare: Pane?

  init(keyTypes: [DataType], layout: AggregateLayout, maxParallelism: Int) {
    index = KeyIndex(types: keyTypes, maxParallelism: maxParallelism)
    self.layout = layout
  }

  func pane(at start: Int64) throws(MillraceError) -> Pane {
    if let last = panes.last, last.start == start { return last }
    let place = panes.firstIndex { $0.start >= start } ?? panes.count
    if place < panes.count && panes[place].start == start { return panes[place] }
    let pane: Pane
    if let spare { pane = spare } else { pane = Pane(start: start, table: try AggregateTable(layout)) }
    spare = nil
    pane.start = start
    panes.insert(pane, at: place)
    return pane
  }

  /// Takes rows of one pane; row i has key `ids[i]` of `index`.
  func update(
    _ pane: Pane, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateArguments, weights: Column?, times: Column?,
    order: Column?
  ) throws(MillraceError) {
    prepare(pane)
    fresh.grow(to: count + 1)
    let found = try pane.table.update(ids, count, input, weights: weights, times: times, order: order, fresh: fresh.base)
    if found > 0 { seen(pane, fresh.base, found) }
  }

  private func prepare(_ pane: Pane) {
    pane.table.grow(to: index.idBound)
    paneCounts.grow(to: index.idBound)
  }

  /// Keys that have their first rows in a pane.
  private func seen(_ pane: Pane, _ ids: UnsafePointer<Int32>, _ count: Int) {
    pane.ids.append(contentsOf: UnsafeBufferPointer(start: ids, count: count))
    let counts = paneCounts.base
    let distance = IntegerKeyTable.prefetchDistance
    for i in 0..<count {
      if i &+ distance < count { millrace_prefetch_write(counts + Int(ids[i &+ distance])) }
      let id = ids[i]
      counts[Int(id)] &+= 1
      if counts[Int(id)] == 1 { order.insert(id) }
    }
  }

  /// Every key with rows in some pane, and perhaps some without, in canonical order.
  func sortedIDs() -> [Int32] { order.ids(of: index) }

  /// Forgets the panes before `start`, and keys that have been without rows for long enough.
  func drop(before start: Int64) {
    guard let first = panes.first, first.start < start else { return }
    let counts = paneCounts.base
    let distance = IntegerKeyTable.prefetchDistance
    let gone = absent.filter { counts[Int($0)] == 0 }
    for id in gone { order.remove(id) }
    index.remove(gone)
    absent.removeAll(keepingCapacity: true)
    while let first = panes.first, first.start < start {
      first.ids.withUnsafeBufferPointer { ids in
        for i in 0..<ids.count {
          if i &+ distance < ids.count { millrace_prefetch_write(counts + Int(ids[i &+ distance])) }
          let id = ids[i]
          counts[Int(id)] &-= 1
          if counts[Int(id)] == 0 { absent.append(id) }
        }
      }
      panes.removeFirst()
      first.table.reset(first.ids)
      first.ids.removeAll(keepingCapacity: true)
      spare = first
    }
  }

  // MARK: snapshots

  /// The keys that have rows, by key group.
  func idsByKeyGroup() -> [(keyGroup: Int, ids: [Int32])] {
    index.idsByKeyGroup().compactMap { keyGroup, ids in
      let present = ids.filter { paneCounts[Int($0)] != 0 }
      return present.isEmpty ? nil : (keyGroup, present)
    }
  }

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
      present.withUnsafeBufferPointer { present in
        if let base = present.baseAddress { seen(pane, base, present.count) }
      }
    }
  }
}
