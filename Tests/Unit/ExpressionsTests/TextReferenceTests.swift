import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

/// Functions of text against slow versions over arrays of code points: random Unicode, nulls, and numbers at the ends of their range.
@Suite struct TextReferenceTests {
  typealias Points = [Unicode.Scalar]

  struct Function: Sendable, CustomTestStringConvertible {
    var name: String
    var types: [DataType]
    /// The value over operands that are not null.
    var value: @Sendable ([Operand]) -> Value
    var testDescription: String { "\(name)/\(types.count)" }
  }

  /// A text as code points, or an integer.
  enum Operand {
    case text(Points)
    case number(Int64)
    var points: Points { if case .text(let points) = self { points } else { [] } }
    var number: Int64 { if case .number(let number) = self { number } else { 0 } }
  }

  // MARK: the slow versions

  private static func text(_ points: some Sequence<Unicode.Scalar>) -> Value {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: points)
    return .text(String(view))
  }

  private static func number(_ value: Int) -> Value { .int(Int64(value)) }

  /// First place at or behind `from`, from 0.
  private static func find(_ needle: Points, in points: Points, from: Int = 0) -> Int? {
    guard from >= 0, from <= points.count else { return nil }
    return (from...points.count).first { at in
      at + needle.count <= points.count && Array(points[at..<at + needle.count]) == needle
    }
  }

  private static func position(_ needle: Points, _ points: Points, from start: Int64) -> Value {
    guard start >= 1, start <= points.count + 1 else { return .int(0) }
    return number((find(needle, in: points, from: Int(start) - 1) ?? -1) + 1)
  }

  private static func substring(_ points: Points, _ start: Int64, _ length: Int64) -> Value {
    if length < 0 { return .null }
    let first = start > 0 ? Int128(start) - 1 : start == 0 ? 0 : Int128(points.count) + Int128(start)
    guard first >= 0 else { return .text("") }
    return text(points.enumerated().filter { $0.offset >= first && $0.offset < first + Int128(length) }.map(\.element))
  }

  private static func trim(_ points: Points, _ characters: Points, leading: Bool, trailing: Bool) -> Value {
    var rest = points[...]
    while leading, let first = rest.first, characters.contains(first) { rest = rest.dropFirst() }
    while trailing, let last = rest.last, characters.contains(last) { rest = rest.dropLast() }
    return text(rest)
  }

  private static func pad(_ points: Points, _ length: Int64, _ fill: Points, left: Bool) -> Value {
    if length < 0 || fill.isEmpty { return .null }
    let length = Int(length)
    if points.count >= length { return text(points.prefix(length)) }
    let padding = (0..<length - points.count).map { fill[$0 % fill.count] }
    return text(left ? padding + points : points + padding)
  }

  private static func replace(_ points: Points, _ search: Points, _ replacement: Points) -> Value {
    if search.isEmpty { return text(points) }
    var out: Points = []
    var at = 0
    while let found = find(search, in: points, from: at) {
      out += points[at..<found] + replacement
      at = found + search.count
    }
    return text(out + points[at...])
  }

  private static func split(_ points: Points, _ separator: Points, _ index: Int64) -> Value {
    if index < 0 || points.isEmpty { return .null }
    let mark = separator.isEmpty ? [" "] : separator
    var parts: [Points] = []
    var at = 0
    while let found = find(mark, in: points, from: at) {
      parts.append(Array(points[at..<found]))
      at = found + mark.count
    }
    parts.append(Array(points[at...]))
    return index < parts.count ? text(parts[Int(index)]) : .null
  }

  static let functions: [Function] = [
    Function(name: "UPPER", types: [.text]) { a in .text(a[0].points.map(\.properties.uppercaseMapping).joined()) },
    Function(name: "LOWER", types: [.text]) { a in .text(a[0].points.map(\.properties.lowercaseMapping).joined()) },
    Function(name: "REVERSE", types: [.text]) { a in text(a[0].points.reversed()) },
    Function(name: "CHAR_LENGTH", types: [.text]) { a in number(a[0].points.count) },
    Function(name: "OCTET_LENGTH", types: [.text]) { a in number(a[0].points.reduce(0) { $0 + UTF8.width($1) }) },
    Function(name: "||", types: [.text, .text]) { a in text(a[0].points + a[1].points) },
    Function(name: "STARTSWITH", types: [.text, .text]) { a in .bool(a[0].points.starts(with: a[1].points)) },
    Function(name: "ENDSWITH", types: [.text, .text]) { a in .bool(a[0].points.reversed().starts(with: a[1].points.reversed())) },
    Function(name: "POSITION", types: [.text, .text]) { a in position(a[0].points, a[1].points, from: 1) },
    Function(name: "INSTR", types: [.text, .text]) { a in position(a[1].points, a[0].points, from: 1) },
    Function(name: "LOCATE", types: [.text, .text]) { a in position(a[0].points, a[1].points, from: 1) },
    Function(name: "LOCATE", types: [.text, .text, .int64]) { a in position(a[0].points, a[1].points, from: a[2].number) },
    Function(name: "SUBSTRING", types: [.text, .int64]) { a in substring(a[0].points, a[1].number, .max) },
    Function(name: "SUBSTRING", types: [.text, .int64, .int64]) { a in substring(a[0].points, a[1].number, a[2].number) },
    Function(name: "LEFT", types: [.text, .int64]) { a in text(a[0].points.prefix(Int(max(0, a[1].number)))) },
    Function(name: "RIGHT", types: [.text, .int64]) { a in text(a[0].points.suffix(Int(max(0, a[1].number)))) },
    Function(name: "TRIM", types: [.text]) { a in trim(a[0].points, [" "], leading: true, trailing: true) },
    Function(name: "TRIM", types: [.text, .text]) { a in trim(a[0].points, a[1].points, leading: true, trailing: true) },
    Function(name: "LTRIM", types: [.text, .text]) { a in trim(a[0].points, a[1].points, leading: true, trailing: false) },
    Function(name: "RTRIM", types: [.text, .text]) { a in trim(a[0].points, a[1].points, leading: false, trailing: true) },
    Function(name: "LPAD", types: [.text, .int8, .text]) { a in pad(a[0].points, a[1].number, a[2].points, left: true) },
    Function(name: "RPAD", types: [.text, .int8, .text]) { a in pad(a[0].points, a[1].number, a[2].points, left: false) },
    Function(name: "REPLACE", types: [.text, .text, .text]) { a in replace(a[0].points, a[1].points, a[2].points) },
    Function(name: "REPEAT", types: [.text, .int8]) { a in
      text((0..<max(0, a[1].number)).flatMap { _ in a[0].points })
    },
    Function(name: "SPLIT_INDEX", types: [.text, .text, .int64]) { a in split(a[0].points, a[1].points, a[2].number) },
    Function(name: "COUNT_CHAR", types: [.text, .text]) { a in
      number(a[1].points.first.map { wanted in a[0].points.filter { $0 == wanted }.count } ?? 0)
    },
  ]

  // MARK: inputs

  /// Letters of one to four bytes whose bytes overlap, letters that grow when their case changes, and what patterns are made of.
  private static let alphabet: Points = [
    "a", "b", "a", "b", " ", "A", "z", "ä", "Ä", "é", "è", "ß", "İ", "ﬁ", "Σ", "ς", "日", "本", "語", "😀", "😁", "\u{301}", "\u{0}", "%", "_",
    "\\", ",", "\u{10FFFF}", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10000}",
  ]

  private static func randomText(_ random: inout SeededRandom) -> String {
    let few = random.next() % 3 == 0
    let longest = [0, 1, 2, 5, 12, 40][Int(random.next() % 6)]
    var view = String.UnicodeScalarView()
    for _ in 0..<(longest == 0 ? 0 : Int.random(in: 0...longest, using: &random)) {
      view.append(alphabet[Int(random.next() % UInt64(few ? 4 : alphabet.count))])
    }
    return String(view)
  }

  private static func randomValue(_ type: DataType, _ random: inout SeededRandom) -> Value {
    if random.next() % 8 == 0 { return .null }
    if type == .text { return .text(randomText(&random)) }
    let (low, high): (Int64, Int64) = type == .int8 ? (-128, 127) : (.min, .max)
    switch random.next() % 8 {
    case 0: return .int(low)
    case 1: return .int(high)
    case 2: return .int(low + 1)
    default: return .int(Int64.random(in: -6...14, using: &random))
    }
  }

  /// To the byte: String's own equality takes composed and decomposed letters for the same.
  private static func same(_ a: Value, _ b: Value) -> Bool {
    if case .text(let x) = a, case .text(let y) = b { return Array(x.utf8) == Array(y.utf8) }
    return a == b
  }

  @Test(arguments: functions) func agreesWithCodePointByCodePoint(_ function: Function) throws {
    for seed in UInt64(1)...8 {
      var random = SeededRandom(seed)
      let rows = 150
      var values = function.types.map { type in (0..<rows).map { _ in Self.randomValue(type, &random) } }
      // Needles that are in the text, whole or in part.
      if function.types.count > 1, function.types[0] == .text, function.types[1] == .text {
        for row in 0..<rows where random.next() % 2 == 0 {
          guard case .text(let text) = values[0][row], !text.isEmpty else { continue }
          let points = Points(text.unicodeScalars)
          let start = Int.random(in: 0..<points.count, using: &random)
          values[1][row] = Self.text(points[start..<Int.random(in: start...min(points.count, start + 3), using: &random)])
          if random.next() % 2 == 0 { (values[0][row], values[1][row]) = (values[1][row], values[0][row]) }
        }
      }
      let columns = try zip(function.types, values).map { try Column(type: $0, $1) }
      let expression = try Evaluating.registry.resolve(function.name, Evaluating.columns(function.types))
      let found = try Evaluating.evaluate(expression, columns)
      for row in 0..<rows {
        var operands: [Operand] = []
        for column in values {
          switch column[row] {
          case .text(let text): operands.append(.text(Points(text.unicodeScalars)))
          case .int(let number): operands.append(.number(number))
          default: break
          }
        }
        let expected = operands.count == values.count ? function.value(operands) : .null
        guard Self.same(found[row], expected) else {
          Issue.record("seed \(seed), row \(row): \(function.name)(\(values.map { $0[row] })) is \(found[row]), not \(expected)")
          return
        }
      }
    }
  }

  @Test func concatenationWithSeparatorLeavesNullsOut() throws {
    var random = SeededRandom(3)
    let values = (0..<4).map { _ in (0..<400).map { _ in Self.randomValue(.text, &random) } }
    let expression = try Evaluating.registry.resolve("CONCAT_WS", Evaluating.columns([.text, .text, .text, .text]))
    let found = try Evaluating.evaluate(expression, values.map { try Column(type: .text, $0) })
    for row in 0..<400 {
      var expected = Value.null
      if case .text(let separator) = values[0][row] {
        expected = .text(values[1...].compactMap { if case .text(let t) = $0[row] { t } else { nil } }.joined(separator: separator))
      }
      #expect(Self.same(found[row], expected), "row \(row)")
    }
  }
}
