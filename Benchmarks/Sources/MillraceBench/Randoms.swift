/// SplitMix64: small, seeded, the same everywhere.
struct Randoms: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.scramble(state)
  }

  /// A number in `0..<bound`.
  @inline(__always) mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

  /// A one-to-one map of 64-bit numbers without visible structure.
  @inline(__always) static func scramble(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Keys `0..<count` under scrambled names, so that their order and spacing help no hash table.
struct ScrambledKeys {
  let names: [Int64]
  init(count: Int) { names = (0..<count).map { Int64(bitPattern: Randoms.scramble(UInt64($0) &+ 0x5DEE_CE66)) } }
}

/// A sum over rows, in any order, that practically no wrong row leaves unchanged.
struct RowChecksum: Equatable {
  private(set) var rows = 0
  private var sum: UInt64 = 0

  @inline(__always) mutating func add(_ a: Int64, _ b: Int64, _ c: Int64, _ d: Int64, _ e: Int64) {
    var hash: UInt64 = 0x1234_5678
    mix(a, into: &hash)
    mix(b, into: &hash)
    mix(c, into: &hash)
    mix(d, into: &hash)
    mix(e, into: &hash)
    sum &+= hash
    rows += 1
  }

  @inline(__always) private func mix(_ value: Int64, into hash: inout UInt64) {
    hash = Randoms.scramble(hash &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bitPattern: value))
  }
}

extension RowChecksum: CustomStringConvertible {
  var description: String { "\(rows) rows with checksum \(String(sum, radix: 16))" }
}
