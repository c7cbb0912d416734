import MillraceColumns
import MillraceTypes

/// Functions of text over UTF-8 bytes. Positions and lengths count code points.
enum TextKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    if name == "CONCAT_WS" { return { v, n in concatenated(v, n) } }
    return strictKernel(name, context.operands.count).map { KernelTable.strict(context.type, $0) }
  }

  private static func strictKernel(_ name: String, _ count: Int) -> Kernel? {
    switch (name, count) {
    case ("UPPER", 1): return cased(97...122) { $0.uppercased() }
    case ("LOWER", 1): return cased(65...90) { $0.lowercased() }
    case ("INITCAP", 1): return map { slice, out in initialCapitals(slice, out) }
    case ("REVERSE", 1):
      return map { slice, out in
        var end = slice.count
        while end > 0 {
          let start = UTF8Slices.previous(slice, end)
          out.append(UTF8Slices.slice(slice, start..<end))
          end = start
        }
      }
    case ("TRIM", _): return trim(leading: true, trailing: true)
    case ("LTRIM", _): return trim(leading: true, trailing: false)
    case ("RTRIM", _): return trim(leading: false, trailing: true)
    case ("CHAR_LENGTH", 1): return number { Int32(truncatingIfNeeded: UTF8Slices.count($0)) }
    case ("OCTET_LENGTH", 1): return number { Int32(truncatingIfNeeded: $0.count) }
    case ("ASCII", 1): return number { Int32($0.first ?? 0) }
    case ("||", 2):
      return { v, n in
        let (a, b) = (TextLane(v[0]), TextLane(v[1]))
        return Loops.text(v, n) { i, out in
          out.append(a[i])
          out.append(b[i])
          return true
        }
      }
    case ("STARTSWITH", 2):
      return { v, n in
        let (a, b) = (TextLane(v[0]), TextLane(v[1]))
        return Loops.test(v, n) { UTF8Slices.hasPrefix(a[$0], b[$0]) }
      }
    case ("ENDSWITH", 2):
      return { v, n in
        let (a, b) = (TextLane(v[0]), TextLane(v[1]))
        return Loops.test(v, n) { UTF8Slices.hasSuffix(a[$0], b[$0]) }
      }
    case ("POSITION", 2), ("LOCATE", _): return { v, n in located(v, n) }
    case ("SUBSTRING", _): return { v, n in substring(v, n) }
    case ("LEFT", 2): return { v, n in edge(v, n, fromEnd: false) }
    case ("RIGHT", 2): return { v, n in edge(v, n, fromEnd: true) }
    case ("LPAD", 3): return { v, n in padded(v, n, onLeft: true) }
    case ("RPAD", 3): return { v, n in padded(v, n, onLeft: false) }
    case ("REPLACE", 3): return { v, n in replaced(v, n) }
    case ("REPEAT", 2):
      return { v, n in
        let (a, times) = (TextLane(v[0]), Lane<Int64>(v[1]))
        return Loops.text(v, n) { i, out in
          let slice = a[i]
          if times[i] > 0 && slice.count > 0 && times[i] > Int64(TextOutput.textBytesMax / slice.count) {
            out.refuse()
          } else if times[i] > 0 && slice.count > 0 {
            for _ in 0..<times[i] { out.append(slice) }
          }
          return true
        }
      }
    case ("SPLIT_INDEX", 3): return { v, n in split(v, n) }
    case ("COUNT_CHAR", 2):
      return { v, n in
        let (a, b) = (TextLane(v[0]), TextLane(v[1]))
        return Loops.rows(v, n, .int64, zero: Int64(0)) { i in
          guard let wanted = b[i].first else { return 0 }
          if wanted < 0x80 { return Int64(UTF8Slices.count(of: wanted, in: a[i])) }
          var count: Int64 = 0
          let character = UTF8Slices.slice(b[i], 0..<UTF8Slices.next(b[i], 0))
          var at = 0
          while let found = UTF8Slices.find(character, in: a[i], from: at) {
            count &+= 1
            at = found &+ character.count
          }
          return count
        }
      }
    case ("CHR", 1):
      return { v, n in
        let code = Lane<Int64>(v[0])
        return Loops.text(v, n) { i, out in
          if code[i] >= 0 { out.append(String(Character(Unicode.Scalar(UInt8(truncatingIfNeeded: code[i]))))) }
          return true
        }
      }
    default: return nil
    }
  }

  private static func map(_ body: @escaping @Sendable (Bytes, TextOutput) -> Void) -> Kernel {
    { v, n in
      let a = TextLane(v[0])
      return Loops.text([v[0]], n) { i, out in
        body(a[i], out)
        return true
      }
    }
  }

  private static func number(_ body: @escaping @Sendable (Bytes) -> Int32) -> Kernel {
    { v, n in
      let a = TextLane(v[0])
      return Loops.rows(v, n, .int32, zero: Int32(0)) { body(a[$0]) }
    }
  }

  /// ASCII changes case by one bit; other text goes through Unicode's full mapping.
  private static func cased(_ letters: ClosedRange<UInt8>, _ full: @escaping @Sendable (String) -> String) -> Kernel {
    let (low, high) = (letters.lowerBound, letters.upperBound)
    return map { slice, out in
      guard UTF8Slices.isASCII(slice) else {
        out.append(full(String(decoding: slice, as: UTF8.self)))
        return
      }
      let target = out.room(slice.count)
      for i in 0..<slice.count {
        let byte = slice[i]
        target[i] = byte >= low && byte <= high ? byte ^ 0x20 : byte
      }
      out.advance(slice.count)
    }
  }

  private static func initialCapitals(_ slice: Bytes, _ out: TextOutput) {
    var isInside = false
    for scalar in String(decoding: slice, as: UTF8.self).unicodeScalars {
      let isLetterOrDigit = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
      out.append(isInside ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping)
      isInside = isLetterOrDigit
    }
  }

  private static func trim(leading: Bool, trailing: Bool) -> Kernel {
    { v, n in
      let a = TextLane(v[0])
      let blank: [UInt8] = [32]
      return blank.withUnsafeBufferPointer { blank in
        if v.count == 1 {
          return Loops.text(v, n) { i, out in
            out.append(UTF8Slices.trimmed(a[i], blank, leading: leading, trailing: trailing))
            return true
          }
        }
        let characters = TextLane(v[1])
        return Loops.text(v, n) { i, out in
          out.append(UTF8Slices.trimmed(a[i], characters[i], leading: leading, trailing: trailing))
          return true
        }
      }
    }
  }

  /// Null arguments are left out; a null separator gives null.
  private static func concatenated(_ v: [Vector], _ n: Int) -> Vector {
    if v[0].isNullConstant { return .null(.text) }
    let lanes = v.map(TextLane.init)
    let result = Loops.text([v[0]], n) { i, out in
      var isFirst = true
      for k in 1..<v.count where !v[k].isNull(i) {
        if !isFirst { out.append(lanes[0][i]) }
        isFirst = false
        out.append(lanes[k][i])
      }
      return true
    }
    return Loops.adding(Loops.faults(Array(v.dropFirst())), to: result)
  }

  private static func located(_ v: [Vector], _ n: Int) -> Vector {
    let (needle, a) = (TextLane(v[0]), TextLane(v[1]))
    let start = v.count == 3 ? Lane<Int64>(v[2]) : nil
    return Loops.rows(v, n, .int32, zero: Int32(0)) { i in
      let slice = a[i]
      let first = start.map { $0[i] } ?? 1
      if first < 1 || first > Int64(slice.count) &+ 1 { return 0 }
      // An empty text is found where the search begins, but not behind the end.
      if needle[i].count == 0 { return first <= Int64(UTF8Slices.count(slice)) &+ 1 ? Int32(truncatingIfNeeded: first) : 0 }
      let from = UTF8Slices.offset(slice, ofCodePoint: Int(first) &- 1)
      guard let found = UTF8Slices.find(needle[i], in: slice, from: from) else { return 0 }
      return Int32(truncatingIfNeeded: UTF8Slices.count(UTF8Slices.slice(slice, 0..<found)) &+ 1)
    }
  }

  /// Start 1 (or 0) is the first code point, a negative start counts from the end; a negative length gives null.
  private static func substring(_ v: [Vector], _ n: Int) -> Vector {
    let (a, from) = (TextLane(v[0]), Lane<Int64>(v[1]))
    let length = v.count == 3 ? Lane<Int64>(v[2]) : nil
    return Loops.text(v, n) { i, out in
      let slice = a[i]
      let wanted = length.map { $0[i] } ?? .max
      if wanted < 0 { return false }
      var start = from[i]
      let isShort = start.magnitude <= UInt64(slice.count)
      if !isShort { return true }
      if start < 0 {
        let total = Int64(UTF8Slices.count(slice))
        start = total &+ start &+ 1
        if start < 1 { return true }
      }
      let begin = UTF8Slices.offset(slice, ofCodePoint: Int(max(0, start &- 1)))
      let rest = UTF8Slices.slice(slice, begin..<slice.count)
      let end = wanted >= Int64(rest.count) ? rest.count : UTF8Slices.offset(rest, ofCodePoint: Int(wanted))
      out.append(UTF8Slices.slice(rest, 0..<end))
      return true
    }
  }

  private static func edge(_ v: [Vector], _ n: Int, fromEnd: Bool) -> Vector {
    let (a, count) = (TextLane(v[0]), Lane<Int64>(v[1]))
    return Loops.text(v, n) { i, out in
      let slice = a[i]
      if count[i] <= 0 { return true }
      if count[i] >= Int64(slice.count) {
        out.append(slice)
        return true
      }
      let wanted = fromEnd ? max(0, UTF8Slices.count(slice) &- Int(count[i])) : Int(count[i])
      let cut = UTF8Slices.offset(slice, ofCodePoint: wanted)
      out.append(UTF8Slices.slice(slice, fromEnd ? cut..<slice.count : 0..<cut))
      return true
    }
  }

  /// Cut to the length when longer; null for a negative length or an empty pad.
  private static func padded(_ v: [Vector], _ n: Int, onLeft: Bool) -> Vector {
    let (a, length, pad) = (TextLane(v[0]), Lane<Int64>(v[1]), TextLane(v[2]))
    return Loops.text(v, n) { i, out in
      let (slice, fill) = (a[i], pad[i])
      if length[i] < 0 || fill.count == 0 { return false }
      let wanted = Int(length[i])
      let total = UTF8Slices.count(slice)
      if wanted - total > TextOutput.textBytesMax / 4 {
        out.refuse()
        return true
      }
      if total >= wanted {
        out.append(UTF8Slices.slice(slice, 0..<UTF8Slices.offset(slice, ofCodePoint: wanted)))
        return true
      }
      if !onLeft { out.append(slice) }
      var at = 0
      for _ in total..<wanted {
        let behind = UTF8Slices.next(fill, at)
        out.append(UTF8Slices.slice(fill, at..<behind))
        at = behind >= fill.count ? 0 : behind
      }
      if onLeft { out.append(slice) }
      return true
    }
  }

  private static func replaced(_ v: [Vector], _ n: Int) -> Vector {
    let (a, search, replacement) = (TextLane(v[0]), TextLane(v[1]), TextLane(v[2]))
    return Loops.text(v, n) { i, out in
      let (slice, needle) = (a[i], search[i])
      var at = 0
      while needle.count > 0, let found = UTF8Slices.find(needle, in: slice, from: at) {
        out.append(UTF8Slices.slice(slice, at..<found))
        out.append(replacement[i])
        at = found &+ needle.count
      }
      out.append(UTF8Slices.slice(slice, at..<slice.count))
      return true
    }
  }

  /// The part of that number, from 0, between separators; null when there are fewer parts, and for an empty text. An empty separator
  /// is a blank, as in Flink.
  private static func split(_ v: [Vector], _ n: Int) -> Vector {
    let (a, separator, index) = (TextLane(v[0]), TextLane(v[1]), Lane<Int64>(v[2]))
    let blank = Buffer([UInt8(32)])
    let blanks = UnsafeBufferPointer(start: UnsafePointer(blank.pointer(UInt8.self)), count: 1)
    return Loops.text(v, n) { i, out in
      let slice = a[i]
      let mark = separator[i].count == 0 ? blanks : separator[i]
      if index[i] < 0 || slice.count == 0 { return false }
      if mark.count == 1 { return appendPart(slice, mark[0], index[i], out) }
      var left = index[i]
      var at = 0
      while true {
        let found = withExtendedLifetime(blank) { UTF8Slices.find(mark, in: slice, from: at) }
        if left == 0 {
          out.append(UTF8Slices.slice(slice, at..<(found ?? slice.count)))
          return true
        }
        guard let found else { return false }
        at = found &+ mark.count
        left &-= 1
      }
    }
  }

  /// As `split` for a separator of one byte.
  @inline(__always)
  private static func appendPart(_ slice: Bytes, _ mark: UInt8, _ index: Int64, _ out: TextOutput) -> Bool {
    var left = index
    var at = 0
    while left > 0 && at < slice.count {
      left &-= slice[at] == mark ? 1 : 0
      at &+= 1
    }
    if left > 0 { return false }
    var end = at
    while end < slice.count && slice[end] != mark { end &+= 1 }
    out.append(UTF8Slices.slice(slice, at..<end))
    return true
  }
}
