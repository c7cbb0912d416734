import MillraceColumns
import MillraceTypes
import Testing

/// Version 1 of the key encoding is stored in checkpoints and decides key groups: these numbers may never change.
/// They were computed by an independent implementation of the description on `KeyEncoder`.
@Suite struct KeyEncoderTests {
  struct Golden: Sendable, CustomTestStringConvertible {
    let type: DataType
    let value: Value
    let bytes: String
    let hash: UInt64
    let keyGroupHash: Int32
    let keyGroup: Int
    init(_ type: DataType, _ value: Value, _ bytes: String, _ hash: UInt64, _ keyGroupHash: Int32, _ keyGroup: Int) {
      self.type = type
      self.value = value
      self.bytes = bytes
      self.hash = hash
      self.keyGroupHash = keyGroupHash
      self.keyGroup = keyGroup
    }
    var testDescription: String { "\(type) \(value)" }
  }

  static let golden: [Golden] = [
    Golden(.int64, .null, "01", 0x3d73d92eac049c3f, 1031002414, 38),
    Golden(.null, .null, "01", 0x3d73d92eac049c3f, 1031002414, 38),
    Golden(.boolean, .bool(false), "0200", 0x075bb15c77f982cb, 123449692, 122),
    Golden(.boolean, .bool(true), "0201", 0x54d9e84ed8f096ae, 1423566926, 124),
    Golden(.int8, .int(-128), "027fffffffffffff80", 0x5893774a1b4b93a5, 1486059338, 53),
    Golden(.int16, .int(300), "02800000000000012c", 0x92b0cdf0043b8022, -1833906704, 37),
    Golden(.int32, .int(-7), "027ffffffffffffff9", 0x7c3f6fa41a97adf3, 2084532132, 123),
    Golden(.int64, .int(0), "028000000000000000", 0xfe03ced127e33686, -33304879, 23),
    Golden(.int64, .int(1), "028000000000000001", 0x80208ef15c3eb40e, -2145349903, 22),
    Golden(.int64, .int(-1), "027fffffffffffffff", 0x8b6016f6f7e745ae, -1956636938, 105),
    Golden(.int64, .int(.min), "020000000000000000", 0xce192b0bf5ab1095, -837211381, 90),
    Golden(.int64, .int(.max), "02ffffffffffffffff", 0xc119705e69b4fc45, -1055297442, 116),
    Golden(.int64, .int(-7), "027ffffffffffffff9", 0x7c3f6fa41a97adf3, 2084532132, 123),
    Golden(.float32, .float(1.5), "02bff8000000000000", 0x6f7979ee2bb90a98, 1870232046, 22),
    Golden(.float64, .float(1.5), "02bff8000000000000", 0x6f7979ee2bb90a98, 1870232046, 22),
    Golden(.float64, .float(-2.25), "023ffdffffffffffff", 0xf7d2497c4591ec5f, -137213572, 76),
    Golden(.float64, .float(0.0), "028000000000000000", 0xfe03ced127e33686, -33304879, 23),
    Golden(.float64, .float(-0.0), "028000000000000000", 0xfe03ced127e33686, -33304879, 23),
    Golden(.float64, .float(.nan), "02fff8000000000000", 0xaebdbabf542c15ab, -1363297601, 113),
    Golden(.float64, .float(-Double.nan), "02fff8000000000000", 0xaebdbabf542c15ab, -1363297601, 113),
    Golden(.float64, .float(.infinity), "02fff0000000000000", 0x3b2f556a2b3afc69, 992957802, 103),
    Golden(.float64, .float(-.infinity), "02000fffffffffffff", 0xbec43adda459864c, -1094436131, 3),
    Golden(.decimal(precision: 10, scale: 2), .decimal(12345), "0280000000000000000000000000003039", 0xc38e6a8b8966896b, -1014076789, 100),
    Golden(.decimal(precision: 38, scale: 0), .decimal(-1), "027fffffffffffffffffffffffffffffff", 0x8048340cbc4097f2, -2142751732, 99),
    Golden(.text, .text(""), "020001", 0x1e8251e5cbb46901, 511857125, 50),
    Golden(.text, .text("hello, world"), "0268656c6c6f2c20776f726c640001", 0xe311110c9937e033, -485420788, 59),
    Golden(.text, .text("caf\u{e9}\0x"), "02636166c3a900ff780001", 0x15e477438b56376a, 367294275, 118),
    Golden(.bytes, .bytes([0, 255, 0, 1]), "0200ffff00ff010001", 0x2053c4e5fe9d6dc9, 542360805, 62),
    Golden(.date, .int(19_723), "028000000000004d0b", 0xe54afa071f2d2e87, -448071161, 64),
    Golden(.time(precision: 3), .int(43_200_000), "028000000002932e00", 0xbce142968f757adb, -1126088042, 21),
    Golden(.timestamp(precision: 3), .int(1_700_000_000_123), "028000018bcfe5687b", 0x47902797a6d489f3, 1200629655, 97),
    Golden(.timestampLTZ(precision: 6), .int(-1), "027fffffffffffffff", 0x8b6016f6f7e745ae, -1956636938, 105),
    Golden(.intervalMonths, .int(14), "02800000000000000e", 0xedb63e5f621b98c6, -306823585, 50),
    Golden(.intervalMillis, .int(86_400_000), "028000000005265c00", 0x9c12641dff41ad1c, -1676516323, 0),
    Golden(.array(Field("e", .int32)), .list([.int(1), .null]), "020280000000000000010100", 0xd086d10621138b6c, -796471034, 9),
    Golden(.array(Field("e", .int32)), .list([]), "0200", 0x075bb15c77f982cb, 123449692, 122),
    Golden(
      .map(key: Field("k", .text), value: Field("v", .int64)), .map([.text("a")], [.int(5)]), "020261000102800000000000000500",
      0x6f67c18daf3a6262, 1869070733, 127),
    Golden(
      .row([Field("a", .int64), Field("b", .text)]), .row([.int(3), .null]), "0202800000000000000301", 0x620b3ef2ff84cfae, 1644904178, 4),
  ]

