import MillraceColumns
import MillraceTypes

/// Functions that build a text, an array or a map from parts of texts. Positions and lengths count code points.
enum TextEditKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    let type = context.type
    switch name {
    case "OVERLAY": return KernelTable.strict(type, overlaid)
    case "TRANSLATE": return KernelTable.strict(type, translated)
    case "SUBSTRING_INDEX": return KernelTable.strict(type, upToSeparator)
    case "SOUNDEX":
      return KernelTable.strict(type) { v, n in
        let a = TextLane(v[0])
        return Loops.text(v, n) { i, out in
          soundex(a[i], out)
          return true
        }
      }
    case "SPLIT": return KernelTable.strict(type) { v, n in split(v, n, type) }
    case "ELT": return { v, n in element(v, n, type) }
    case "IS_ALPHA": return test { slice in every(slice) { CharacterProperty.category("L").holds($0) } }
    case "IS_DIGIT": return test { slice in every(slice) { CharacterProperty.category("Nd").holds($0) } }
    case "IS_DECIMAL":
      return test { slice in
        NumberText.parseDecimal(UnsafeRawBufferPointer(slice), precision: 38, scale: 0) != .malformed && slice.first != 32
          && slice.last != 32
      }
    case "STR_TO_MAP":
      let pairs = try PatternSource(context, operand: 1)
      let keys = try PatternSource(context, operand: 2)
      return KernelTable.strict(type) { v, n in
        pairs.run(v, n) { pair in keys.run(v, n) { key in map(v, n, type, pair, key) } }
      }
    default: return nil
    }
  }

  private static func every(_ slice: Bytes, _ body: (UInt32) -> Bool) -> Bool {
    var at = 0
    while at < slice.count {
      if !body(UTF8Slices.codePoint(slice, at)) { return false }
      at = UTF8Slices.next(slice, at)
    }
    return slice.count > 0
  }

  /// False for null.
  private static func test(_ body: @escaping @Sendable (Bytes) -> Bool) -> Kernel {
    { v, n in
      if v[0].isNullConstant { return Loops.boolean(Bitmap(repeating: false, count: n), validity: nil) }
      let a = TextLane(v[0])
      var result = Loops.test([v[0]], n) { body(a[$0]) }
      result.column = result.column.withValidity(nil)
      if let validity = v[0].validity {
        result.column = Column(type: .boolean, count: n, values: .bits(result.column.bits.intersection(validity)))
      }
      return Loops.adding(v[0].faults, to: result)
    }
  }

  /// Unchanged for a start outside the text; as in Flink nothing follows the replacement when it reaches the last code point, nor
  /// for a length that is not positive.
  private static func overlaid(_ v: [Vector], _ n: Int) -> Vector {
    let (a, b, start) = (TextLane(v[0]), TextLane(v[1]), Lane<Int64>(v[2]))
    let length = v.count == 4 ? Lane<Int64>(v[3]) : nil
    return Loops.text(v, n) { i, out in
      let (slice, replacement) = (a[i], b[i])
      let total = Int64(UTF8Slices.count(slice))
      guard start[i] >= 1, start[i] <= total else {
        out.append(slice)
        return true
      }
      let wanted = length.map { $0[i] } ?? Int64(UTF8Slices.count(replacement))
      let cut = UTF8Slices.offset(slice, ofCodePoint: Int(start[i] &- 1))
      out.append(UTF8Slices.slice(slice, 0..<cut))
      out.append(replacement)
      if wanted > 0, wanted <= total &- start[i] {
        let behind = UTF8Slices.offset(slice, ofCodePoint: Int(start[i] &- 1 &+ wanted))
        out.append(UTF8Slices.slice(slice, behind..<slice.count))
      }
      return true
    }
  }

  /// Each code point of the second text becomes the one at its place in the third, or goes when there is none.
  private static func translated(_ v: [Vector], _ n: Int) -> Vector {
    let (a, from, to) = (TextLane(v[0]), TextLane(v[1]), TextLane(v[2]))
    return Loops.text(v, n) { i, out in
      let (slice, wanted, given) = (a[i], from[i], to[i])
      var at = 0
      while at < slice.count {
        let behind = UTF8Slices.next(slice, at)
        let character = UTF8Slices.slice(slice, at..<behind)
        var (place, other) = (0, 0)
        var isFound = false
        while place < wanted.count && !isFound {
          let next = UTF8Slices.next(wanted, place)
          isFound = ComparisonKernels.equal(UTF8Slices.slice(wanted, place..<next), character)
          if !isFound && other < given.count { other = UTF8Slices.next(given, other) }
          place = next
        }
        if !isFound {
          out.append(character)
        } else if other < given.count {
          out.append(UTF8Slices.slice(given, other..<UTF8Slices.next(given, other)))
        }
        at = behind
      }
      return true
    }
  }

  /// What stands before the count-th separator, or behind the count-th from the end for a negative count.
  private static func upToSeparator(_ v: [Vector], _ n: Int) -> Vector {
    let (a, separator, count) = (TextLane(v[0]), TextLane(v[1]), Lane<Int64>(v[2]))
    return Loops.text(v, n) { i, out in
      let (slice, mark) = (a[i], separator[i])
      if mark.count == 0 || count[i] == 0 { return true }
      var places: [Int] = []
      var at = 0
      while let found = UTF8Slices.find(mark, in: slice, from: at) {
        places.append(found)
        at = found &+ mark.count
      }
      if count[i].magnitude > UInt64(places.count) {
        out.append(slice)
      } else if count[i] > 0 {
        out.append(UTF8Slices.slice(slice, 0..<places[Int(count[i]) - 1]))
      } else {
        out.append(UTF8Slices.slice(slice, (places[places.count - Int(count[i].magnitude)] + mark.count)..<slice.count))
      }
      return true
    }
  }

  /// American Soundex: a letter and three digits; empty when there is no letter of ASCII.
  private static func soundex(_ slice: Bytes, _ out: TextOutput) {
    // Per letter its digit; 0 for vowels, 7 for H and W, which do not part equal digits.
    let digits: [UInt8] = [0, 1, 2, 3, 0, 1, 2, 7, 0, 2, 2, 4, 5, 5, 0, 1, 2, 6, 2, 3, 0, 1, 7, 2, 0, 2]
    var written = 0
    var last: UInt8 = 0
    for byte in slice {
      let letter = byte & ~32
      guard (65...90).contains(letter), written < 4 else { continue }
      let digit = digits[Int(letter - 65)]
      if written == 0 {
        out.append(letter)
        written = 1
        last = digit
      } else if digit == 7 {
        continue
      } else {
        if digit != 0 && digit != last {
          out.append(48 + digit)
          written += 1
        }
        last = digit
      }
    }
    if written > 0 { for _ in written..<4 { out.append(48) } }
  }

  /// Parts between separators; every code point for an empty separator.
  private static func split(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    let (a, separator) = (TextLane(v[0]), TextLane(v[1]))
    return Loops.nested(v, n, type) { i, builder in
      let (slice, mark) = (a[i], separator[i])
      let parts = builder.children[0]
      var at = 0
      if mark.count == 0 {
        while at < slice.count {
          let behind = UTF8Slices.next(slice, at)
          parts.append(bytes: UnsafeRawBufferPointer(UTF8Slices.slice(slice, at..<behind)))
          at = behind
        }
      } else {
        while let found = UTF8Slices.find(mark, in: slice, from: at) {
          parts.append(bytes: UnsafeRawBufferPointer(UTF8Slices.slice(slice, at..<found)))
          at = found &+ mark.count
        }
        parts.append(bytes: UnsafeRawBufferPointer(UTF8Slices.slice(slice, at..<slice.count)))
      }
      builder.appendList()
      return true
    }
  }

  /// The value of that number, from 1; null when there is none.
  private static func element(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    if v[0].isNullConstant { return .null(type) }
    let index = Lane<Int64>(v[0])
    let lanes = v.dropFirst().map { $0.isNullConstant ? nil : TextLane($0) }
    let result = Loops.text([v[0]], n, type) { i, out in
      guard index[i] >= 1, index[i] <= Int64(lanes.count), let lane = lanes[Int(index[i]) - 1], !v[Int(index[i])].isNull(i) else {
        return false
      }
      out.append(lane[i])
      return true
    }
    return Loops.adding(Loops.faults(Array(v.dropFirst())), to: result)
  }

  /// Pairs between matches of one pattern, key and value between the first match of the other; a value that is missing is null, the
  /// last of equal keys counts.
  private static func map(
    _ v: [Vector], _ n: Int, _ type: DataType, _ pairs: (Int) -> RegularExpression?, _ keys: (Int) -> RegularExpression?
  ) -> Vector {
    let a = TextLane(v[0])
    return Loops.nested(v, n, type) { i, builder in
      guard let pairs = pairs(i), let keys = keys(i) else { return false }
      var entries: [(key: Bytes, value: Bytes?)] = []
      for pair in parts(a[i], pairs) {
        var entry: (key: Bytes, value: Bytes?) = (pair, nil)
        if keys.firstMatch(in: pair), let range = keys.range(ofGroup: 0), !(range.isEmpty && range.lowerBound == 0) {
          entry = (UTF8Slices.slice(pair, 0..<range.lowerBound), UTF8Slices.slice(pair, range.upperBound..<pair.count))
        }
        if let known = entries.firstIndex(where: { ComparisonKernels.equal($0.key, entry.key) }) {
          entries[known].value = entry.value
        } else {
          entries.append(entry)
        }
      }
      for entry in entries {
        builder.children[0].append(bytes: UnsafeRawBufferPointer(entry.key))
        if let value = entry.value {
          builder.children[1].append(bytes: UnsafeRawBufferPointer(value))
        } else {
          builder.children[1].appendNull()
        }
      }
      builder.appendList()
      return true
    }
  }

  /// As Java's `split`: empty parts at the end are left out, and an empty match at the beginning parts nothing.
  private static func parts(_ text: Bytes, _ pattern: RegularExpression) -> [Bytes] {
    var parts: [Bytes] = []
    var at = 0
    pattern.forEachMatch(in: text) { range in
      if range.upperBound == 0 { return true }
      parts.append(UTF8Slices.slice(text, at..<range.lowerBound))
      at = range.upperBound
      return true
    }
    parts.append(UTF8Slices.slice(text, at..<text.count))
    while parts.count > 1, let last = parts.last, last.count == 0 { parts.removeLast() }
    return parts
  }
}
