import Synchronization

/// Where unpredictable numbers come from: the system, or a seed.
public protocol RandomSource: Sendable {
  /// 64 new random bits.
  func bits() -> UInt64
}

/// A fast, seeded generator (SplitMix64): the same seed gives the same numbers on every machine, for ever.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  /// The whole state: store it, and a generator made from it continues the sequence.
  public private(set) var state: UInt64
  @inlinable public init(seed: UInt64) { self.init(state: seed) }
  @usableFromInline init(state: UInt64) { self.state = state }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// SplitMix64's output function: a bijection of 64 bits.
  public static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A random source that follows from a seed.
public final class SeededRandomSource: RandomSource {
  private let generator: Mutex<SeededGenerator>
  public init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }
  public func bits() -> UInt64 { generator.withLock { $0.next() } }
}
