import MillraceColumns
import MillraceTypes

/// Digests, hexadecimal, Base64, URL and character-set encodings.
enum EncodingKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    let found: Kernel?
    switch name {
    case "MD5": found = digest(MessageDigest.md5)
    case "SHA1": found = digest(MessageDigest.sha1)
    case "SHA224": found = digest(MessageDigest.sha224)
    case "SHA256": found = digest(MessageDigest.sha256)
    case "SHA384": found = digest(MessageDigest.sha384)
    case "SHA512": found = digest(MessageDigest.sha512)
    case "SHA2": found = sha2
    case "TO_BASE64": found = texts { slice, out in base64(slice, out) }
    case "FROM_BASE64": found = texts(type) { slice, out in unbase64(slice, out) }
    case "HEX":
      found =
        context.operands[0].type.isInteger
        ? { v, n in numbers(v, n, radix: 16) } : texts { slice, out in hex(slice, out, MessageDigest.upperHexDigits) }
    case "BIN": found = { v, n in numbers(v, n, radix: 2) }
    case "UNHEX": found = texts(type) { slice, out in unhex(slice, out) }
    case "URL_ENCODE": found = texts { slice, out in urlEncode(slice, out) }
    case "URL_DECODE": found = texts(type) { slice, out in urlDecode(slice, out) }
    case "PARSE_URL": found = parseURL
    case "ENCODE", "DECODE": found = { v, n in recode(v, n, type, encodes: name == "ENCODE") }
    default: found = nil
    }
    return found.map { KernelTable.strict(type, $0) }
  }

  /// `body` says whether the result is not null.
  private static func texts(_ type: DataType, _ body: @escaping @Sendable (Bytes, TextOutput) -> Bool) -> Kernel {
    { v, n in
      let a = TextLane(v[0])
      return Loops.text([v[0]], n, type) { i, out in body(a[i], out) }
    }
  }

  private static func texts(_ body: @escaping @Sendable (Bytes, TextOutput) -> Void) -> Kernel {
    texts(.text) { slice, out in
      body(slice, out)
      return true
    }
  }

  private static func hex(_ bytes: some Sequence<UInt8>, _ out: TextOutput, _ digits: [UInt8]) {
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
  }

  private static func digest(_ body: @escaping @Sendable (Bytes) -> [UInt8]) -> Kernel {
    texts { slice, out in hex(body(slice), out, MessageDigest.hexDigits) }
  }

  /// Null for a length that is none.
  private static func sha2(_ v: [Vector], _ n: Int) -> Vector {
    let (a, bits) = (TextLane(v[0]), Lane<Int64>(v[1]))
    return Loops.text(v, n) { i, out in
      switch bits[i] {
      case 224: hex(MessageDigest.sha224(a[i]), out, MessageDigest.hexDigits)
      case 256: hex(MessageDigest.sha256(a[i]), out, MessageDigest.hexDigits)
      case 384: hex(MessageDigest.sha384(a[i]), out, MessageDigest.hexDigits)
      case 512: hex(MessageDigest.sha512(a[i]), out, MessageDigest.hexDigits)
      default: return false
      }
      return true
    }
  }

  /// Without a sign: a negative number as its 64 bits.
  private static func numbers(_ v: [Vector], _ n: Int, radix: Int) -> Vector {
    let a = Lane<Int64>(v[0])
    return Loops.text(v, n) { i, out in
      out.append(String(UInt64(bitPattern: a[i]), radix: radix, uppercase: true))
      return true
    }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func base64(_ bytes: Bytes, _ out: TextOutput) {
    var at = 0
    while at < bytes.count {
      let left = bytes.count &- at
      let word = UInt32(bytes[at]) << 16 | (left > 1 ? UInt32(bytes[at &+ 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[at &+ 2]) : 0)
      out.append(alphabet[Int(word >> 18)])
      out.append(alphabet[Int(word >> 12 & 63)])
      out.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : 61)
      out.append(left > 2 ? alphabet[Int(word & 63)] : 61)
      at &+= 3
    }
  }

  /// Whether the text is Base64; what it stands for is read as UTF-8.
  private static func unbase64(_ text: Bytes, _ out: TextOutput) -> Bool {
    var bytes: [UInt8] = []
    var (word, count) = (UInt32(0), 0)
    var end = text.count
    while end > 0 && text[end &- 1] == 61 && text.count &- end < 2 { end &-= 1 }
    if end < text.count && text.count % 4 != 0 { return false }
    for i in 0..<end {
      let digit: UInt32
      switch text[i] {
      case 65...90: digit = UInt32(text[i]) - 65
      case 97...122: digit = UInt32(text[i]) - 71
      case 48...57: digit = UInt32(text[i]) + 4
      case 43: digit = 62
      case 47: digit = 63
      default: return false
      }
      word = word << 6 | digit
      count += 1
      if count == 4 {
        bytes += [UInt8(truncatingIfNeeded: word >> 16), UInt8(truncatingIfNeeded: word >> 8), UInt8(truncatingIfNeeded: word)]
        (word, count) = (0, 0)
      }
    }
    if count == 1 { return false }
    if count == 2 { bytes.append(UInt8(truncatingIfNeeded: word >> 4)) }
    if count == 3 { bytes += [UInt8(truncatingIfNeeded: word >> 10), UInt8(truncatingIfNeeded: word >> 2)] }
    out.append(String(decoding: bytes, as: UTF8.self))
    return true
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }

  /// An odd first digit is a byte of its own.
  private static func unhex(_ text: Bytes, _ out: TextOutput) -> Bool {
    var at = 0
    if text.count % 2 == 1 {
      guard let digit = hexValue(text[0]) else { return false }
      out.append(digit)
      at = 1
    }
    while at < text.count {
      guard let high = hexValue(text[at]), let low = hexValue(text[at &+ 1]) else { return false }
      out.append(high << 4 | low)
      at &+= 2
    }
    return true
  }

  /// `application/x-www-form-urlencoded`, as java.net.URLEncoder.
  private static func urlEncode(_ text: Bytes, _ out: TextOutput) {
    for byte in text {
      switch byte {
      case 48...57, 65...90, 97...122, 42, 45, 46, 95: out.append(byte)
      case 32: out.append(43)
      default:
        out.append(37)
        out.append(MessageDigest.upperHexDigits[Int(byte >> 4)])
        out.append(MessageDigest.upperHexDigits[Int(byte & 15)])
      }
    }
  }

  private static func urlDecode(_ text: Bytes, _ out: TextOutput) -> Bool {
    var bytes: [UInt8] = []
    var at = 0
    while at < text.count {
      switch text[at] {
      case 43: bytes.append(32)
      case 37:
        guard at &+ 2 < text.count, let high = hexValue(text[at &+ 1]), let low = hexValue(text[at &+ 2]) else { return false }
        bytes.append(high << 4 | low)
        at &+= 2
      default: bytes.append(text[at])
      }
      at &+= 1
    }
    out.append(String(decoding: bytes, as: UTF8.self))
    return true
  }

  private static func recode(_ v: [Vector], _ n: Int, _ type: DataType, encodes: Bool) -> Vector {
    let (a, names) = (TextLane(v[0]), TextLane(v[1]))
    return Loops.text(v, n, type) { i, out in
      guard let set = CharacterSet(name: String(decoding: names[i], as: UTF8.self)) else { return false }
      if encodes {
        set.encode(String(decoding: a[i], as: UTF8.self)).withUnsafeBufferPointer { out.append($0) }
      } else {
        out.append(set.decode(a[i]))
      }
      return true
    }
  }

  // MARK: URLs

  /// A part of a URL as java.net.URL has it; null for one that is missing and for what is no URL of a known protocol.
  private static func parseURL(_ v: [Vector], _ n: Int) -> Vector {
    let (a, part) = (TextLane(v[0]), TextLane(v[1]))
    let key = v.count == 3 ? TextLane(v[2]) : nil
    return Loops.text(v, n) { i, out in
      guard let url = URLParts(a[i]) else { return false }
      let name = String(decoding: part[i], as: UTF8.self)
      if let key {
        guard name == "QUERY", let query = url.query, let value = URLParts.value(of: key[i], in: query) else { return false }
        out.append(value)
        return true
      }
      let found: Bytes?
      switch name {
      case "HOST": found = url.host
      case "PATH": found = url.path
      case "QUERY": found = url.query
      case "REF": found = url.reference
      case "PROTOCOL": found = url.scheme
      case "AUTHORITY": found = url.authority
      case "USERINFO": found = url.userInfo
      case "FILE": found = url.file
      default: found = nil
      }
      guard let found else { return false }
      out.append(found)
      return true
    }
  }
}

