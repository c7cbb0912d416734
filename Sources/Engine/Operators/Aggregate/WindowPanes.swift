import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// The partial aggregates of every key by pane: what tumbling and hopping windows are put together from.
final class WindowPanes {
  /// Dense panes keep the state of key `id` in group `id` of their table. Panes with few of the keys present keep that of their
  /// n-th key, `ids[n]`, in group n: memory follows the keys of the pane, not those of all panes.
  final class Pane {
    fileprivate(set) var start: Int64
    fileprivate(set) var table: AggregateTable
    /// Ids with rows in this pane, in order of arrival.
    fileprivate(set) var ids: [Int32] = []
    /// Group by id; nil in a dense pane.
    fileprivate var locals: IntegerKeyTable?
    /// Its rows are in the table of the latest window.
    var isCovered = false

    init(start: Int64, table: AggregateTable, isDense: Bool) {
      self.start = start
      self.table = table
      locals = isDense ? nil : IntegerKeyTable()
    }

    var isDense: Bool { locals == nil }

    var heldBytes: Int { table.heldBytes + ids.heldSlots + (locals?.heldBytes ?? 0) }

    /// The groups of some keys in `table`, -1 for those without rows.
    func groups(_ ids: [Int32]) -> [Int32] {
      if let locals { return WindowPanes.lookUp(ids, in: locals, insert: false) }
      let bound = table.bound
      return ids.map { Int($0) < bound && table.rowCount($0) != 0 ? $0 : -1 }
    }

    /// The groups of `ids`, key by key.
    var ownGroups: [Int32] { isDense ? ids : Array(0..<Int32(truncatingIfNeeded: ids.count)) }
  }

  fileprivate static func lookUp(_ ids: [Int32], in table: IntegerKeyTable, insert: Bool) -> [Int32] {
    var groups = [Int32](repeating: -1, count: ids.count)
    let column = Column(type: .int32, count: ids.count, values: .fixed(Buffer(ids)))
    groups.withUnsafeMutableBufferPointer { groups in
      if let base = groups.baseAddress { table.lookUp(column, rowCount: ids.count, into: base, insert: insert) }
    }
    return groups
  }

  /// With no more keys than this every pane is dense.
  private static let smallBound = 4096

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

  var heldBytes: Int {
    let keys = index.heldBytes + paneCounts.heldBytes + order.heldBytes + absent.heldSlots
    return panes.reduce(keys + (spare?.heldBytes ?? 0)) { $0 + $1.heldBytes }
  }

  func pane(at start: Int64) throws(MillraceError) -> Pane {
    if let last = panes.last, last.start == start { return last }
    let place = place(of: start)
    if place < panes.count && panes[place].start == start { return panes[place] }
    let bound = index.idBound
    // A new pane is likely to be as full as the latest one.
    let isDense = bound <= Self.smallBound || panes.last.map { $0.isDense && $0.ids.count * 8 > bound } ?? (spare != nil)
    let pane: Pane
    if let spare, isDense {
      pane = spare
      pane.start = start
      self.spare = nil
    } else {
      pane = Pane(start: start, table: try AggregateTable(layout), isDense: isDense)
    }
    panes.insert(pane, at: place)
    return pane
  }

