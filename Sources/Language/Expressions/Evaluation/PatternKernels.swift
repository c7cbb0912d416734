import MillraceColumns
import MillraceTypes
import _StringProcessing

/// LIKE and the regular expression functions.
enum PatternKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    switch name {
    case "LIKE": return try like(context).map { KernelTable.strict(.boolean, $0) }
    case "REGEXP":
      let pattern = try RegexBox(context)
      return KernelTable.strict(.boolean) { v, n in
        let a = TextLane(v[0])
        return Loops.test(v, n) { String(decoding: a[$0], as: UTF8.self).firstMatch(of: pattern.regex) != nil }
      }
    case "REGEXP_EXTRACT":
      let pattern = try RegexBox(context)
      return KernelTable.strict(.text) { v, n in
        let a = TextLane(v[0])
        let group = v.count == 3 ? Lane<Int64>(v[2]) : nil
        return Loops.text(v, n) { i, out in
          let wanted = group.map { $0[i] } ?? 0
          guard let match = String(decoding: a[i], as: UTF8.self).firstMatch(of: pattern.regex), wanted >= 0,
            wanted < Int64(match.output.count), let found = match.output[Int(wanted)].substring
          else { return false }
          out.append(String(found))
          return true
        }
      }
    case "REGEXP_REPLACE":
      let pattern = try RegexBox(context)
      return KernelTable.strict(.text) { v, n in
        let (a, replacement) = (TextLane(v[0]), TextLane(v[2]))
        return Loops.text(v, n) { i, out in
          let text = String(decoding: a[i], as: UTF8.self)
          let parts = ReplacementPart.parse(replacement[i])
          var at = text.startIndex
          for match in text.matches(of: pattern.regex) {
            out.append(String(text[at..<match.range.lowerBound]))
            for part in parts {
              switch part {
              case .text(let bytes): bytes.withUnsafeBufferPointer { out.append($0) }
              case .group(let group):
                if group < match.output.count, let found = match.output[group].substring { out.append(String(found)) }
              }
            }
            at = match.range.upperBound
          }
          out.append(String(text[at...]))
          return true
        }
      }
    default: return nil
    }
  }

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

/// A compiled regular expression. Matching goes by code points, as Java's does.
private final class RegexBox: @unchecked Sendable {  // guard: an evaluator and its kernels belong to one thread
  let regex: Regex<AnyRegexOutput>

  init(_ context: KernelContext) throws(MillraceError) {
    guard context.operands.count >= 2, case .text(let pattern)? = context.operands[1].literal else {
      throw .notSupported("a pattern that is not a literal, in \(context.text)")
    }
    do {
      regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
    } catch {
      throw MillraceError(.invalidSQL, "the regular expression in \(context.text) is not valid: \(error)")
    }
  }
}

/// A piece of a replacement text: `$1` stands for a group, a backslash takes the next character as it is.
private enum ReplacementPart {
  case text([UInt8])
  case group(Int)

  static func parse(_ bytes: Bytes) -> [ReplacementPart] {
    var parts: [ReplacementPart] = []
    var text: [UInt8] = []
    var at = 0
    while at < bytes.count {
      if bytes[at] == 92 && at + 1 < bytes.count {
        text.append(bytes[at + 1])
        at += 2
      } else if bytes[at] == 36 && at + 1 < bytes.count && (48...57).contains(bytes[at + 1]) {
        if !text.isEmpty { parts.append(.text(text)) }
        text = []
        parts.append(.group(Int(bytes[at + 1] - 48)))
        at += 2
      } else {
        text.append(bytes[at])
        at += 1
      }
    }
    if !text.isEmpty { parts.append(.text(text)) }
    return parts
  }
}
