import MillraceTypes
import Testing

@testable import MillraceColumns

/// Take, slice, concat and key encoding against value-by-value versions, over random columns of every physical form.
@Suite struct ColumnKernelTests {
  static let types: [DataType] = [
    .boolean, .int8, .int16, .int32, .int64, .float32, .float64, .decimal(precision: 20, scale: 2), .text, .bytes,
    .timestamp(precision: 3), .date, .array(Field("e", .text)), .map(key: Field("k", .int32), value: Field("v", .boolean)),
    .row([Field("a", .int64), Field("b", .text)]),
  ]

  private static func value(_ type: DataType, _ random: inout SeededRandom, nulls: Bool) -> Value {
    func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    if nulls && pick(4) == 0 { return .null }
    switch type {
    case .boolean: return .bool(pick(2) == 0)
    case .float32, .float64: return .float([0, -0.0, .nan, 1.5, -2.25, .infinity][pick(6)])
    case .decimal: return .decimal(Int128(pick(2000)) - 1000)
    case .text: return .text(["", "a", "b\u{0}c", "longer than eight bytes", "\u{0}"][pick(5)])
    case .bytes: return .bytes([[], [0], [1, 0, 255], [7, 7, 7]][pick(4)])
    case .array(let element): return .list((0..<pick(4)).map { _ in value(element.type, &random, nulls: nulls) })
    case .map(let key, let item):
      let count = pick(3)
      return .map(
        (0..<count).map { _ in value(key.type, &random, nulls: false) }, (0..<count).map { _ in value(item.type, &random, nulls: nulls) })
    case .row(let fields): return .row(fields.map { value($0.type, &random, nulls: nulls) })
    default: return .int(Int64(pick(200)) - 100)
    }
  }

  private static func values(_ type: DataType, _ count: Int, _ random: inout SeededRandom, nulls: Bool) -> [Value] {
    (0..<count).map { _ in value(type, &random, nulls: nulls) }
  }

  private func text(_ column: Column) -> [String] { (0..<column.count).map { "\(column[$0])" } }

  @Test(arguments: types, [false, true]) func sliceTakeAndConcat(_ type: DataType, _ nulls: Bool) throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let values = Self.values(type, Int.random(in: 0...70, using: &random), &random, nulls: nulls)
      let column = try Column(type: type, values)
      let all = text(column)
      for _ in 0..<8 {
        let low = Int.random(in: 0...values.count, using: &random)
        let range = low..<Int.random(in: low...values.count, using: &random)
        #expect(text(column.slice(range)) == Array(all[range]), "seed \(seed), \(range)")
        let indices = values.isEmpty ? [] : (0..<20).map { _ in Int32.random(in: -1..<Int32(values.count), using: &random) }
        let taken = indices.withUnsafeBufferPointer { column.take($0) }
        #expect(text(taken) == indices.map { $0 < 0 ? "\(Value.null)" : all[Int($0)] }, "seed \(seed)")
        let cut = Int.random(in: 0...range.count, using: &random) + low
        let parts = [column.slice(0..<low), column.slice(low..<cut), column.slice(cut..<values.count), column.slice(range)]
        #expect(text(Column.concat(parts, type: type)) == all + all[range], "seed \(seed), \(low), \(cut), \(range)")
      }
    }
  }

  @Test func arrivalTimesOutliveRowsWithoutThem() throws {
    let schema = Schema([Field("n", .int64)])
    func part(_ values: [Int64], arrival: Int64?) -> Batch {
      var batch = Batch(schema: schema, columns: [.int64s(values)], rowCount: values.count)
      batch.arrivalTimes = arrival.map { .int64s([Int64](repeating: $0, count: values.count)) }
      return batch
    }
    let all = Batch.concat([part([1, 2], arrival: nil), part([3], arrival: 30), part([4], arrival: nil)], schema: schema)
    let arrival = try #require(all.arrivalTimes)
    #expect((0..<4).map { arrival[$0] } == [.null, .null, .int(30), .null])
    let decoded = try BatchCodec.decode(BatchCodec.encode(all), schema: schema)
    #expect(decoded.arrivalTimes.map { column in (0..<4).map { column[$0] } } == [.null, .null, .int(30), .null])
    let taken = [2, -1, 0].withUnsafeBufferPointer { all.take($0) }
    #expect(taken.arrivalTimes.map { column in (0..<3).map { column[$0] } } == [.int(30), .null, .null])
    #expect(Batch.concat([part([1], arrival: nil), part([2], arrival: nil)], schema: schema).arrivalTimes == nil)
  }

  @Test(arguments: [[0], [3], [4], [8], [9], [0, 8, 7], [4, 4], [12, 1], [9, 2, 10], [5, 6, 11, 13]], [false, true])
  func encodingIsThatOfEachValue(_ chosen: [Int], _ nulls: Bool) throws {
    for seed in 1...4 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let count = Int.random(in: 0...50, using: &random)
      let columns = try chosen.map { try Column(type: Self.types[$0], Self.values(Self.types[$0], count, &random, nulls: nulls)) }
      for prefix in [[], [128, 7]] as [[UInt8]] {
        let encoded = KeyEncoder.encode(columns, rowCount: count, prefix: prefix)
        #expect(encoded.count == count)
        for row in 0..<count {
          var expected = prefix
          for column in columns { KeyEncoder.append(column, row, to: &expected) }
          #expect(encoded[row] == .bytes(expected), "seed \(seed), row \(row)")
        }
      }
    }
  }

  @Test func bitsAtAnyPlace() {
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      let source = (0..<Int.random(in: 1...90, using: &random)).map { _ in Bool.random(using: &random) }
      let low = Int.random(in: 0...source.count, using: &random)
      let range = low..<Int.random(in: low...source.count, using: &random)
      let slice = Bitmap(source).slice(range)
      #expect((0..<range.count).map { slice[$0] } == Array(source[range]))
      #expect(slice.setCount == source[range].count { $0 })
    }
  }
}

/// SplitMix64.
private struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