  /// The first pane that does not begin before `start`.
  private func place(of start: Int64) -> Int {
    var (low, high) = (0, panes.count)
    while low < high {
      let middle = (low + high) / 2
      if panes[middle].start < start { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The panes that begin in a stretch of time, its end left out.
  func panes(from start: Int64, to end: Int64) -> ArraySlice<Pane> { panes[place(of: start)..<place(of: end)] }

  /// Takes rows of one pane; row i has key `ids[i]` of `index`.
  func update(
    _ pane: Pane, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateArguments, weights: Column?, times: Column?,
    order: Column?
  ) throws(MillraceError) {
    try prepare(pane)
    fresh.grow(to: count + 1)
    guard let locals = pane.locals else {
      let found = try pane.table.update(ids, count, input, weights: weights, times: times, order: order, fresh: fresh.base)
      if found > 0 { seen(pane, fresh.base, found) }
      return
    }
    let groups = Self.lookUp(Array(UnsafeBufferPointer(start: ids, count: count)), in: locals, insert: true)
    pane.table.grow(to: Int(locals.ids.bound))
    try groups.withUnsafeBufferPointer { groups throws(MillraceError) in
      guard let base = groups.baseAddress else { return }
      let new = fresh.base
      let found = try pane.table.update(base, count, input, weights: weights, times: times, order: order, fresh: new)
      for i in 0..<found { new[i] = Int32(truncatingIfNeeded: locals.key(ofID: new[i])) }
      if found > 0 { seen(pane, new, found) }
    }
  }

  /// Makes a pane ready for every id of the index, in the form that suits the share of them that it has.
  private func prepare(_ pane: Pane) throws(MillraceError) {
    let bound = index.idBound
    paneCounts.grow(to: bound)
    if pane.isDense {
      guard bound > Self.smallBound, pane.table.bound < bound, pane.ids.count * 8 < bound else {
        pane.table.grow(to: bound)
        return
      }
      let table = try AggregateTable(layout)
      let locals = IntegerKeyTable()
      let groups = Self.lookUp(pane.ids, in: locals, insert: true)
      table.grow(to: groups.count)
      try table.merge(groups, from: pane.table, pane.ids)
      (pane.table, pane.locals) = (table, locals)
    } else if pane.ids.count * 4 > bound {
      let table = try AggregateTable(layout)
      table.grow(to: bound)
      try table.merge(pane.ids, from: pane.table, pane.ownGroups)
      (pane.table, pane.locals) = (table, nil)
    }
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
      guard first.isDense else { continue }
      first.isCovered = false
      first.table.reset(first.ids)
      first.ids.removeAll(keepingCapacity: true)
      spare = first
    }
  }

  /// The keys with rows in any of some panes, in canonical order; also some others where the panes are full.
  func sortedIDs(in parts: ArraySlice<Pane>) -> [Int32] {
    var total = 0
    for part in parts {
      total += part.ids.count
      if total * 4 >= index.count { return sortedIDs() }
    }
    if parts.count == 1 { return index.sorted(parts.flatMap(\.ids)) }
    var known: Set<Int32> = []
    return index.sorted(parts.flatMap(\.ids).filter { known.insert($0).inserted })
  }

  /// The states of some keys over some panes, put together in groups 0, 1, 2... of `target`, key by key.
  func merge(_ ids: [Int32], of parts: ArraySlice<Pane>, into target: AggregateTable) throws(MillraceError) {
    for part in parts {
      var targets: [Int32] = []
      var sources: [Int32] = []
      for (place, group) in part.groups(ids).enumerated() where group >= 0 {
        targets.append(Int32(truncatingIfNeeded: place))
        sources.append(group)
      }
      try target.merge(targets, from: part.table, sources)
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
    var written: [(start: Int64, positions: [Int32], groups: [Int32], table: AggregateTable)] = []
    for pane in panes {
      var positions: [Int32] = []
      var groups: [Int32] = []
      for (position, group) in pane.groups(ids).enumerated() where group >= 0 {
        positions.append(Int32(truncatingIfNeeded: position))
        groups.append(group)
      }
      if !groups.isEmpty { written.append((pane.start, positions, groups, pane.table)) }
    }
    writer.write(count: written.count)
    for entry in written {
      writer.write(entry.start)
      entry.positions.withUnsafeBytes { writer.write(block: $0) }
      entry.table.write(entry.groups, into: &writer)
    }
  }

  func read(_ reader: inout ByteReader) throws(MillraceError) {
    let ids = try index.readKeys(&reader)
    for _ in 0..<(try reader.readCount(unit: 16)) {
      let pane = try pane(at: try reader.readInt64())
      try prepare(pane)
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
      var groups = present
      if let locals = pane.locals {
        groups = Self.lookUp(present, in: locals, insert: true)
        pane.table.grow(to: Int(locals.ids.bound))
      }
      try pane.table.read(groups, from: &reader)
      present.withUnsafeBufferPointer { present in
        if let base = present.baseAddress { seen(pane, base, present.count) }
      }
    }
  }
}
