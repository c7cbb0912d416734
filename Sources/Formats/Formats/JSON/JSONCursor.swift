/// Lexical steps over one line of JSON. The byte behind the line is a line feed or zero, which no token may contain, so single
/// steps need no bounds check; up to 8 bytes more may be read.
struct JSONCursor {
  var p: UnsafePointer<UInt8>
  /// What is wrong at `p`, once a step has failed.
  var problem: StaticString = ""

  static let depthMax = 200

  @inline(__always) mutating func fail(_ problem: StaticString) -> Bool {
    self.problem = problem
    return false
  }

  @inline(__always) mutating func skipBlanks() { while p[0] == 32 || p[0] == 9 || p[0] == 13 { p += 1 } }

  /// The content of a string, `p` standing on its opening quote and moving behind the closing one.
  struct Text {
    var start: UnsafePointer<UInt8>
    var count = 0
    var hasEscapes = false
    var isASCII = true
  }

  @inline(__always) mutating func string(_ text: inout Text) -> Bool {
    p += 1
    text.start = p
    var high: UInt64 = 0
    while true {
      let word = UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
      let quote = word ^ 0x2222_2222_2222_2222
      let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let ones: UInt64 = 0x0101_0101_0101_0101
      // A byte's top bit is set where it is a quote, a backslash or below 0x20; the lowest one found is exact.
      let found =
        (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash) | ((word &- 0x2020_2020_2020_2020) & ~word)) & 0x8080_8080_8080_8080
      if found == 0 {
        high |= word
        p += 8
        continue
      }
      let at = found.trailingZeroBitCount >> 3
      high |= word & ((1 << UInt64(truncatingIfNeeded: at &* 8)) &- 1)
      p += at
      let byte = p[0]
      if byte == 34 { break }
      guard byte == 92 else { return fail(byte == 10 || byte == 0 ? "a string that does not end" : "a control character in a string") }
      text.hasEscapes = true
      // Whatever follows a backslash is looked at when it is unescaped; here only the end of the line matters.
      if p[1] < 32 { return fail("a string that does not end") }
      if p[1] >= 0x80 { high = ~0 }
      p += 2
    }
    text.count = p - text.start
    text.isASCII = high & 0x8080_8080_8080_8080 == 0
    p += 1
    return true
  }

  /// Passes over one value, checking that it is JSON.
  mutating func skipValue(depth: Int = 0) -> Bool {
    skipBlanks()
    switch p[0] {
    case 34:
      var text = Text(start: p)
      return string(&text) && (!text.hasEscapes || checkEscapes(text))
    case 123:
      if depth >= Self.depthMax { return fail("values nested too deeply") }
      p += 1
      skipBlanks()
      if p[0] == 125 {
        p += 1
        return true
      }
      while true {
        skipBlanks()
        guard p[0] == 34 else { return fail("a field name in quotes was expected") }
        var key = Text(start: p)
        guard string(&key) else { return false }
        if key.hasEscapes && !checkEscapes(key) { return false }
        skipBlanks()
        guard p[0] == 58 else { return fail("':' was expected") }
        p += 1
        guard skipValue(depth: depth + 1) else { return false }
        skipBlanks()
        let byte = p[0]
        guard byte == 44 || byte == 125 else { return fail("',' or '}' was expected") }
        p += 1
        if byte == 125 { return true }
      }
    case 91:
      if depth >= Self.depthMax { return fail("values nested too deeply") }
      p += 1
      skipBlanks()
      if p[0] == 93 {
        p += 1
        return true
      }
      while true {
        guard skipValue(depth: depth + 1) else { return false }
        skipBlanks()
        let byte = p[0]
        guard byte == 44 || byte == 93 else { return fail("',' or ']' was expected") }
        p += 1
        if byte == 93 { return true }
      }
    case 116: return word("true")
    case 102: return word("false")
    case 110: return word("null")
    default:
      guard let number = ScannedNumber.scan(p, isStrict: true) else { return fail("a value was expected") }
      p += number.count
      return endOfWord()
    }
  }

  mutating func word(_ word: StaticString) -> Bool {
    var i = 0
    while i < word.utf8CodeUnitCount {
      if p[i] != word.utf8Start[i] { return fail("a value was expected") }
      i &+= 1
    }
    p += i
    return endOfWord()
  }

  /// Numbers and words must be followed by punctuation, a blank or the end.
  @inline(__always) mutating func endOfWord() -> Bool {
    switch p[0] {
    case 44, 125, 93, 32, 9, 13, 10, 0: true
    default: fail("',' or the end of the value was expected")
    }
  }

  private mutating func checkEscapes(_ text: Text) -> Bool {
    var i = 0
    while i < text.count {
      if text.start[i] == 92 {
        guard let length = Self.escapeLength(text.start + i) else {
          p = text.start + i
          return fail("an unknown escape")
        }
        i &+= length
      } else {
        i &+= 1
      }
    }
    return true
  }

  private static func escapeLength(_ p: UnsafePointer<UInt8>) -> Int? {
    switch p[1] {
    case 34, 92, 47, 98, 102, 110, 114, 116: return 2
    case 117: return hex(p + 2) == nil ? nil : 6
    default: return nil
    }
  }

  private static func hex(_ p: UnsafePointer<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for i in 0..<4 {
      let byte = p[i]
      switch byte {
      case 48...57: value = value << 4 | UInt32(byte &- 48)
      case 65...70: value = value << 4 | UInt32(byte &- 55)
      case 97...102: value = value << 4 | UInt32(byte &- 87)
      default: return nil
      }
    }
    return value
  }

  /// The text without its escapes, ended by a zero byte that is not counted. A lone surrogate becomes U+FFFD.
  mutating func unescape(_ text: Text, into out: inout [UInt8]) -> Bool {
    out.removeAll(keepingCapacity: true)
    var i = 0
    while i < text.count {
      let byte = text.start[i]
      guard byte == 92 else {
        out.append(byte)
        i &+= 1
        continue
      }
      let q = text.start + i
      switch q[1] {
      case 34, 92, 47: out.append(q[1])
      case 98: out.append(8)
      case 102: out.append(12)
      case 110: out.append(10)
      case 114: out.append(13)
      case 116: out.append(9)
      case 117:
        guard var scalar = Self.hex(q + 2) else {
          p = q
          return fail("an unknown escape")
        }
        i &+= 4
        if scalar >= 0xD800 && scalar < 0xDC00, i &+ 8 <= text.count, q[6] == 92, q[7] == 117, let low = Self.hex(q + 8), low >= 0xDC00,
          low < 0xE000
        {
          scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
          i &+= 6
        }
        out.append(contentsOf: Unicode.UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? Unicode.UTF8.encodedReplacementCharacter)
      default:
        p = q
        return fail("an unknown escape")
      }
      i &+= 2
    }
    out.append(0)
    return true
  }
}
