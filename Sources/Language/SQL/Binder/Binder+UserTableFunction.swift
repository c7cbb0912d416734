import MillraceExpressions
import MillraceTypes

extension Binder {
  /// `[LATERAL] TABLE(f(x))` of a user's table function as UNNEST of its rows; any other table as it is.
  func withoutTableFunction(_ table: SQLTable) -> SQLTable {
    guard case .function(let call, _) = table.kind, let rows = registry.rowsFunction(ofTableFunction: call.name.text) else { return table }
    var arguments: [SQLExpression] = []
    for argument in call.arguments {
      guard argument.name == nil, case .expression(let value) = argument.value else { return table }
      arguments.append(value)
    }
    let name = Identifier(rows, span: call.name.span)
    var result = table
    result.kind = .unnest(SQLExpression(.call(SQLCall(name, arguments)), span: call.span), withOrdinality: false)
    return result
  }
}
