import MillraceColumns
import MillraceTypes

extension Expression: CustomStringConvertible {
  /// As SQL, with input columns as `$0`, `$1`, ...
  public var description: String { sql([]) }

  /// As SQL, for EXPLAIN and error messages, with the given names for the input's columns.
  public func sql(_ columnNames: [String]) -> String { SQLText(columnNames: columnNames).text(self, outer: 0) }
}

extension AggregateCall: CustomStringConvertible {
  public var description: String { sql([]) }

  /// As SQL, with the given names for the input's columns.
  public func sql(_ columnNames: [String]) -> String {
    let condition = filter.map { " FILTER (WHERE \($0.sql(columnNames)))" } ?? ""
    if function == .countStar { return "COUNT(*)" + condition }
    let list = arguments.map { $0.sql(columnNames) }.joined(separator: ", ")
    return "\(name)(\(isDistinct ? "DISTINCT " : "")\(list))\(condition)"
  }
}

extension Value {
  /// As a SQL literal of a type.
  public func sql(_ type: DataType) -> String {
    switch (self, type) {
    case (.null, _): return "NULL"
    case (.bool(let v), _): return v ? "TRUE" : "FALSE"
    case (.int(let v), .date): return "DATE '\(TimestampText.string(v, type) ?? "")'"
    case (.int(let v), .time): return "TIME '\(TimestampText.string(v, type) ?? "")'"
    case (.int(let v), .timestamp): return "TIMESTAMP '\(TimestampText.string(v, type) ?? "")'"
    case (.int(let v), .timestampLTZ): return "TIMESTAMP_LTZ '\(TimestampText.string(v, type) ?? "")'"
    case (.int(let v), .intervalMonths): return v % 12 == 0 ? "INTERVAL '\(v / 12)' YEAR" : "INTERVAL '\(v)' MONTH"
    case (.int(let v), .intervalMillis):
      for (unit, millis) in [("DAY", 86_400_000), ("HOUR", 3_600_000), ("MINUTE", 60_000), ("SECOND", 1_000)] as [(String, Int64)]
      where v % millis == 0 && (v != 0 || unit == "SECOND") {
        return "INTERVAL '\(v / millis)' \(unit)"
      }
      return "INTERVAL '\(NumberText.string(decimal: Int128(v), scale: 3))' SECOND"
    case (.int(let v), _): return "\(v)"
    case (.float(let v), .float32): return NumberText.string(Float(v))
    case (.float(let v), _): return NumberText.string(v)
    case (.decimal(let v), .decimal(_, let scale)): return NumberText.string(decimal: v, scale: scale)
    case (.decimal(let v), _): return "\(v)"
    case (.text(let v), _):
      return "'" + v.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    case (.bytes(let v), _):
      let digits = Array("0123456789ABCDEF")
      return "x'" + String(v.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) + "'"
    case (.list(let vs), .array(let element)): return "ARRAY[" + vs.map { $0.sql(element.type) }.joined(separator: ", ") + "]"
    case (.list(let vs), _): return "ARRAY[" + vs.map { $0.sql(.null) }.joined(separator: ", ") + "]"
    case (.map(let keys, let vs), .map(let key, let value)):
      return "MAP[" + zip(keys, vs).map { "\($0.sql(key.type)), \($1.sql(value.type))" }.joined(separator: ", ") + "]"
    case (.map, _): return "MAP[...]"
    case (.row(let vs), .row(let fields)): return "ROW(" + zip(vs, fields).map { $0.sql($1.type) }.joined(separator: ", ") + ")"
    case (.row(let vs), _): return "ROW(" + vs.map { $0.sql(.null) }.joined(separator: ", ") + ")"
    }
  }
}

/// Writes expressions with as few parentheses as precedence allows.
private struct SQLText {
  let columnNames: [String]

  /// Binding strength of an operator; higher binds tighter.
  private func strength(_ name: String, _ argumentCount: Int) -> Int? {
    switch name {
    case "OR": 1
    case "AND": 2
    case "NOT": 3
    case "IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN": 4
    case "=", "<>", "<", "<=", ">", ">=", "LIKE", "IN", "IS DISTINCT FROM", "IS NOT DISTINCT FROM": 5
    case "+": 6
    case "-": argumentCount == 1 ? 9 : 6
    case "||": 6
    case "*", "/", "%": 7
    default: nil
    }
  }

