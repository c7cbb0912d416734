import MillraceColumns
import MillraceTypes

/// LIKE and the regular expression functions.
enum PatternKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    switch name {
    case "LIKE": return try like(context).map { KernelTable.strict(.boolean, $0) }
    case "REGEXP", "REGEXP_EXTRACT", "REGEXP_REPLACE", "REGEXP_COUNT", "REGEXP_EXTRACT_ALL", "REGEXP_INSTR", "REGEXP_SUBSTR":
      let source = try PatternSource(context)
      return regex(name, source, context.type).map { KernelTable.strict(context.type, $0) }
    default: return nil
    }
  }

  // MARK: regular expressions

  private static func regex(_ name: String, _ source: PatternSource, _ type: DataType) -> Kernel? {
    switch name {
    case "REGEXP":
      return source.kernel { v, n, pattern in
        let a = TextLane(v[0])
        // Flink finds nothing with an empty pattern.
        let p = TextLane(v[1])
        return Loops.test(v, n) { i in p[i].count > 0 && pattern(i)?.firstMatch(in: a[i]) ?? false }
      }
    case "REGEXP_EXTRACT": return source.kernel(extract)
    case "REGEXP_SUBSTR":
      return source.kernel { v, n, pattern in extract([v[0], v[1]], n, pattern) }
    case "REGEXP_INSTR":
      return source.kernel { v, n, pattern in
        let a = TextLane(v[0])
        return Loops.rows(v, n, type, zero: Int32(0)) { i in
          guard let pattern = pattern(i), pattern.firstMatch(in: a[i]), let range = pattern.range(ofGroup: 0) else { return 0 }
          return Int32(truncatingIfNeeded: UTF8Slices.count(UTF8Slices.slice(a[i], 0..<range.lowerBound)) &+ 1)
        }
      }
    case "REGEXP_COUNT":
      return source.kernel { v, n, pattern in
        let a = TextLane(v[0])
        return Loops.rows(v, n, type, zero: Int32(0)) { i in
          var count: Int32 = 0
          pattern(i)?.forEachMatch(in: a[i]) { _ in
            count &+= 1
            return true
          }
          return count
        }
      }
    case "REGEXP_EXTRACT_ALL": return source.kernel { v, n, pattern in extractAll(v, n, type, pattern) }
    case "REGEXP_REPLACE": return source.kernel(replace)
    default: return nil
    }
  }

  /// The group of the first match (all of it without a number); null when nothing matches, the group took no part or there is none.
  private static func extract(_ v: [Vector], _ n: Int, _ pattern: (Int) -> RegularExpression?) -> Vector {
    let a = TextLane(v[0])
    let group = v.count == 3 ? Lane<Int64>(v[2]) : nil
    return Loops.text(v, n) { i, out in
      let wanted = group.map { $0[i] } ?? 0
      let text = a[i]
      guard let pattern = pattern(i), wanted >= 0, wanted <= Int64(pattern.groupCount), pattern.firstMatch(in: text),
        let range = pattern.range(ofGroup: Int(wanted))
      else { return false }
      out.append(UTF8Slices.slice(text, range))
      return true
    }
  }

  /// The group of every match, the first group without a number.
  private static func extractAll(_ v: [Vector], _ n: Int, _ type: DataType, _ pattern: (Int) -> RegularExpression?) -> Vector {
    let a = TextLane(v[0])
    let group = v.count == 3 ? Lane<Int64>(v[2]) : nil
    return Loops.nested(v, n, type) { i, builder in
      let wanted = group.map { $0[i] } ?? 1
      guard let pattern = pattern(i), wanted >= 0, wanted <= Int64(pattern.groupCount) else { return false }
      pattern.forEachMatch(in: a[i]) { _ in
        if let range = pattern.range(ofGroup: Int(wanted)) {
          builder.children[0].append(bytes: UnsafeRawBufferPointer(UTF8Slices.slice(a[i], range)))
        } else {
          builder.children[0].appendNull()
        }
        return true
      }
      builder.appendList()
      return true
    }
  }

  /// Every match is replaced by the text as it is: Flink gives `$` and backslash no meaning.
  private static func replace(_ v: [Vector], _ n: Int, _ pattern: (Int) -> RegularExpression?) -> Vector {
    let (a, replacement) = (TextLane(v[0]), TextLane(v[2]))
    return Loops.text(v, n) { i, out in
      let text = a[i]
      guard let pattern = pattern(i) else { return false }
      var at = 0
      pattern.forEachMatch(in: text) { range in
        out.append(UTF8Slices.slice(text, at..<range.lowerBound))
        out.append(replacement[i])
        at = range.upperBound
        return out.byteCount < Int(Int32.max)
      }
      out.append(UTF8Slices.slice(text, at..<text.count))
      return true
    }
  }

  // MARK: LIKE

  private static func like(_ context: KernelContext) throws(MillraceError) -> Kernel? {
    guard context.operands.count >= 2 else { return nil }
    var escapeText: [UInt8]?
    if context.operands.count == 3 {
      guard case .text(let text)? = context.operands[2].literal, text.unicodeScalars.count == 1 else {
        throw MillraceError(.invalidSQL, "ESCAPE in \(context.text) must be one character", hint: "write LIKE '50\\%' ESCAPE '\\'")
      }
      escapeText = Array(text.utf8)
    }
    let escape = escapeText
    @Sendable func compile(_ pattern: Bytes) -> LikePattern? {
      escape.map { escape in escape.withUnsafeBufferPointer { LikePattern(pattern, escape: $0) } } ?? LikePattern(pattern, escape: nil)
    }
    if case .text(let text)? = context.operands[1].literal {
      guard let pattern = Array(text.utf8).withUnsafeBufferPointer({ compile($0) }) else {
        throw MillraceError(
          .invalidSQL, "the escape character in \(context.text) must stand before %, _ or itself", hint: "escape only those")
      }
      return { v, n in
        let a = TextLane(v[0])
        return Loops.test([v[0]], n) { pattern.matches(a[$0]) }
      }
    }
    let reason = "the escape character must stand before %, _ or itself in \(context.text)"
    return { v, n in
      let (a, patterns) = (TextLane(v[0]), TextLane(v[1]))
      var lastText: [UInt8] = []
      var last: LikePattern?
      var collector = FaultCollector(n)
      let result = Loops.test([v[0], v[1]], n) { i in
        let text = patterns[i]
        if last == nil || !lastText.elementsEqual(text) {
          last = compile(text)
          lastText = Array(text)
        }
        guard let last else {
          collector.mark(i)
          return false
        }
        return last.matches(a[i])
      }
      return Loops.adding(collector.faults(reason), to: result)
    }
  }
}

