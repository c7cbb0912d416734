import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Keys, arguments and filters of an aggregate over an operator's input.
struct AggregateInputs {
  private let expressions: ExpressionEvaluator
  private let keyCount: Int
  /// Per call: place of its argument and of its filter among the expressions.
  private let places: [(argument: Int?, filter: Int?)]
  let keyTypes: [DataType]

  init(keys: [Expression], calls: [AggregateCall], inputTypes: [DataType]) throws(MillraceError) {
    var all = keys
    var places: [(argument: Int?, filter: Int?)] = []
    func place(_ expression: Expression?) -> Int? {
      guard let expression else { return nil }
      if let known = all[keys.count...].firstIndex(of: expression) { return known }
      all.append(expression)
      return all.count - 1
    }
    for call in calls { places.append((place(call.arguments.first), place(call.filter))) }
    expressions = try ExpressionEvaluator(all, inputTypes: inputTypes)
    keyCount = keys.count
    keyTypes = keys.map(\.type)
    self.places = places
  }

  func evaluate(_ batch: Batch) throws(MillraceError) -> (keys: [Column], arguments: AggregateArguments) {
    let columns = try expressions.evaluate(batch)
    return (
      Array(columns[..<keyCount]),
      AggregateArguments(
        arguments: places.map { $0.argument.map { columns[$0] } }, filters: places.map { $0.filter.map { columns[$0] } })
    )
  }
}