  /// `outer` is the strength with which the surroundings hold on to this expression.
  func text(_ expression: Expression, outer: Int) -> String {
    switch expression.kind {
    case .column(let index): return index < columnNames.count ? columnNames[index] : "$\(index)"
    case .literal(.row(let parts)) where expression.type == TimeZoneName.type: return parts[0].sql(.text)
    case .literal(let value):
      let text = value.sql(expression.type)
      return outer > 6 && text.hasPrefix("-") ? "(\(text))" : text
    case .cast(let operand, let isTry): return "\(isTry ? "TRY_CAST" : "CAST")(\(text(operand, outer: 0)) AS \(expression.type))"
    case .field(let operand, let index):
      guard case .row(let fields) = operand.type, index < fields.count else { return "\(text(operand, outer: 10)).$\(index)" }
      return "\(text(operand, outer: 10)).\(fields[index].name)"
    case .caseWhen(let branches, let otherwise):
      var parts = ["CASE"]
      for i in stride(from: 0, to: branches.count - 1, by: 2) {
        parts.append("WHEN \(text(branches[i], outer: 0)) THEN \(text(branches[i + 1], outer: 0))")
      }
      if !otherwise.isNullLiteral { parts.append("ELSE \(text(otherwise, outer: 0))") }
      return parts.joined(separator: " ") + " END"
    case .call(let name, let arguments): return call(name, arguments, outer: outer)
    case .user(let reference, let arguments):
      return "\(reference.function.name)(\(arguments.map { text($0, outer: 0) }.joined(separator: ", ")))"
    }
  }

  private func call(_ name: String, _ arguments: [Expression], outer: Int) -> String {
    func list(_ arguments: some Sequence<Expression>) -> String { arguments.map { text($0, outer: 0) }.joined(separator: ", ") }
    func unit(_ argument: Expression) -> String { if case .text(let name)? = argument.literal { name } else { text(argument, outer: 0) } }
    guard let strength = strength(name, arguments.count) else {
      switch name {
      case "EXTRACT" where arguments.count == 2: return "EXTRACT(\(unit(arguments[0])) FROM \(text(arguments[1], outer: 0)))"
      case "TIMESTAMPADD", "TIMESTAMPDIFF": return "\(name)(\(unit(arguments[0])), \(list(arguments.dropFirst())))"
      case "CEIL" where arguments.count == 2, "FLOOR" where arguments.count == 2:
        return "\(name)(\(text(arguments[0], outer: 0)) TO \(unit(arguments[1])))"
      case "POSITION" where arguments.count == 2: return "POSITION(\(text(arguments[0], outer: 6)) IN \(text(arguments[1], outer: 0)))"
      case "ITEM" where arguments.count == 2: return "\(text(arguments[0], outer: 10))[\(text(arguments[1], outer: 0))]"
      case "ARRAY", "MAP": return "\(name)[\(list(arguments))]"
      default: return "\(name)(\(list(arguments)))"
      }
    }
    let body: String
    switch (name, arguments.count) {
    case (_, 1) where name.hasPrefix("IS "): body = "\(text(arguments[0], outer: strength)) \(name)"
    case (_, 1): body = name == "NOT" ? "NOT \(text(arguments[0], outer: strength))" : "\(name)\(text(arguments[0], outer: strength))"
    case ("IN", _): body = "\(text(arguments[0], outer: strength + 1)) IN (\(list(arguments.dropFirst())))"
    case ("LIKE", 3):
      body = "\(text(arguments[0], outer: 6)) LIKE \(text(arguments[1], outer: 6)) ESCAPE \(text(arguments[2], outer: 6))"
    case ("AND", _), ("OR", _):
      body = arguments.map { text($0, outer: strength) }.joined(separator: " \(name) ")
    case (_, 2): body = "\(text(arguments[0], outer: strength)) \(name) \(text(arguments[1], outer: strength + 1))"
    default: body = "\(name)(\(list(arguments)))"
    }
    return strength < outer ? "(\(body))" : body
  }
}
