import MillraceColumns
import MillraceTypes

/// APPROX_COUNT_DISTINCT: a `HyperLogLog`, whose registers are a sorted list while few are set. Words: a handle.
///
/// The estimate is a function of the set of values alone, and that of a sliding window over the same rows.
final class SketchAccumulator: Accumulator {
  private enum Sketch {
    /// `register << 8 | rank`, one per register, ascending.
    case few([UInt32])
    /// The rank of each register.
    case registers([UInt8])
  }
  private static let fewMax = 256
  private var sketches = StoredValues<Sketch>()
  private let rows: LaneRows
  override var wordCount: Int { 1 }
  override var heldBytes: Int {
    sketches.heldBytes { sketch in
      switch sketch {
      case .few(let entries): entries.heldSlots
      case .registers(let ranks): ranks.capacity
      }
    }
  }

  init(offset: Int, argument: DataType?) {
    rows = LaneRows(argument)
    super.init(offset: offset)
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if input.firstRetraction(count) != nil { throw Self.cannotRetract("APPROX_COUNT_DISTINCT") }
    let values = self.rows
    values.load(argument: argument, filter: nil, rowCount: count)
    input.forEachRow(count) { i, weight in
      if weight != 0 { add(HyperLogLog.entry(hash: HyperLogLog.hash(values, i)), rows.row(ids[i], offset)) }
    }
    values.unload()
  }

  private func add(_ entry: UInt32, _ row: UnsafeMutablePointer<Int64>) {
    if row[0] == 0 { row[0] = sketches.store(.few([]), 0) }
    _ = sketches.modify(row[0]) { Self.insert(entry, into: &$0) }
  }

  private static func insert(_ entry: UInt32, into sketch: inout Sketch) {
    switch sketch {
    case .few(var entries):
      sketch = .few([])
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if entries[middle] >> 8 < entry >> 8 { low = middle + 1 } else { high = middle }
      }
      if low < entries.count, entries[low] >> 8 == entry >> 8 {
        entries[low] = max(entries[low], entry)
      } else {
        entries.insert(entry, at: low)
      }
      sketch = entries.count <= fewMax ? .few(entries) : .registers(registers(entries))
    case .registers(var registers):
      sketch = .few([])
      set(entry, &registers)
      sketch = .registers(registers)
    }
  }

  private static func registers(_ entries: [UInt32]) -> [UInt8] {
    var registers = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
    for entry in entries { set(entry, &registers) }
    return registers
  }

  @inline(__always) private static func set(_ entry: UInt32, _ registers: inout [UInt8]) {
    let rank = UInt8(truncatingIfNeeded: entry)
    if rank > registers[Int(entry >> 8)] { registers[Int(entry >> 8)] = rank }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) {
    guard let other = other as? SketchAccumulator else { return }
    for i in 0..<count {
      guard let theirs = other.sketches[otherRows.row(otherIDs[i], offset)[0]] else { continue }
      let row = rows.row(ids[i], offset)
      switch theirs {
      case .few(let entries): for entry in entries { add(entry, row) }
      case .registers(let registers):
        guard let mine = sketches[row[0]] else {
          row[0] = sketches.store(theirs, row[0])
          continue
        }
        var merged = registers
        switch mine {
        case .few(let entries): for entry in entries { Self.set(entry, &merged) }
        case .registers(let own): for r in merged.indices { merged[r] = max(merged[r], own[r]) }
        }
        row[0] = sketches.store(.registers(merged), row[0])
      }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    .int64s((0..<count).map { i in sketches[rows.row(ids[i], offset)[0]].map(Self.estimate) ?? 0 })
  }

  private static func estimate(_ sketch: Sketch) -> Int64 {
    var histogram = [Int](repeating: 0, count: HyperLogLog.highestRank + 1)
    switch sketch {
    case .few(let entries):
      histogram[0] = HyperLogLog.registerCount - entries.count
      for entry in entries { histogram[Int(entry & 0xFF)] += 1 }
    case .registers(let registers): for rank in registers { histogram[Int(rank)] += 1 }
    }
    return HyperLogLog.estimate(histogram)
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      sketches.release(row[0])
      row[0] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      switch sketches[rows.row(ids[i], offset)[0]] {
      case nil: writer.write(UInt8(0))
      case .few(let entries):
        writer.write(UInt8(1))
        writer.write(count: entries.count)
        for entry in entries { writer.write(Int32(bitPattern: entry)) }
      case .registers(let registers):
        writer.write(UInt8(2))
        writer.write(block: registers)
      }
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    let damaged = MillraceError(.checkpointInvalid, "a stored sketch is damaged", hint: "restore from an older checkpoint")
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      switch try reader.readUInt8() {
      case 0: row[0] = 0
      case 1:
        var entries: [UInt32] = []
        for _ in 0..<(try reader.readCount(unit: 4)) {
          let entry = UInt32(bitPattern: try reader.readInt32())
          guard HyperLogLog.isEntry(Int64(entry)), entries.last.map({ $0 >> 8 < entry >> 8 }) ?? true else { throw damaged }
          entries.append(entry)
        }
        row[0] = sketches.store(.few(entries), 0)
      default:
        let registers = try reader.readBlock()
        guard registers.count == HyperLogLog.registerCount, registers.allSatisfy({ Int($0) <= HyperLogLog.highestRank }) else {
          throw damaged
        }
        row[0] = sketches.store(.registers(registers), 0)
      }
    }
  }
}
