/// A JSON text (RFC 8259) as a tree over its bytes. Of equal keys the last counts, at the place of the first.
struct JSONDocument {
  indirect enum Node {
    case null
    case bool(Bool)
    /// As it is written.
    case number(Bytes)
    /// Between the quotes, with its escapes.
    case string(Bytes)
    case array([Node])
    case object([(key: [UInt8], value: Node)])

    var isScalar: Bool {
      switch self {
      case .array, .object: false
      default: true
      }
    }
  }

  let root: Node
  /// Deeper texts are taken for no JSON.
  static let depthMax = 512

  /// nil when the bytes are no JSON. The tree points into them.
  init?(_ bytes: Bytes) {
    var scanner = Scanner(bytes: bytes)
    guard let root = scanner.value(depth: 0) else { return nil }
    scanner.skipBlanks()
    guard scanner.at == bytes.count else { return nil }
    self.root = root
  }

  private struct Scanner {
    let bytes: Bytes
    var at = 0

    mutating func skipBlanks() {
      while at < bytes.count, bytes[at] == 32 || bytes[at] == 10 || bytes[at] == 13 || bytes[at] == 9 { at &+= 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard at < bytes.count, bytes[at] == byte else { return false }
      at &+= 1
      return true
    }

    private mutating func word(_ text: StaticString) -> Bool {
      guard at &+ text.utf8CodeUnitCount <= bytes.count else { return false }
      for i in 0..<text.utf8CodeUnitCount where bytes[at &+ i] != text.utf8Start[i] { return false }
      at &+= text.utf8CodeUnitCount
      return true
    }

    mutating func value(depth: Int) -> Node? {
      skipBlanks()
      guard at < bytes.count, depth < JSONDocument.depthMax else { return nil }
      switch bytes[at] {
      case 123: return object(depth)
      case 91: return array(depth)
      case 34: return string().map { .string($0) }
      case 116: return word("true") ? .bool(true) : nil
      case 102: return word("false") ? .bool(false) : nil
      case 110: return word("null") ? .null : nil
      default: return number().map { .number($0) }
      }
    }

    private mutating func object(_ depth: Int) -> Node? {
      at &+= 1
      var members: [(key: [UInt8], value: Node)] = []
      skipBlanks()
      if take(125) { return .object([]) }
      repeat {
        skipBlanks()
        guard let raw = string() else { return nil }
        skipBlanks()
        guard take(58), let value = value(depth: depth + 1) else { return nil }
        let key = JSONText.unescaped(raw)
        if let known = members.firstIndex(where: { $0.key == key }) {
          members[known].value = value
        } else {
          members.append((key, value))
        }
        skipBlanks()
      } while take(44)
      return take(125) ? .object(members) : nil
    }

    private mutating func array(_ depth: Int) -> Node? {
      at &+= 1
      var elements: [Node] = []
      skipBlanks()
      if take(93) { return .array([]) }
      repeat {
        guard let value = value(depth: depth + 1) else { return nil }
        elements.append(value)
        skipBlanks()
      } while take(44)
      return take(93) ? .array(elements) : nil
    }

    private mutating func string() -> Bytes? {
      guard take(34) else { return nil }
      let start = at
      while at < bytes.count {
        let byte = bytes[at]
        if byte == 34 {
          at &+= 1
          return UTF8Slices.slice(bytes, start..<(at &- 1))
        }
        if byte < 32 { return nil }
        if byte == 92 {
          at &+= 1
          guard at < bytes.count else { return nil }
          switch bytes[at] {
          case 34, 92, 47, 98, 102, 110, 114, 116: break
          case 117:
            guard at &+ 4 < bytes.count, (1...4).allSatisfy({ JSONText.hexValue(bytes[at &+ $0]) != nil }) else { return nil }
            at &+= 4
          default: return nil
          }
        }
        at &+= 1
      }
      return nil
    }

    private mutating func digits() -> Bool {
      let start = at
      while at < bytes.count, bytes[at] &- 48 <= 9 { at &+= 1 }
      return at > start
    }

    private mutating func number() -> Bytes? {
      let start = at
      _ = take(45)
      if !take(48) {
        guard digits() else { return nil }
      }
      if take(46), !digits() { return nil }
      if at < bytes.count, bytes[at] | 32 == 101 {
        at &+= 1
        if !take(43) { _ = take(45) }
        guard digits() else { return nil }
      }
      return UTF8Slices.slice(bytes, start..<at)
    }
  }
}

/// Texts within JSON.
enum JSONText {
  static func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 48...57: UInt32(byte) - 48
    case 65...70: UInt32(byte) - 55
    case 97...102: UInt32(byte) - 87
    default: nil
    }
  }

  /// The text of a string between its quotes, which must be well formed. Half a pair of surrogates becomes U+FFFD.
  static func unescaped(_ raw: Bytes) -> [UInt8] {
    guard raw.contains(92) else { return Array(raw) }
    var result: [UInt8] = []
    var at = 0
    func unit(_ start: Int) -> UInt32? {
      guard start &+ 5 < raw.count, raw[start] == 92, raw[start &+ 1] == 117 else { return nil }
      var value: UInt32 = 0
      for i in 2..<6 {
        guard let digit = hexValue(raw[start &+ i]) else { return nil }
        value = value << 4 | digit
      }
      return value
    }
    while at < raw.count {
      guard raw[at] == 92, at &+ 1 < raw.count else {
        result.append(raw[at])
        at &+= 1
        continue
      }
      switch raw[at &+ 1] {
      case 98: result.append(8)
      case 102: result.append(12)
      case 110: result.append(10)
      case 114: result.append(13)
      case 116: result.append(9)
      case 117:
        var code = unit(at) ?? 0xFFFD
        at &+= 4
        if (0xD800...0xDBFF).contains(code), let low = unit(at &+ 2), (0xDC00...0xDFFF).contains(low) {
          code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
          at &+= 6
        }
        result.append(contentsOf: String(Character(Unicode.Scalar(code) ?? "\u{FFFD}")).utf8)
      default: result.append(raw[at &+ 1])
      }
      at &+= 2
    }
    return result
  }

  /// Writes a text as a JSON string.
  static func write(_ text: Bytes, to out: TextOutput) {
    out.append(34)
    for byte in text {
      switch byte {
      case 34, 92:
        out.append(92)
        out.append(byte)
      case 8: out.append("\\b")
      case 9: out.append("\\t")
      case 10: out.append("\\n")
      case 12: out.append("\\f")
      case 13: out.append("\\r")
      case 0..<32:
        out.append("\\u00")
        out.append(MessageDigest.upperHexDigits[Int(byte >> 4)])
        out.append(MessageDigest.upperHexDigits[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(34)
  }
}

extension JSONDocument.Node {
  /// Writes it without blanks; numbers keep their spelling.
  func write(to out: TextOutput) {
    switch self {
    case .null: out.append("null")
    case .bool(let value): out.append(value ? "true" : "false")
    case .number(let bytes): out.append(bytes)
    case .string(let raw): JSONText.unescaped(raw).withUnsafeBufferPointer { JSONText.write($0, to: out) }
    case .array(let elements):
      out.append(91)
      for (i, element) in elements.enumerated() {
        if i > 0 { out.append(44) }
        element.write(to: out)
      }
      out.append(93)
    case .object(let members):
      out.append(123)
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(44) }
        member.key.withUnsafeBufferPointer { JSONText.write($0, to: out) }
        out.append(58)
        member.value.write(to: out)
      }
      out.append(125)
    }
  }

  /// A scalar as text: a string without its quotes.
  func writeScalar(to out: TextOutput) {
    if case .string(let raw) = self {
      JSONText.unescaped(raw).withUnsafeBufferPointer { out.append($0) }
    } else {
      write(to: out)
    }
  }
}
