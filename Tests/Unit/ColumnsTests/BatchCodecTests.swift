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
    // Flipped bytes may give other values but never a trap.
    for at in 0..<bytes.count {
      for flip: UInt8 in [1, 0x80, 0xFF] {
        var damaged = bytes
        damaged[at] ^= flip
        if let read = try? BatchCodec.decode(damaged, schema: batch.schema) {
          for row in 0..<min(read.rowCount, 10) { _ = read.row(row) }
        }
      }
    }
  }
}