/// The regular expression of a call: compiled once for a literal, else for each new text of the operand, of which the last few are
/// kept.
final class PatternSource: @unchecked Sendable {  // guard: an evaluator and its kernels belong to one thread
  private let fixed: RegularExpression?
  private var known: [(text: [UInt8], expression: RegularExpression?)] = []
  private static let knownMax = 16
  private let reason: String
  private let operand: Int

  init(_ context: KernelContext, operand: Int = 1) throws(MillraceError) {
    self.operand = operand
    reason = "a regular expression is not valid or not supported, in \(context.text)"
    if context.operands.count > operand, case .text(let pattern)? = context.operands[operand].literal {
      fixed = try RegularExpression(pattern)
    } else {
      fixed = nil
    }
  }

  /// A kernel that is given the pattern of a row. A row whose pattern is not valid is in fault.
  func kernel(_ body: @escaping @Sendable ([Vector], Int, (Int) -> RegularExpression?) -> Vector) -> Kernel {
    { [self] v, n in run(v, n) { pattern in body(v, n, pattern) } }
  }

  func run(_ v: [Vector], _ n: Int, _ body: ((Int) -> RegularExpression?) -> Vector) -> Vector {
    if let fixed { return body { _ in fixed } }
    let texts = TextLane(v[operand])
    var collector = FaultCollector(n)
    let result = body { row in
      let found = expression(texts[row])
      if found == nil { collector.mark(row) }
      return found
    }
    return Loops.adding(collector.faults(reason), to: result)
  }

  private func expression(_ text: Bytes) -> RegularExpression? {
    if let found = known.last, found.text.elementsEqual(text) { return found.expression }
    if let index = known.firstIndex(where: { $0.text.elementsEqual(text) }) {
      let found = known.remove(at: index)
      known.append(found)
      return found.expression
    }
    let made = try? RegularExpression(String(decoding: text, as: UTF8.self))
    if known.count == Self.knownMax { known.removeFirst() }
    known.append((Array(text), made))
    return made
  }
}
