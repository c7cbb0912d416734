import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Any aggregate over frames, from the rows of each frame anew: for those that nothing quicker is known for.
final class ListedAggregates: FrameFunction {
  private static let rowsAtOnce = 65_536
  private let table: AggregateTable
  private let aggregates: [AggregateCall]
  private let columns: [(argument: Int?, filter: Int?)]
  /// Rows that their slots have not taken in yet, frame by frame.
  private var slots: [Int32] = []
  private var rows: [Int32] = []
  /// Rows taken in so far: aggregates in order take them in the order of their frames.
  private var taken: UInt64 = 0

  init(calls: [Int], _ aggregates: [AggregateCall], columns: [(argument: Int?, filter: Int?)]) throws(MillraceError) {
    self.aggregates = aggregates
    self.columns = columns
    table = try AggregateTable(AggregateLayout(calls: aggregates, retracts: false))
    super.init(calls: calls)
    table.grow(to: 1)
  }

  override var heldBytes: Int { table.heldBytes }
  override func growSlots(to bound: Int) { table.grow(to: bound) }
  override func release(_ slots: [Int32]) { table.clear(slots) }

  override func evaluate(_ run: FrameRun, _ entries: OrderedEntries) {
    for i in 0..<run.range.count {
      for position in Int(run.starts[i])..<Int(run.ends[i]) where run.counts(position, for: i) {
        slots.append(run.slots[i])
        rows.append(run.row(position))
      }
    }
  }

  /// Lets the slots take in their rows.
  private func settle(_ store: RowStore) throws(MillraceError) {
    for start in stride(from: 0, to: rows.count, by: Self.rowsAtOnce) {
      let range = start..<min(rows.count, start + Self.rowsAtOnce)
      let part = Array(rows[range])
      func column(_ index: Int?) -> Column? { index.map { store.gather(part, columns: [$0])[0] } }
      let arguments = AggregateArguments(arguments: columns.map { column($0.argument) }, filters: columns.map { column($0.filter) })
      try Array(slots[range]).withUnsafeBufferPointer { ids throws(MillraceError) in
        if let base = ids.baseAddress { try table.update(base, ids.count, arguments, weights: nil, times: nil, order: numbers(ids.count)) }
      }
    }
    slots.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
  }

  /// Order bytes that rise with every row; nil where no aggregate asks for an order.
  private func numbers(_ count: Int) -> Column? {
    guard aggregates.contains(where: { $0.function.isOrderSensitive }) else { return nil }
    let values = (0..<UInt64(count)).map { (taken &+ $0).bigEndian }
    taken &+= UInt64(count)
    let offsets = (0...count).map { Int32(truncatingIfNeeded: $0 * 8) }
    return Column(type: .bytes, count: count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(values)))
  }

  override func results(_ slots: [Int32], rows: [Int32], _ store: RowStore) throws(MillraceError) -> [Column] {
    try settle(store)
    return try table.results(slots)
  }

  override func compact(
    keeping live: [Int32], map: UnsafePointer<Int32>, slots: [Int32], _ store: RowStore
  ) throws(MillraceError) { try settle(store) }
}
