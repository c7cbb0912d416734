/// Random words that are a function of seed, event number and purpose: there is no state to carry from event to event.
///
/// Word k of event n is mix(mix(seed + (k + 1) g) + n g) with g = 2^64 / golden ratio and mix the output function of SplitMix64
/// (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): each k gives the SplitMix64 sequence of a seed of its own.
struct NexmarkRandom: Sendable {
  static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
  let key0, key1, key2, key3, key4: UInt64

  init(seed: UInt64) {
    func key(_ k: UInt64) -> UInt64 { Self.mix(seed &+ (k &+ 1) &* Self.step) }
    (key0, key1, key2, key3, key4) = (key(0), key(1), key(2), key(3), key(4))
  }

  @inline(__always) static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  @inline(__always) static func word(_ key: UInt64, _ event: Int64) -> UInt64 { mix(key &+ UInt64(bitPattern: event) &* step) }

  /// A number below `bound` from the low or high half of a word; `bound` is at most 2^31.
  @inline(__always) static func low(_ word: UInt64, _ bound: UInt64) -> UInt64 { ((word & 0xFFFF_FFFF) &* bound) >> 32 }
  @inline(__always) static func high(_ word: UInt64, _ bound: UInt64) -> UInt64 { ((word >> 32) &* bound) >> 32 }
  /// A number below `bound`, at most 2^16, from 16 bits of a word.
  @inline(__always) static func short(_ word: UInt64, _ shift: UInt64, _ bound: UInt64) -> UInt64 {
    ((word >> shift & 0xFFFF) &* bound) >> 16
  }
}

/// Prices between 1.00 and 1,000,000.00 in hundredths, uniform in their logarithm: 100 * 10^(6u).
///
/// A table of 1024 steps of 10^(6/1024), straight lines in between (off by less than 1 in 40,000): only additions and products of
/// IEEE doubles, so that another language gives the same prices.
struct NexmarkPrices: Sendable {
  private let table: [Double]

  init() {
    // 10^(6/1024)
    let ratio = 1.0135831333340657
    var values = [100.0]
    for _ in 0..<1024 { values.append(values[values.count - 1] * ratio) }
    table = values
  }

  func withTable<R>(_ body: (UnsafePointer<Double>) -> R) -> R {
    table.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("the price table is empty") }
      return body(base)
    }
  }

  /// From the upper 50 bits of a word.
  @inline(__always) static func price(_ table: UnsafePointer<Double>, _ word: UInt64) -> Int64 {
    let at = Int(word >> 54)
    let share = Double(word >> 14 & 0xFF_FFFF_FFFF) * 0x1p-40
    return Int64(table[at] + (table[at &+ 1] - table[at]) * share + 0.5)
  }
}
