import MillraceColumns
import MillraceTypes

/// APPROX_COUNT_DISTINCT: HyperLogLog of 4,096 registers (standard error 1.6%), exact up to 256 distinct values. Words: a handle.
///
/// The hash and its seed are fixed, so the estimate is a function of the set of values alone.
final class SketchAccumulator: Accumulator {
  private enum Sketch {
    /// Sorted hashes of the distinct values so far.
    case few([UInt64])
    case registers([UInt8])
  }
  static let fewMax = 256
  private static let indexBits: UInt64 = 12
  private static let registerCount = 1 << 12
  private var sketches = StoredValues<Sketch>()
  override var wordCount: Int { 1 }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if input.firstRetraction(count) != nil { throw Self.cannotRetract("APPROX_COUNT_DISTINCT") }
    let encoded = KeyEncoder.encode([argument], rowCount: count)
    let (offsets, bytes) = encoded.variable
    input.forEachRow(count) { i, weight in
      guard weight != 0 else { return }
      let start = Int(offsets[i])
      add(Self.scrambled(KeyEncoder.hash(bytes + start, count: Int(offsets[i &+ 1]) &- start)), rows.row(ids[i], offset))
    }
    withExtendedLifetime(encoded) {}
  }

  /// The key hash once more through a mixer, since its upper bits also choose the key group.
  private static func scrambled(_ hash: UInt64) -> UInt64 {
    var z = hash &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private func add(_ hash: UInt64, _ row: UnsafeMutablePointer<Int64>) {
    if row[0] == 0 { row[0] = sketches.store(.few([]), 0) }
    sketches.modify(row[0]) { Self.insert(hash, into: &$0) }
  }

  private static func insert(_ hash: UInt64, into sketch: inout Sketch) {
    switch sketch {
    case .few(var hashes):
      sketch = .few([])
      var low = 0
      var high = hashes.count
      while low < high {
        let middle = (low + high) / 2
        if hashes[middle] < hash { low = middle + 1 } else { high = middle }
      }
      if low == hashes.count || hashes[low] != hash { hashes.insert(hash, at: low) }
      if hashes.count <= fewMax {
        sketch = .few(hashes)
      } else {
        var registers = [UInt8](repeating: 0, count: registerCount)
        for hash in hashes { set(hash, &registers) }
        sketch = .registers(registers)
      }
    case .registers(var registers):
      sketch = .few([])
      set(hash, &registers)
      sketch = .registers(registers)
    }
  }

  @inline(__always) private static func set(_ hash: UInt64, _ registers: inout [UInt8]) {
    let index = Int(hash >> (64 - indexBits))
    let rank = UInt8(truncatingIfNeeded: min(64 - Int(indexBits), (hash << indexBits).leadingZeroBitCount) + 1)
    if rank > registers[index] { registers[index] = rank }
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
      case .few(let hashes): for hash in hashes { add(hash, row) }
      case .registers(let registers):
        guard let mine = sketches[row[0]] else {
          row[0] = sketches.store(theirs, row[0])
          continue
        }
        var merged = registers
        switch mine {
        case .few(let hashes): for hash in hashes { Self.set(hash, &merged) }
        case .registers(let own): for r in 0..<Self.registerCount { merged[r] = max(merged[r], own[r]) }
        }
        row[0] = sketches.store(.registers(merged), row[0])
      }
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) -> Column {
    .int64s(
      (0..<count).map { i in
        switch sketches[rows.row(ids[i], offset)[0]] {
        case nil: 0
        case .few(let hashes): Int64(hashes.count)
        case .registers(let registers): Self.estimate(registers)
        }
      })
  }

  /// Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6): no
  /// bias tables. Sums run in a fixed order.
  private static func estimate(_ registers: [UInt8]) -> Int64 {
    let q = 64 - Int(indexBits)
    var counts = [Double](repeating: 0, count: q + 2)
    for register in registers { counts[Int(register)] += 1 }
    let m = Double(registerCount)
    var z = m * tau(1 - counts[q + 1] / m)
    for k in stride(from: q, through: 1, by: -1) { z = 0.5 * (z + counts[k]) }
    z += m * sigma(counts[0] / m)
    return Int64((0.721347520444481703680 * m * m / z).rounded())
  }

  private static func sigma(_ start: Double) -> Double {
    if start == 1 { return .infinity }
    var x = start
    var y = 1.0
    var z = x
    while true {
      x *= x
      let old = z
      z += x * y
      y += y
      if z == old { return z }
    }
  }

  private static func tau(_ start: Double) -> Double {
    if start == 0 || start == 1 { return 0 }
    var x = start
    var y = 1.0
    var z = 1 - x
    while true {
      x = x.squareRoot()
      let old = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == old { return z / 3 }
    }
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
      case .few(let hashes):
        writer.write(UInt8(1))
        writer.write(count: hashes.count)
        for hash in hashes { writer.write(hash) }
      case .registers(let registers):
        writer.write(UInt8(2))
        writer.write(block: registers)
      }
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      switch try reader.readUInt8() {
      case 0: row[0] = 0
      case 1:
        var hashes: [UInt64] = []
        for _ in 0..<(try reader.readCount(unit: 8)) { hashes.append(try reader.readUInt64()) }
        row[0] = sketches.store(.few(hashes), 0)
      default:
        let registers = try reader.readBlock()
        guard registers.count == Self.registerCount, registers.allSatisfy({ Int($0) <= 65 - Int(Self.indexBits) }) else {
          throw MillraceError(.checkpointInvalid, "a stored sketch is damaged", hint: "restore from an older checkpoint")
        }
        row[0] = sketches.store(.registers(registers), 0)
      }
    }
  }
}