/// The parts of a URL, slices of its text.
struct URLParts {
  var scheme: Bytes
  var authority: Bytes?
  var userInfo: Bytes?
  var host: Bytes
  var path: Bytes
  var query: Bytes?
  var reference: Bytes?
  /// Path and query.
  var file: Bytes

  private static let schemes: Set<String> = ["http", "https", "ftp", "file", "jar"]

  init?(_ text: Bytes) {
    guard let colon = text.firstIndex(of: 58), Self.schemes.contains(String(decoding: text[..<colon], as: UTF8.self).lowercased()) else {
      return nil
    }
    scheme = UTF8Slices.slice(text, 0..<colon)
    var end = text.count
    if let hash = text.firstIndex(of: 35) {
      reference = UTF8Slices.slice(text, (hash + 1)..<text.count)
      end = hash
    }
    var at = colon + 1
    host = UTF8Slices.slice(text, at..<at)
    if at + 1 < end, text[at] == 47, text[at + 1] == 47 {
      at += 2
      let stop = text[at..<end].firstIndex { $0 == 47 || $0 == 63 } ?? end
      let whole = UTF8Slices.slice(text, at..<stop)
      authority = whole
      var name = whole
      if let sign = whole.lastIndex(of: 64) {
        userInfo = UTF8Slices.slice(whole, 0..<sign)
        name = UTF8Slices.slice(whole, (sign + 1)..<whole.count)
      }
      // An address in brackets may hold colons of its own.
      let bracket = name.first == 91 ? name.firstIndex(of: 93) ?? 0 : 0
      let port = name[bracket...].firstIndex(of: 58) ?? name.count
      host = UTF8Slices.slice(name, 0..<port)
      at = stop
    }
    file = UTF8Slices.slice(text, at..<end)
    let mark = text[at..<end].firstIndex(of: 63) ?? end
    path = UTF8Slices.slice(text, at..<mark)
    if mark < end { query = UTF8Slices.slice(text, (mark + 1)..<end) }
  }

  /// The value of the first such key in a query.
  static func value(of key: Bytes, in query: Bytes) -> Bytes? {
    var at = 0
    while at <= query.count {
      let end = query[at...].firstIndex(of: 38) ?? query.count
      let pair = UTF8Slices.slice(query, at..<end)
      if pair.count > key.count, pair[key.count] == 61, UTF8Slices.hasPrefix(pair, key) {
        return UTF8Slices.slice(pair, (key.count + 1)..<pair.count)
      }
      at = end + 1
    }
    return nil
  }
}
