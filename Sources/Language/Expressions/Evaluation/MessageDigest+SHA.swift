/// SHA-1, SHA-224, SHA-384 and SHA-512 (FIPS 180-4). Constants are computed from the primes they are defined by.
extension MessageDigest {
  static let upperHexDigits = Array("0123456789ABCDEF".utf8)

  static func sha1(_ bytes: Bytes) -> [UInt8] {
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    let message = padded(bytes, isBigEndian: true)
    for block in stride(from: 0, to: message.count, by: 64) {
      var words = (0..<16).map { w in (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(message[block + w * 4 + $1]) } }
      for i in 16..<80 { words.append(rotateLeft(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)) }
      var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
      for i in 0..<80 {
        let (mixed, constant): (UInt32, UInt32)
        switch i / 20 {
        case 0: (mixed, constant) = (b & c | ~b & d, 0x5A82_7999)
        case 1: (mixed, constant) = (b ^ c ^ d, 0x6ED9_EBA1)
        case 2: (mixed, constant) = (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (mixed, constant) = (b ^ c ^ d, 0xCA62_C1D6)
        }
        let next = rotateLeft(a, 5) &+ mixed &+ e &+ constant &+ words[i]
        (e, d, c, b, a) = (d, c, rotateLeft(b, 30), a, next)
      }
      state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d, state[4] &+ e]
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
  }

  /// The second 32 bits of the fractions of the square roots of the 9th to 16th primes.
  private static let sha224Start = primes(80)[8..<16].map { UInt32(truncatingIfNeeded: rootFraction64($0, degree: 2)) }

  static func sha224(_ bytes: Bytes) -> [UInt8] { Array(sha256(bytes, start: sha224Start).prefix(28)) }

  private static let sha512Start = primes(80).prefix(8).map { rootFraction64($0, degree: 2) }
  private static let sha384Start = primes(80)[8..<16].map { rootFraction64($0, degree: 2) }
  private static let sha512Constants = primes(80).map { rootFraction64($0, degree: 3) }

  static func sha512(_ bytes: Bytes) -> [UInt8] { wide(bytes, sha512Start) }
  static func sha384(_ bytes: Bytes) -> [UInt8] { Array(wide(bytes, sha384Start).prefix(48)) }

  private static func wide(_ bytes: Bytes, _ start: [UInt64]) -> [UInt8] {
    var message = Array(bytes)
    message.append(0x80)
    while message.count % 128 != 120 { message.append(0) }
    // The upper half of the length of 128 bits is among the zeros.
    let bits = UInt64(bytes.count) &* 8
    for i in 0..<8 { message.append(UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * i))) }
    func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { x &>> by | x &<< (64 &- by) }
    var state = start
    for block in stride(from: 0, to: message.count, by: 128) {
      var words = (0..<16).map { w in (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(message[block + w * 8 + $1]) } }
      for i in 16..<80 {
        let (x, y) = (words[i - 15], words[i - 2])
        let s0 = rotate(x, 1) ^ rotate(x, 8) ^ (x &>> 7)
        let s1 = rotate(y, 19) ^ rotate(y, 61) ^ (y &>> 6)
        words.append(words[i - 16] &+ s0 &+ words[i - 7] &+ s1)
      }
      var v = state
      for i in 0..<80 {
        let s1 = rotate(v[4], 14) ^ rotate(v[4], 18) ^ rotate(v[4], 41)
        let first = v[7] &+ s1 &+ (v[4] & v[5] ^ ~v[4] & v[6]) &+ sha512Constants[i] &+ words[i]
        let s0 = rotate(v[0], 28) ^ rotate(v[0], 34) ^ rotate(v[0], 39)
        let second = s0 &+ (v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2])
        v = [first &+ second, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
      }
      for i in 0..<8 { state[i] = state[i] &+ v[i] }
    }
    return state.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
  }

  private static func primes(_ count: Int) -> [Int] {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < count {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes
  }

  /// The first 64 bits of the fraction of a root of a prime, exactly: the largest r with r^degree <= prime * 2^(64 * degree).
  private static func rootFraction64(_ prime: Int, degree: Int) -> UInt64 {
    // Roots of primes below 512 are below 32.
    var low: UInt128 = 0
    var high: UInt128 = 1 << 69
    var target = [UInt32](repeating: 0, count: 2 * degree)
    target.append(UInt32(prime))
    while high - low > 1 {
      let middle = (low + high) / 2
      let limbs = (0..<4).map { UInt32(truncatingIfNeeded: middle >> UInt128(32 * $0)) }
      let power = (1..<degree).reduce(limbs) { product, _ in multiplied(product, limbs) }
      if isAtMost(power, target) { low = middle } else { high = middle }
    }
    return UInt64(truncatingIfNeeded: low)
  }

  /// Numbers in limbs of 32 bits, the least first.
  private static func multiplied(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result = [UInt32](repeating: 0, count: a.count + b.count)
    for i in a.indices {
      var carry: UInt64 = 0
      for j in b.indices {
        let sum = UInt64(a[i]) * UInt64(b[j]) + UInt64(result[i + j]) + carry
        result[i + j] = UInt32(truncatingIfNeeded: sum)
        carry = sum >> 32
      }
      result[i + b.count] = UInt32(truncatingIfNeeded: carry)
    }
    return result
  }

  private static func isAtMost(_ a: [UInt32], _ b: [UInt32]) -> Bool {
    for i in (0..<max(a.count, b.count)).reversed() {
      let (x, y) = (i < a.count ? a[i] : 0, i < b.count ? b[i] : 0)
      if x != y { return x < y }
    }
    return true
  }
}
