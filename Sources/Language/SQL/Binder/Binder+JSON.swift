import MillraceColumns
import MillraceExpressions
import MillraceTypes

extension Binder {
  /// The JSON functions: their clauses become literals behind the arguments (see `JSONFunctions`).
  mutating func bindJSON(
    _ call: SQLCall, _ clauses: SQLJSONClauses, at span: SourceSpan, _ scope: inout ExpressionScope
  ) throws(BindStop) -> Expression {
    let name = call.name.text.uppercased()
    var arguments = try bindAll(call.arguments, &scope)
    func word(_ text: String) -> Expression { .literal(.text(text), .text) }
    switch name {
    case "JSON_OBJECT": return try resolve(name, [word(clauses.absentOnNull ?? false ? "ABSENT" : "NULL")] + arguments, at: span)
    case "JSON_ARRAY": return try resolve(name, [word(clauses.absentOnNull ?? true ? "ABSENT" : "NULL")] + arguments, at: span)
    case "JSON_EXISTS":
      if clauses.returning != nil { throw fail("JSON_EXISTS returns BOOLEAN, so it takes no RETURNING", at: span) }
      if case .word(let behaviour)? = clauses.onError { arguments.append(word(behaviour)) }
      return try resolve(name, arguments, at: span)
    default: break
    }
    if arguments.count != 2 { return try resolve(name, arguments, at: span) }
    if name == "JSON_QUERY" { arguments.append(word(clauses.wrapper)) }
    for behaviour in [clauses.onEmpty, clauses.onError] {
      switch behaviour {
      case .otherwise(let value)?:
        arguments.append(word("DEFAULT"))
        arguments.append(try bind(value, &scope))
      case .word(let text)?:
        arguments.append(word(text))
        if name == "JSON_VALUE" { arguments.append(.null(.null)) }
      case nil:
        arguments.append(word("NULL"))
        if name == "JSON_VALUE" { arguments.append(.null(.null)) }
      }
    }
    let operands = arguments
    return try typed(at: span) { (registry) throws(MillraceError) in
      try registry.json(name, operands, returning: clauses.returning?.type ?? .text)
    }
  }
}
