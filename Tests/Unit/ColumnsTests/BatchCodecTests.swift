import MillraceColumns
import MillraceTypes
import Testing

@Suite struct BatchCodecTests {
  private func sample() throws -> Batch {
    let fields = [
      Field("i", .int32), Field("t", .text), Field("b", .boolean), Field("d", .decimal(precision: 30, scale: 2)),
      Field("a", .array(Field("e", .text))), Field("m", .map(key: Field("k", .int64), value: Field("v", .float64))),
      Field("r", .row([Field("x", .int64), Field("y", .bytes)])), Field("n", .null),
    ]
    let rows: [[Value]] = [
      [
        .int(1), .text("é"), .bool(true), .decimal(1 << 90), .list([.text("a"), .null]), .map([.int(1)], [.float(0.5)]),
        .row([.int(9), .bytes([0, 255])]), .null,
      ],
      [.null, .null, .null, .null, .null, .null, .null, .null],
      [.int(-3), .text(""), .bool(false), .decimal(-5), .list([]), .map([], []), .row([.null, .bytes([])]), .null],
    ]
    var batch = Batch(
      schema: Schema(fields), columns: try fields.indices.map { c in try Column(type: fields[c].type, rows.map { $0[c] }) }, rowCount: 3)
    batch.weights = .int64s([1, -1, 1])
    batch.eventTimes = .int64s([5, 6, 7])
    batch.order = try Column(type: .bytes, [.bytes([1]), .bytes([]), .bytes([2, 3])])
    batch.late = Bitmap([false, true, false])
    return batch
  }

  private func equal(_ a: Batch, _ b: Batch) -> Bool {
    func same(_ x: Column?, _ y: Column?) -> Bool {
      guard let x, let y else { return x == nil && y == nil }
      return x.count == y.count && (0..<x.count).allSatisfy { x[$0] == y[$0] }
    }
    return a.rowCount == b.rowCount && zip(a.columns, b.columns).allSatisfy(same) && same(a.weights, b.weights)
      && same(a.eventTimes, b.eventTimes) && same(a.order, b.order) && same(a.arrivalTimes, b.arrivalTimes)
      && same(a.positions, b.positions) && (a.late == nil) == (b.late == nil)
      && (0..<a.rowCount).allSatisfy { a.late?[$0] == b.late?[$0] }
  }

  @Test func roundTrip() throws {
    let batch = try sample()
    #expect(try equal(BatchCodec.decode(BatchCodec.encode(batch), schema: batch.schema), batch))
    let part = batch.slice(1..<3)
    #expect(try equal(BatchCodec.decode(BatchCodec.encode(part), schema: batch.schema), part))
    var plain = batch.slice(0..<0)
    plain.weights = nil
    #expect(try equal(BatchCodec.decode(BatchCodec.encode(plain), schema: batch.schema), plain))
  }

  @Test func damageIsAnError() throws {
    let batch = try sample()
    let bytes = BatchCodec.encode(batch)
    for cut in 0..<bytes.count {
      #expect(throws: MillraceError.self) { _ = try BatchCodec.decode(Array(bytes[..<cut]), schema: batch.schema) }
    }
    for at in 0..<bytes.count {
      for flip: UInt8 in [1, 0x80, 0xFF] {
        var damaged = bytes
        damaged[at] ^= flip
        #expect(throws: MillraceError.self) { _ = try BatchCodec.decode(damaged, schema: batch.schema) }
      }
    }
  }

  /// Bytes that lie with a right checksum: other values perhaps, never a trap.
  @Test func hostileBytesDoNotTrap() throws {
    let batch = try sample()
    let bytes = BatchCodec.encode(batch)
    var state: UInt64 = 20_240_611
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    var accepted = 0
    for round in 0..<6000 {
      var hostile = Array(bytes.dropFirst(8))
      for _ in 0..<(1 + next() % 3) {
        let at = next() % hostile.count
        switch next() % 4 {
        case 0: hostile[at] = UInt8(truncatingIfNeeded: next())
        case 1: hostile[at] ^= 1 << UInt8(next() % 8)
        case 2: hostile.remove(at: at)
        default: hostile.insert(UInt8(truncatingIfNeeded: next()), at: at)
        }
      }
      // A row count of a billion is no lie that can be told from the truth when no column has values.
      if hostile.dropFirst(4).prefix(5).contains(where: { $0 != 0 }) { continue }
      let sum = hostile.withUnsafeBufferPointer { $0.baseAddress.map { KeyEncoder.hash($0, count: hostile.count) } ?? 0 }
      let whole = withUnsafeBytes(of: sum.littleEndian) { Array($0) } + hostile
      guard let read = try? BatchCodec.decode(whole, schema: batch.schema) else { continue }
      accepted += 1
      for row in 0..<min(read.rowCount, 10) { _ = read.row(row) }
      _ = BatchCodec.encode(read)
      #expect(read.columns.allSatisfy { $0.count == read.rowCount }, "round \(round)")
    }
    #expect(accepted > 20)
  }
}
