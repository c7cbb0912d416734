import MillraceTypes

/// A growing block of bytes to write text into.
public final class TextOutput {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  public private(set) var count = 0

  public init(capacity: Int = 1 << 16) {
    self.capacity = max(64, capacity)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
  public func removeAll() { count = 0 }

  @inline(never) private func grow(_ needed: Int) {
    while capacity < needed { capacity *= 2 }
    let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    bigger.update(from: base, count: count)
    base.deallocate()
    base = bigger
  }

  /// Room for at least that many more bytes; tell with `advance` how many were written there.
  @inline(__always) func room(_ needed: Int) -> UnsafeMutablePointer<UInt8> {
    if count &+ needed > capacity { grow(count + needed) }
    return base + count
  }
  @inline(__always) func advance(_ written: Int) { count &+= written }

  @inline(__always) func append(_ byte: UInt8) {
    room(1)[0] = byte
    count &+= 1
  }

  @inline(__always) func append(_ source: UnsafePointer<UInt8>, count n: Int) {
    room(n).update(from: source, count: n)
    count &+= n
  }

  func append(_ text: String) {
    var text = text
    text.withUTF8 { if let source = $0.baseAddress { append(source, count: $0.count) } }
  }

  func append(_ text: StaticString) { append(text.utf8Start, count: text.utf8CodeUnitCount) }

  func append(integer value: Int64) {
    if value == 0 { return append(48) }
    let target = room(20)
    var magnitude = value.magnitude
    var digits = 0
    var probe = magnitude
    while probe > 0 {
      probe /= 10
      digits &+= 1
    }
    let sign = value < 0 ? 1 : 0
    if value < 0 { target[0] = 45 }
    var at = digits &+ sign
    count &+= at
    while magnitude > 0 {
      at &-= 1
      let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
      target[at] = 48 &+ UInt8(truncatingIfNeeded: digit)
      magnitude = quotient
    }
  }

  /// The shortest text that reads back as the same value.
  func append(double value: Double) { append(value.description) }
  func append(float value: Float) { append(value.description) }

  /// NaN and the infinities, as the readers take them back.
  func append(special value: Double) { append(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity") }

  /// A decimal in plain notation with all digits of its scale.
  func append(decimal value: Int128, scale: Int) {
    advance(NumberText.write(decimal: value, scale: scale, to: room(NumberText.byteCountMax)))
  }

  func append(timestamp ticks: Int64, precision: Int, style: TimestampStyle, zone: Bool) {
    let target = room(TimestampText.byteCountMax)
    advance(TimestampText.write(timestamp: ticks, precision: precision, separator: style == .sql ? 32 : 84, zone: zone, to: target))
  }
  func append(date days: Int32) { advance(TimestampText.write(date: Int(days), to: room(TimestampText.byteCountMax))) }
  func append(time ticks: Int64, precision: Int) {
    advance(TimestampText.write(time: ticks, precision: precision, to: room(TimestampText.byteCountMax)))
  }

  private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  func append(base64 source: UnsafePointer<UInt8>, count n: Int) {
    var i = 0
    while i < n {
      let a = source[i]
      let b = i &+ 1 < n ? source[i &+ 1] : 0
      let c = i &+ 2 < n ? source[i &+ 2] : 0
      append(Self.base64[Int(a >> 2)])
      append(Self.base64[Int((a & 3) << 4 | b >> 4)])
      append(i &+ 1 < n ? Self.base64[Int((b & 15) << 2 | c >> 6)] : 61)
      append(i &+ 2 < n ? Self.base64[Int(c & 63)] : 61)
      i &+= 3
    }
  }
}

/// Reads base64 (RFC 4648 section 4, padding optional); nil when it is not.
func decodeBase64(_ text: UnsafePointer<UInt8>, count: Int) -> [UInt8]? {
  var end = count
  while end > 0 && count - end < 2 && text[end - 1] == 61 { end -= 1 }
  if end % 4 == 1 { return nil }
  var out: [UInt8] = []
  out.reserveCapacity(end * 3 / 4)
  var bits: UInt32 = 0
  var have = 0
  for i in 0..<end {
    let value: UInt8
    switch text[i] {
    case 65...90: value = text[i] - 65
    case 97...122: value = text[i] - 71
    case 48...57: value = text[i] + 4
    case 43: value = 62
    case 47: value = 63
    default: return nil
    }
    bits = bits << 6 | UInt32(value)
    have += 6
    if have >= 8 {
      have -= 8
      out.append(UInt8(truncatingIfNeeded: bits >> UInt32(have)))
    }
  }
  return out
}