  private func encode(_ column: Column, _ row: Int = 0) -> [UInt8] {
    var out: [UInt8] = []
    KeyEncoder.append(column, row, to: &out)
    return out
  }

  private func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  @Test(arguments: golden) func goldenVector(_ g: Golden) throws {
    let column = try Column(type: g.type, [g.value])
    let bytes = encode(column)
    #expect(hex(bytes) == g.bytes)
    let hash = bytes.withUnsafeBufferPointer { KeyEncoder.hash($0.baseAddress ?? UnsafePointer(bitPattern: 8)!, count: $0.count) }
    #expect(hash == g.hash)
    #expect(KeyEncoder.keyGroupHash(hash) == g.keyGroupHash)
    #expect(KeyGroup.of(hash: g.keyGroupHash, maxParallelism: 128) == g.keyGroup)
    // The whole-column encoder agrees with the one for single values.
    let whole = KeyEncoder.encode([column], rowCount: 1)
    #expect(whole[0] == .bytes(bytes))
  }

  @Test func compositeKeyIsTheConcatenation() throws {
    let columns = [
      try Column(type: .int64, [.int(42)]), try Column(type: .text, [.text("a")]), try Column(type: .float64, [.null]),
    ]
    guard case .bytes(let bytes) = KeyEncoder.encode(columns, rowCount: 1)[0] else {
      Issue.record("not bytes")
      return
    }
    #expect(hex(bytes) == "02800000000000002a0261000101")
    let hash = bytes.withUnsafeBufferPointer { KeyEncoder.hash($0.baseAddress!, count: $0.count) }
    #expect(hash == 0x6889b6de1ecbcab)
    #expect(KeyGroup.of(hash: KeyEncoder.keyGroupHash(hash), maxParallelism: 128) == 36)
  }

