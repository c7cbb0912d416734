/// One bit per row, least significant bit first, as Arrow lays it out: validity, boolean values, flags.
public struct Bitmap: Sendable {
  public let buffer: Buffer
  /// Bits in use.
  public let count: Int

  @inlinable public init(buffer: Buffer, count: Int) {
    self.buffer = buffer
    self.count = count
  }

  public init(repeating value: Bool, count: Int) {
    buffer = Buffer(zeroed: (count + 63) / 64 * 8)
    self.count = count
    guard value else { return }
    let words = buffer.pointer(UInt64.self)
    for i in 0..<(count / 64) { words[i] = ~0 }
    if count % 64 != 0 { words[count / 64] = (1 << UInt64(count % 64)) - 1 }
  }

  /// Packs a mask of bytes, any non-zero byte being true.
  public init(mask: UnsafePointer<UInt8>, count: Int) {
    buffer = Buffer(zeroed: (count + 63) / 64 * 8)
    self.count = count
    let out = buffer.pointer(UInt8.self)
    var i = 0
    while i &+ 8 <= count {
      var byte: UInt8 = 0
      for bit in 0..<8 { byte |= (mask[i &+ bit] != 0 ? 1 : 0) << UInt8(truncatingIfNeeded: bit) }
      out[i >> 3] = byte
      i &+= 8
    }
    while i < count {
      if mask[i] != 0 { out[i >> 3] |= 1 << UInt8(i & 7) }
      i &+= 1
    }
  }

  public init(_ bools: [Bool]) {
    self.init(repeating: false, count: bools.count)
    let out = buffer.pointer(UInt8.self)
    for (i, value) in bools.enumerated() where value { out[i >> 3] |= 1 << UInt8(i & 7) }
  }

  @inlinable public subscript(index: Int) -> Bool {
    (buffer.pointer(UInt8.self)[index >> 3] >> UInt8(truncatingIfNeeded: index & 7)) & 1 != 0
  }

  /// Number of set bits.
  public var setCount: Int {
    let words = buffer.pointer(UInt8.self)
    var total = 0
    for i in 0..<(count >> 3) { total &+= words[i].nonzeroBitCount }
    if count & 7 != 0 { total &+= (words[count >> 3] & ((1 << UInt8(count & 7)) - 1)).nonzeroBitCount }
    return total
  }

  /// Writes one byte per row, 0 or 1.
  public func unpack(into mask: UnsafeMutablePointer<UInt8>) {
    let bytes = buffer.pointer(UInt8.self)
    for i in 0..<count { mask[i] = (bytes[i >> 3] >> UInt8(truncatingIfNeeded: i & 7)) & 1 }
  }

  /// Bitwise AND; both have the same count.
  public func intersection(_ other: Bitmap) -> Bitmap {
    let result = Buffer(zeroed: (count + 63) / 64 * 8)
    let a = buffer.pointer(UInt8.self)
    let b = other.buffer.pointer(UInt8.self)
    let out = result.pointer(UInt8.self)
    for i in 0..<((count + 7) / 8) { out[i] = a[i] & b[i] }
    return Bitmap(buffer: result, count: count)
  }

  /// AND of two optional validity bitmaps, nil meaning all valid.
  public static func both(_ a: Bitmap?, _ b: Bitmap?) -> Bitmap? {
    switch (a, b) {
    case (nil, nil): nil
    case (let x?, nil), (nil, let x?): x
    case (let x?, let y?): x.intersection(y)
    }
  }

  /// Bits of a range, copied.
  func slice(_ range: Range<Int>) -> Bitmap {
    let out = Buffer(zeroed: (range.count + 63) / 64 * 8)
    Self.copy(
      from: buffer.pointer(UInt8.self), at: range.lowerBound, to: out.pointer(UInt8.self), at: 0, count: range.count)
    return Bitmap(buffer: out, count: range.count)
  }

  /// Copies `count` bits to a place whose bits from there on are zero.
  static func copy(
    from source: UnsafePointer<UInt8>, at first: Int, to target: UnsafeMutablePointer<UInt8>, at place: Int, count: Int
  ) {
    let (sourceShift, targetShift) = (UInt8(truncatingIfNeeded: first & 7), UInt8(truncatingIfNeeded: place & 7))
    var (from, to) = (first >> 3, place >> 3)
    var left = count
    while left > 0 {
      let bits = min(8, left)
      var byte = source[from] >> sourceShift
      if Int(sourceShift) &+ bits > 8 { byte |= source[from &+ 1] << (8 &- sourceShift) }
      if bits < 8 { byte &= (1 << UInt8(truncatingIfNeeded: bits)) &- 1 }
      target[to] |= byte << targetShift
      if Int(targetShift) &+ bits > 8 { target[to &+ 1] |= byte >> (8 &- targetShift) }
      from &+= 1
      to &+= 1
      left &-= 8
    }
  }
}
