import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceOperators

/// A small seeded generator (SplitMix64), so that failures can be replayed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct KeyIndexTests {
  static let patterns = ["sequential", "scrambled", "stride", "high bits", "few", "extremes"]

  private func keys(_ pattern: String, _ n: Int, _ random: inout SeededRandom) -> [Int64] {
    (0..<n).map { i in
      let r = Int64.random(in: 0..<Int64(n / 2 + 1), using: &random)
      switch pattern {
      case "sequential": return r
      case "scrambled": return Int64(bitPattern: UInt64(bitPattern: r) &* 0x9E37_79B9_7F4A_7C15)
      case "stride": return r << 20
      case "high bits": return r << 44
      case "few": return r % 7
      default: return r % 3 == 0 ? .min &+ r : r % 3 == 1 ? .max &- r : -r
      }
    }
  }

  private func lookUp(_ index: KeyIndex, _ columns: [Column], insert: Bool = true) -> [Int32] {
    let n = columns[0].count
    return [Int32](unsafeUninitializedCapacity: n) { buffer, count in
      if let base = buffer.baseAddress { index.ids(of: columns, rowCount: n, into: base, insert: insert) }
      count = n
    }
  }

  @Test(arguments: patterns) func integersAgreeWithDictionary(_ pattern: String) throws {
    var random = SeededRandom(seed: 11)
    let index = KeyIndex(types: [.int64])
    var reference: [Int64: Int32] = [:]
    for size in [1, 7, 4096, 30_000, 4095, 60_000] {
      let batch = keys(pattern, size, &random)
      let before = lookUp(index, [.int64s(batch)], insert: false)
      for (key, id) in zip(batch, before) { #expect(id == reference[key] ?? -1) }
      let ids = lookUp(index, [.int64s(batch)])
      for (key, id) in zip(batch, ids) {
        if let known = reference[key] { if known != id { Issue.record("\(key): \(id) is not \(known)") } } else { reference[key] = id }
      }
      #expect(index.count == reference.count)
      #expect(Set(reference.values).count == reference.count)
      #expect(index.idBound == reference.count)
    }
    for (key, id) in reference.prefix(500) {
      #expect(index.keyGroup(ofID: id) == KeyGroup.of(hash: KeyEncoder.keyGroupHash(KeyEncoder.hash(int64: key)), maxParallelism: 128))
    }
    let sorted = index.sorted(index.allIDs())
    #expect(try index.keyColumns(sorted)[0] == .int64s(reference.keys.sorted()))
  }

  @Test func keysThatShareOneSlotOfTheTable() {
    // Keys picked so that many fall on neighbouring slots of a table of 1024: a chain that wraps round its end.
    func slot(_ key: Int64) -> UInt64 {
      let p = (UInt64(bitPattern: key) ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
      return (p.high ^ p.low) >> 54
    }
    var colliding: [Int64] = []
    var key: Int64 = 0
    while colliding.count < 400 {
      if slot(key) >= 1020 { colliding.append(key) }
      key += 1
    }
    let table = IntegerKeyTable()
    let ids = colliding.map { table.id(of: $0, insert: true) }
    #expect(Set(ids).count == 400)
    for (i, key) in colliding.enumerated() where i % 2 == 0 {
      table.remove(ids[i])
      #expect(table.id(of: key, insert: false) == -1)
    }
    for (i, key) in colliding.enumerated() { #expect(table.id(of: key, insert: false) == (i % 2 == 0 ? -1 : ids[i])) }
  }

  @Test(arguments: [DataType.int8, .int16, .int32, .date, .timestamp(precision: 3), .timestampLTZ(precision: 6)])
  func narrowTypesWithNulls(_ type: DataType) throws {
    var random = SeededRandom(seed: 5)
    let values: [Value] = (0..<5000).map { _ in
      Int.random(in: 0..<9, using: &random) == 0 ? .null : .int(Int64.random(in: -100...100, using: &random))
    }
    let index = KeyIndex(types: [type])
    let ids = lookUp(index, [try Column(type: type, values)])
    var reference: [Value: Int32] = [:]
    for (value, id) in zip(values, ids) { #expect(reference.updateValue(id, forKey: value).map { $0 == id } ?? true) }
    #expect(index.count == reference.count)
    let sorted = index.sorted(index.allIDs())
    let columns = try index.keyColumns(sorted)
    #expect(columns[0].type == type)
    #expect(columns[0].isNull(0))
    for (row, id) in sorted.enumerated() { #expect(reference[columns[0][row]] == id) }
    // An all-null column without values.
    #expect(lookUp(index, [Column(type: type, count: 2, values: .none)]) == [sorted[0], sorted[0]])
  }

  @Test func compositeKeysAgreeWithDictionary() throws {
    var random = SeededRandom(seed: 3)
    let types: [DataType] = [.text, .float64, .decimal(precision: 20, scale: 2), .boolean, .array(Field("e", .text))]
    let index = KeyIndex(types: types)
    var reference: [[Value]: Int32] = [:]
    for size in [1, 100, 5000, 20_000] {
      let rows: [[Value]] = (0..<size).map { _ in
        func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
        return [
          pick(8) == 0 ? .null : .text(["", "a\0b", "longer text that passes eight bytes", "x"][pick(4)] + "\(pick(20))"),
          .float([0.5, -3, 1e300, .infinity][pick(4)]), pick(5) == 0 ? .null : .decimal(Int128(pick(5)) << 70), .bool(pick(2) == 0),
          .list((0..<pick(3)).map { _ in pick(3) == 0 ? .null : .text("e") }),
        ]
      }
      let columns = try types.indices.map { c in try Column(type: types[c], rows.map { $0[c] }) }
      let ids = lookUp(index, columns)
      for (row, id) in zip(rows, ids) { #expect(reference.updateValue(id, forKey: row).map { $0 == id } ?? true) }
      #expect(index.count == reference.count)
      #expect(lookUp(index, columns, insert: false) == ids)
    }
    let all = index.sorted(index.allIDs())
    let columns = try index.keyColumns(all)
    let encoded = KeyEncoder.encode(columns, rowCount: all.count)
    for (row, id) in all.enumerated() {
      #expect(reference[columns.map { $0[row] }] == id)
      var bytes: [UInt8] = []
      index.appendKey(ofID: id, to: &bytes)
      #expect(encoded[row] == .bytes(bytes))
      let hash = bytes.withUnsafeBufferPointer { KeyEncoder.hash($0.baseAddress!, count: $0.count) }
      #expect(index.keyGroup(ofID: id) == KeyGroup.of(hash: KeyEncoder.keyGroupHash(hash), maxParallelism: 128))
    }
  }

  @Test func zerosAndNotANumbersAreOneKey() throws {
    let index = KeyIndex(types: [.float64])
    let ids = lookUp(index, [try Column(type: .float64, [.float(0), .float(-0.0), .float(.nan), .float(-Double.nan), .float(1)])])
    #expect(ids[0] == ids[1])
    #expect(ids[2] == ids[3])
    #expect(Set(ids).count == 3)
  }

  @Test func noKeyColumnsIsOneKey() throws {
    let index = KeyIndex(types: [])
    var ids: [Int32] = [-7, -7]
    index.ids(of: [], rowCount: 2, into: &ids, insert: false)
    #expect(ids == [-1, -1])
    index.ids(of: [], rowCount: 2, into: &ids, insert: true)
    #expect(ids == [0, 0])
    #expect(try index.keyColumns([0]).isEmpty)
  }

  @Test(arguments: [[DataType.int64], [.text]]) func removalAndReuse(_ types: [DataType]) throws {
    for seed in 1...20 {
      var random = SeededRandom(seed: UInt64(seed))
      let index = KeyIndex(types: types)
      var reference: [Value: Int32] = [:]
      for _ in 0..<30 {
        let values: [Value] = (0..<200).map { _ in
          let v = Int64.random(in: 0..<3000, using: &random)
          return v == 0 ? .null : types[0] == .int64 ? .int(v << 30) : .text(String(repeating: "k", count: Int(v % 90)) + "\(v)")
        }
        let ids = lookUp(index, [try Column(type: types[0], values)])
        for (value, id) in zip(values, ids) {
          if let old = reference.updateValue(id, forKey: value) { #expect(old == id, "seed \(seed)") }
        }
        let gone = reference.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
        index.remove(Array(gone.values))
        for key in gone.keys { reference[key] = nil }
        #expect(index.count == reference.count, "seed \(seed)")
        let keys = Array(reference.keys)
        #expect(lookUp(index, [try Column(type: types[0], keys)], insert: false) == keys.map { reference[$0] ?? -2 }, "seed \(seed)")
        #expect(lookUp(index, [try Column(type: types[0], Array(gone.keys))], insert: false).allSatisfy { $0 == -1 }, "seed \(seed)")
      }
      #expect(index.idBound <= 3000)
    }
  }

  @Test func keysSurviveASnapshot() throws {
    for types: [DataType] in [[.int64], [.text, .int32], []] {
      let index = KeyIndex(types: types)
      var random = SeededRandom(seed: 8)
      let n = types.isEmpty ? 1 : 3000
      let columns = try types.map { type in
        try Column(
          type: type,
          (0..<n).map { _ in
            let v = Int64.random(in: -50..<2000, using: &random)
            return v == 7 ? .null : type == .text ? .text("\(v)") : .int(v)
          })
      }
      var ids = [Int32](repeating: 0, count: n)
      index.ids(of: columns, rowCount: n, into: &ids, insert: true)
      let restored = KeyIndex(types: types)
      for group in index.idsByKeyGroup() {
        var writer = ByteWriter()
        index.writeKeys(group.ids, into: &writer)
        var reader = ByteReader(writer.bytes)
        let back = try restored.readKeys(&reader)
        #expect(try restored.keyColumns(back) == index.keyColumns(group.ids))
        for id in back { #expect(restored.keyGroup(ofID: id) == group.keyGroup) }
        for cut in stride(from: 0, to: writer.bytes.count, by: 7) {
          var short = ByteReader(Array(writer.bytes[..<cut]))
          #expect(throws: MillraceError.self) { _ = try KeyIndex(types: types).readKeys(&short) }
        }
      }
      #expect(restored.count == index.count)
    }
  }

  @Test func hasherAndPartitionsAgreeWithTheEncoder() throws {
    var random = SeededRandom(seed: 2)
    let n = 1000
    let ints = try Column(type: .int32, (0..<n).map { _ in .int(Int64.random(in: -9999...9999, using: &random)) })
    let texts = try Column(type: .text, (0..<n).map { $0 % 10 == 0 ? .null : .text("t\($0)") })
    for keys in [[ints], [texts], [ints, texts]] {
      var batch = Batch(
        schema: Schema(keys.indices.map { Field("k\($0)", keys[$0].type) } + [Field("row", .int64)]),
        columns: keys + [.int64s((0..<n).map { Int64($0) })], rowCount: n)
      batch.eventTimes = .int64s((0..<n).map { Int64($0) * 10 })
      for parallelism in [1, 2, 3, 7] {
        for maxParallelism in [128, 100] {
          let parts = batch.hashPartition(keys: keys, parallelism: parallelism, maxParallelism: maxParallelism)
          #expect(parts.count == parallelism)
          #expect(parts.reduce(0) { $0 + $1.rowCount } == n)
          for (p, part) in parts.enumerated() {
            let encoded = KeyEncoder.encode(Array(part.columns.dropLast()), rowCount: part.rowCount)
            var last: Int64 = -1
            for row in 0..<part.rowCount {
              guard case .bytes(let bytes) = encoded[row], case .int(let position)? = part.columns.last?[row] else { continue }
              let hash = bytes.withUnsafeBufferPointer { KeyEncoder.hash($0.baseAddress!, count: $0.count) }
              let group = KeyGroup.of(hash: KeyEncoder.keyGroupHash(hash), maxParallelism: maxParallelism)
              #expect(KeyGroup.partition(of: group, parallelism: parallelism, maxParallelism: maxParallelism) == p)
              #expect(position > last)
              #expect(part.eventTimes?[row] == .int(position * 10))
              last = position
            }
          }
        }
      }
    }
  }
}

/// Columns compare by their values here.
func == (a: Column, b: Column) -> Bool {
  a.count == b.count && (0..<a.count).allSatisfy { a[$0] == b[$0] }
}
func == (a: [Column], b: [Column]) -> Bool { a.count == b.count && zip(a, b).allSatisfy { $0 == $1 } }
