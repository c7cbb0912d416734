import MillraceColumns
import MillraceTypes

/// PRINTF, after java.util.Formatter: `%[argument$][flags][width][.precision]conversion` with the conversions `s S d o x X f e E b B c %
/// n` and the flags `- + space 0 , (`. Null when the format is not valid or an argument is of another kind than it asks for.
enum FormatKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    guard name == "PRINTF" else { return nil }
    let types = context.operands.dropFirst().map(\.type)
    return { v, n in
      if v[0].isNullConstant { return .null(.text) }
      let format = TextLane(v[0])
      let result = Loops.text([v[0]], n) { i, out in
        let values = zip(v.dropFirst(), types).map { Argument(value: $0.column[$0.isConstant ? 0 : i], type: $1) }
        guard let text = formatted(String(decoding: format[i], as: UTF8.self), values) else { return false }
        out.append(text)
        return true
      }
      return Loops.adding(Loops.faults(Array(v.dropFirst())), to: result)
    }
  }

  struct Argument {
    var value: Value
    var type: DataType
  }

  private struct Directive {
    var flags: Set<Character> = []
    var width = 0
    var precision: Int?
    var conversion: Character = "s"
  }

  static func formatted(_ format: String, _ arguments: [Argument]) -> String? {
    var result = ""
    let characters = Array(format)
    var at = 0
    var next = 0
    while at < characters.count {
      guard characters[at] == "%" else {
        result.append(characters[at])
        at += 1
        continue
      }
      at += 1
      var directive = Directive()
      func number() -> Int? {
        let start = at
        var value = 0
        while at < characters.count, let digit = characters[at].wholeNumberValue, characters[at].isASCII, at - start < 6 {
          value = value * 10 + digit
          at += 1
        }
        return at > start ? value : nil
      }
      var index: Int?
      let mark = at
      if let value = number(), at < characters.count, characters[at] == "$" {
        index = value - 1
        at += 1
      } else {
        at = mark
      }
      while at < characters.count, "-+ 0,(".contains(characters[at]) {
        directive.flags.insert(characters[at])
        at += 1
      }
      directive.width = number() ?? 0
      if at < characters.count, characters[at] == "." {
        at += 1
        guard let precision = number() else { return nil }
        directive.precision = precision
      }
      guard at < characters.count else { return nil }
      directive.conversion = characters[at]
      at += 1
      if directive.conversion == "%" {
        result += padded("%", directive)
        continue
      }
      if directive.conversion == "n" {
        result += "\n"
        continue
      }
      if index == nil {
        index = next
        next += 1
      }
      guard let index, arguments.indices.contains(index), directive.width <= 10_000, directive.precision ?? 0 <= 1_000,
        let text = text(arguments[index], directive)
      else { return nil }
      result += text
    }
    return result
  }

  private static func text(_ argument: Argument, _ directive: Directive) -> String? {
    if argument.value.isNull {
      let word = directive.conversion == "b" ? "false" : directive.conversion == "B" ? "FALSE" : "null"
      return padded(cut(directive.conversion == "S" ? word.uppercased() : word, directive), directive)
    }
    switch directive.conversion {
    case "s": return padded(cut(plain(argument), directive), directive)
    case "S": return padded(cut(plain(argument), directive).uppercased(), directive)
    case "b", "B":
      var word = "true"
      if case .bool(let value) = argument.value { word = value ? "true" : "false" }
      return padded(cut(directive.conversion == "B" ? word.uppercased() : word, directive), directive)
    case "c":
      if case .int(let code) = argument.value, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) {
        return padded(String(Character(scalar)), directive)
      }
      return nil
    case "d":
      guard case .int(let value) = argument.value, argument.type.isInteger else { return nil }
      return signed(String(value.magnitude), isNegative: value < 0, directive)
    case "x", "X", "o":
      guard case .int(let value) = argument.value, argument.type.isInteger else { return nil }
      let bits: UInt64
      switch argument.type {
      case .int8: bits = UInt64(UInt8(truncatingIfNeeded: value))
      case .int16: bits = UInt64(UInt16(truncatingIfNeeded: value))
      case .int32: bits = UInt64(UInt32(truncatingIfNeeded: value))
      default: bits = UInt64(bitPattern: value)
      }
      let digits = String(bits, radix: directive.conversion == "o" ? 8 : 16, uppercase: directive.conversion == "X")
      return filled(digits, sign: "", directive)
    case "f": return fixed(argument, directive)
    case "e", "E": return exponent(argument, directive)
    default: return nil
    }
  }

  private static func plain(_ argument: Argument) -> String {
    switch argument.value {
    case .bool(let value): return value ? "true" : "false"
    case .text(let value): return value
    default:
      guard let value = ExpressionEvaluator.constantValue(Expression.literal(argument.value, argument.type).cast(to: .text)),
        case .text(let text) = value
      else { return argument.value.sql(argument.type) }
      return text
    }
  }

  private static func fixed(_ argument: Argument, _ directive: Directive) -> String? {
    let digits = min(37, directive.precision ?? 6)
    switch argument.value {
    case .float(let value):
      if !value.isFinite { return padded(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity", directive) }
      guard let exact = DecimalMath.decimal(value, precision: 38, scale: digits) else { return nil }
      return signed(NumberText.string(decimal: exact < 0 ? -exact : exact, scale: digits), isNegative: value < 0, directive)
    case .decimal(let value):
      guard case .decimal(_, let scale) = argument.type,
        let exact = DecimalMath.rescale(value, from: scale, to: digits, precision: 38)
      else { return nil }
      return signed(NumberText.string(decimal: exact < 0 ? -exact : exact, scale: digits), isNegative: value < 0, directive)
    default: return nil
    }
  }

  /// One digit, a point, digits, and an exponent of two digits or more.
  private static func exponent(_ argument: Argument, _ directive: Directive) -> String? {
    let value: Double
    switch (argument.value, argument.type) {
    case (.float(let number), _): value = number
    case (.decimal(let number), .decimal(_, let scale)): value = DecimalMath.double(number, scale: scale)
    default: return nil
    }
    if !value.isFinite { return padded(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity", directive) }
    // The shortest digits that stand for the value, rounded half up to so many.
    var text = NumberText.string(value.magnitude)
    var power = 0
    if let mark = text.firstIndex(of: "E") {
      power = Int(text[text.index(after: mark)...]) ?? 0
      text = String(text[..<mark])
    }
    let point = text.firstIndex(of: ".").map { text.distance(from: text.startIndex, to: $0) } ?? text.count
    var digits = text.filter { $0 != "." }.compactMap(\.wholeNumberValue)
    power += point - 1
    while digits.count > 1, digits[0] == 0 {
      digits.removeFirst()
      power -= 1
    }
    if digits.allSatisfy({ $0 == 0 }) { power = 0 }
    let count = (directive.precision ?? 6) + 1
    if digits.count > count {
      let roundsUp = digits[count] >= 5
      digits = Array(digits[..<count])
      var place = count - 1
      while roundsUp && place >= 0 {
        digits[place] += 1
        if digits[place] < 10 { break }
        digits[place] = 0
        place -= 1
      }
      if roundsUp && place < 0 {
        digits.insert(1, at: 0)
        digits.removeLast()
        power += 1
      }
    }
    while digits.count < count { digits.append(0) }
    let body = "\(digits[0])" + (count > 1 ? "." + digits.dropFirst().map(String.init).joined() : "")
    let magnitude = String(abs(power))
    let tail = "e" + (power < 0 ? "-" : "+") + (magnitude.count < 2 ? "0" : "") + magnitude
    return signed(directive.conversion == "E" ? (body + tail).uppercased() : body + tail, isNegative: value < 0, directive)
  }

  private static func cut(_ text: String, _ directive: Directive) -> String { directive.precision.map { String(text.prefix($0)) } ?? text }

  /// With sign, parentheses and grouping as the flags ask.
  private static func signed(_ digits: String, isNegative: Bool, _ directive: Directive) -> String {
    var body = digits
    if directive.flags.contains(",") {
      let whole = digits.prefix { $0 != "." && $0 != "e" && $0 != "E" }
      var grouped = ""
      for (place, digit) in whole.enumerated() {
        if place > 0 && (whole.count - place) % 3 == 0 { grouped += "," }
        grouped.append(digit)
      }
      body = grouped + digits.dropFirst(whole.count)
    }
    if isNegative && directive.flags.contains("(") {
      return filled(body + ")", sign: "(", directive)
    }
    let sign = isNegative ? "-" : directive.flags.contains("+") ? "+" : directive.flags.contains(" ") ? " " : ""
    return filled(body, sign: sign, directive)
  }

  private static func filled(_ body: String, sign: String, _ directive: Directive) -> String {
    if directive.flags.contains("0") {
      return sign + String(repeating: "0", count: max(0, directive.width - body.count - sign.count)) + body
    }
    return padded(sign + body, directive)
  }

  private static func padded(_ text: String, _ directive: Directive) -> String {
    let blanks = String(repeating: " ", count: max(0, directive.width - text.count))
    return directive.flags.contains("-") ? text + blanks : blanks + text
  }
}