  @Test func shortcutHashOfOneIntegerIsTheHashOfItsEncoding() throws {
    for value: Int64 in [0, 1, -1, 7, .min, .max, 1 << 40, -(1 << 33)] {
      let bytes = encode(try Column(type: .int64, [.int(value)]))
      let hash = bytes.withUnsafeBufferPointer { KeyEncoder.hash($0.baseAddress!, count: $0.count) }
      #expect(KeyEncoder.hash(int64: value) == hash)
    }
  }

  @Test func equalNumbersOfDifferentWidthsEncodeAlike() throws {
    for value: Int64 in [0, 5, -5, 127, -128] {
      let wide = encode(try Column(type: .int64, [.int(value)]))
      for type: DataType in [.int8, .int16, .int32, .date, .timestamp(precision: 6)] {
        #expect(encode(try Column(type: type, [.int(value)])) == wide)
      }
    }
    #expect(encode(try Column(type: .float32, [.float(0.5)])) == encode(try Column(type: .float64, [.float(0.5)])))
  }

  @Test func bytewiseOrderIsTheOrderOfValues() throws {
    func ascending(_ type: DataType, _ values: [Value]) throws {
      let column = try Column(type: type, values)
      let encoded = (0..<values.count).map { encode(column, $0) }
      for i in 1..<values.count {
        #expect(encoded[i - 1].lexicographicallyPrecedes(encoded[i]), "\(values[i - 1]) before \(values[i])")
      }
    }
    try ascending(.int64, [.null, .int(.min), .int(-2), .int(-1), .int(0), .int(1), .int(.max)])
    try ascending(
      .float64,
      [
        .null, .float(-.infinity), .float(-1e300), .float(-1), .float(-Double.leastNonzeroMagnitude), .float(0),
        .float(Double.leastNonzeroMagnitude), .float(2), .float(.infinity),
        .float(.nan),
      ])
    try ascending(.decimal(precision: 38, scale: 3), [.null, .decimal(-(1 << 100)), .decimal(-1), .decimal(0), .decimal(1 << 100)])
    try ascending(.text, [.null, .text(""), .text("\0"), .text("\0a"), .text("a"), .text("a\0"), .text("a\0b"), .text("ab"), .text("b")])
    try ascending(
      .array(Field("e", .int64)), [.null, .list([]), .list([.null]), .list([.int(1)]), .list([.int(1), .int(0)]), .list([.int(2)])])
    try ascending(.boolean, [.null, .bool(false), .bool(true)])
  }

  @Test func textWithZerosDoesNotRunIntoTheNextColumn() throws {
    let a = [try Column(type: .text, [.text("x\0")]), try Column(type: .text, [.text("y")])]
    let b = [try Column(type: .text, [.text("x")]), try Column(type: .text, [.text("\0y")])]
    #expect(KeyEncoder.encode(a, rowCount: 1)[0] != KeyEncoder.encode(b, rowCount: 1)[0])
  }

  /// The encoder of whole batches against the one of single values, for every golden type with nulls in between.
  @Test func batchesEncodeAsTheirValuesDo() throws {
    var byType: [DataType: [Value]] = [:]
    for g in Self.golden { byType[g.type, default: []].append(g.value) }
    var columns: [Column] = []
    for (type, values) in byType {
      let repeated = (0..<40).map { i in i % 3 == 1 ? Value.null : values[i % values.count] }
      columns.append(try Column(type: type, repeated))
      columns.append(try Column(type: type, repeated.map { $0 == .null ? values[0] : $0 }))
      columns.append(Column(type: type, count: 40, values: .none))
    }
    for (i, column) in columns.enumerated() {
      for keys in [[column], [column, columns[(i + 1) % columns.count]], [columns[(i + 5) % columns.count], column]] {
        let whole = KeyEncoder.encode(keys, rowCount: 40, prefix: [7, 8])
        for row in 0..<40 {
          var expected: [UInt8] = [7, 8]
          for key in keys { KeyEncoder.append(key, row, to: &expected) }
          #expect(whole[row] == .bytes(expected))
        }
      }
    }
    #expect(KeyEncoder.encode([], rowCount: 2, prefix: [1])[1] == .bytes([1]))
    #expect(KeyEncoder.encode([], rowCount: 0).count == 0)
  }
}
