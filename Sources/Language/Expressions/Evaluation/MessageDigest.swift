/// MD5 (RFC 1321) and SHA-256 (FIPS 180-4) of bytes, for the functions of those names. Not for keeping secrets.
enum MessageDigest {
  /// The message with its padding, in blocks of 64 bytes; the length in bits goes into the last eight.
  static func padded(_ bytes: Bytes, isBigEndian: Bool) -> [UInt8] {
    var message = Array(bytes)
    message.append(0x80)
    while message.count % 64 != 56 { message.append(0) }
    let bits = UInt64(bytes.count) &* 8
    for i in 0..<8 { message.append(UInt8(truncatingIfNeeded: bits >> UInt64(isBigEndian ? 56 - 8 * i : 8 * i))) }
    return message
  }

  @inline(__always) static func rotateLeft(_ x: UInt32, _ by: UInt32) -> UInt32 { x &<< by | x &>> (32 &- by) }
  @inline(__always) private static func rotateRight(_ x: UInt32, _ by: UInt32) -> UInt32 { x &>> by | x &<< (32 &- by) }

  private static let md5Shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]

  /// floor(2^32 * |sin(i + 1)|), as the RFC defines the table.
  private static let md5Constants: [UInt32] = (0..<64).map { UInt32(MathKernels.sine(Double($0 + 1)).magnitude * 4_294_967_296) }

  static func md5(_ bytes: Bytes) -> [UInt8] {
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    let message = padded(bytes, isBigEndian: false)
    for block in stride(from: 0, to: message.count, by: 64) {
      let words = (0..<16).map { w in (0..<4).reduce(UInt32(0)) { $0 | UInt32(message[block + w * 4 + $1]) << UInt32(8 * $1) } }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      for i in 0..<64 {
        let mixed: UInt32
        let word: Int
        switch i / 16 {
        case 0: (mixed, word) = (b & c | ~b & d, i)
        case 1: (mixed, word) = (d & b | ~d & c, (5 * i + 1) % 16)
        case 2: (mixed, word) = (b ^ c ^ d, (3 * i + 5) % 16)
        default: (mixed, word) = (c ^ (b | ~d), 7 * i % 16)
        }
        let sum = a &+ mixed &+ md5Constants[i] &+ words[word]
        (a, d, c, b) = (d, c, b, b &+ rotateLeft(sum, md5Shifts[i / 16 * 4 + i % 4]))
      }
      state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d]
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
  }

  private static let primes: [Int] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes
  }()

  /// The first 32 bits of the fraction of the square (or cube) root of a prime, found exactly in integers.
  private static func rootFraction(_ prime: Int, isCube: Bool) -> UInt32 {
    // The largest r with r^k <= prime * 2^(32 k): the root scaled by 2^32.
    var low: UInt128 = 0
    var high: UInt128 = 1 << 37
    while high - low > 1 {
      let middle = (low + high) / 2
      let isBelow = isCube ? middle * middle * middle <= UInt128(prime) << 96 : middle * middle <= UInt128(prime) << 64
      if isBelow { low = middle } else { high = middle }
    }
    return UInt32(truncatingIfNeeded: low)
  }

  private static let sha256Start = primes.prefix(8).map { rootFraction($0, isCube: false) }
  private static let sha256Constants = primes.map { rootFraction($0, isCube: true) }

  static func sha256(_ bytes: Bytes) -> [UInt8] { sha256(bytes, start: sha256Start) }

  /// SHA-256 and its sister SHA-224 differ in what they start from.
  static func sha256(_ bytes: Bytes, start: [UInt32]) -> [UInt8] {
    var state = start
    let message = padded(bytes, isBigEndian: true)
    for block in stride(from: 0, to: message.count, by: 64) {
      var words = (0..<16).map { w in (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(message[block + w * 4 + $1]) } }
      for i in 16..<64 {
        let (x, y) = (words[i - 15], words[i - 2])
        let s0 = rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x &>> 3)
        let s1 = rotateRight(y, 17) ^ rotateRight(y, 19) ^ (y &>> 10)
        words.append(words[i - 16] &+ s0 &+ words[i - 7] &+ s1)
      }
      var v = state
      for i in 0..<64 {
        let s1 = rotateRight(v[4], 6) ^ rotateRight(v[4], 11) ^ rotateRight(v[4], 25)
        let first = v[7] &+ s1 &+ (v[4] & v[5] ^ ~v[4] & v[6]) &+ sha256Constants[i] &+ words[i]
        let s0 = rotateRight(v[0], 2) ^ rotateRight(v[0], 13) ^ rotateRight(v[0], 22)
        let second = s0 &+ (v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2])
        v = [first &+ second, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
      }
      for i in 0..<8 { state[i] = state[i] &+ v[i] }
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
  }

  static let hexDigits = Array("0123456789abcdef".utf8)
}
