import MillraceTypes

/// Finds the fields of one CSV record (RFC 4180) in a byte stream.
struct CSVRecordScanner {
  struct FieldSpan {
    /// From the record's first byte.
    var start = 0
    var count = 0
    var isQuoted = false
    /// Holds doubled quotes or escapes that have to be taken out.
    var hasEscapes = false
  }

  enum Outcome {
    /// The record and its line end take `length` bytes and `lines` line ends.
    case record(length: Int, lines: Int64)
    /// It goes on behind the window.
    case needsMore
    case bad(StaticString, at: Int)
  }

  let delimiter: UInt8
  let quote: UInt8?
  let escape: UInt8?
  private let delimiterWord: UInt64
  private(set) var fields: [FieldSpan] = []

  init(_ options: CSVOptions) {
    delimiter = options.delimiter
    quote = options.quote
    escape = options.escape
    delimiterWord = 0x0101_0101_0101_0101 &* UInt64(options.delimiter)
  }

  /// Scans the record at `p`; `count` bytes are there and 64 more may be read.
  mutating func scan(_ p: UnsafePointer<UInt8>, count: Int, isAtEnd: Bool) -> Outcome {
    fields.removeAll(keepingCapacity: true)
    var at = 0
    var lines: Int64 = 0
    while true {
      var field = FieldSpan(start: at)
      if let quote, at < count, p[at] == quote {
        field.isQuoted = true
        at &+= 1
        field.start = at
        while true {
          while at < count && p[at] != quote && p[at] != 10 && p[at] != escape { at &+= 1 }
          if at >= count { return isAtEnd ? .bad("a quote that is not closed", at: field.start - 1) : .needsMore }
          if p[at] == 10 {
            lines &+= 1
            at &+= 1
          } else if p[at] == escape {
            field.hasEscapes = true
            if at &+ 1 < count && p[at &+ 1] == 10 { lines &+= 1 }
            at &+= 2
          } else if at &+ 1 < count {
            if p[at &+ 1] != quote { break }
            field.hasEscapes = true
            at &+= 2
          } else {
            if !isAtEnd { return .needsMore }
            break
          }
        }
        field.count = at &- field.start
        at &+= 1
        if at < count, p[at] == 13 {
          if at &+ 1 >= count {
            if !isAtEnd { return .needsMore }
            at &+= 1
          } else if p[at &+ 1] == 10 {
            at &+= 1
          }
        }
        if at < count && p[at] != delimiter && p[at] != 10 { return .bad("text behind a closing quote", at: at) }
      } else if let escape {
        while at < count && p[at] != delimiter && p[at] != 10 {
          if p[at] == escape {
            field.hasEscapes = true
            at &+= 1
          }
          at &+= 1
        }
        field.count = min(at, count) &- field.start
        at = min(at, count)
      } else {
        at = endOfPlainField(p, at, count)
        field.count = at &- field.start
      }
      if at >= count {
        if !isAtEnd { return .needsMore }
        trimCarriageReturn(&field, p)
        fields.append(field)
        return .record(length: count, lines: lines &+ 1)
      }
      if p[at] == 10 {
        trimCarriageReturn(&field, p)
        fields.append(field)
        return .record(length: at &+ 1, lines: lines &+ 1)
      }
      fields.append(field)
      at &+= 1
    }
  }

  @inline(__always) private func trimCarriageReturn(_ field: inout FieldSpan, _ p: UnsafePointer<UInt8>) {
    if !field.isQuoted && field.count > 0 && p[field.start &+ field.count &- 1] == 13 { field.count &-= 1 }
  }

  @inline(__always) private func endOfPlainField(_ p: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var i = start
    let ones: UInt64 = 0x0101_0101_0101_0101
    while i < count {
      let word = UInt64(littleEndian: UnsafeRawPointer(p + i).loadUnaligned(as: UInt64.self))
      let a = word ^ delimiterWord
      let b = word ^ 0x0A0A_0A0A_0A0A_0A0A
      let found = (((a &- ones) & ~a) | ((b &- ones) & ~b)) & 0x8080_8080_8080_8080
      if found != 0 { return min(count, i &+ found.trailingZeroBitCount >> 3) }
      i &+= 8
    }
    return count
  }
}
