import MillraceExpressions
import MillracePlan
import MillraceRows
import MillraceTypes

/// Brings a relation into the form of a row type: its columns by name, in its order and types.
enum RowProjection {
  /// - Throws: `invalidSQL` when a property has no column or one of another type, or is marked as the event time and is not.
  static func reading<R: Row>(_ plan: LogicalPlan, as type: R.Type) throws(MillraceError) -> LogicalPlan {
    let fields = plan.schema.fields
    var expressions: [Expression] = []
    for (position, wanted) in R.fields.enumerated() {
      let matches = fields.indices.filter { fields[$0].name == wanted.name }
      guard let index = matches.first, matches.count == 1 else {
        let names = fields.map(\.name)
        throw MillraceError(
          .invalidSQL, matches.isEmpty ? "there is no column \(wanted.name) for it" : "there are \(matches.count) columns \(wanted.name)",
          subject: "\(R.self)",
          hint: nearestName(to: wanted.name, among: names).map { "did you mean \($0)? @Column(\"\($0)\") names it" }
            ?? "there is \(names.joined(separator: ", "))")
      }
      let column = Expression.column(index, fields[index])
      if position == R.eventTimeField { try requireEventTime(plan, index, R.self) }
      if RowCoding.sameForm(column.type, wanted.type) {
        expressions.append(column)
        continue
      }
      do throws(MillraceError) {
        expressions.append(try FunctionRegistry.builtIn.assign(column, to: wanted.type))
      } catch {
        throw MillraceError(
          .invalidSQL, "column \(wanted.name) has type \(column.type), the property type \(wanted.type)", subject: "\(R.self)",
          hint: error.hint)
      }
    }
    let isWhole = expressions.count == fields.count && expressions.indices.allSatisfy { expressions[$0].kind == .column($0) }
    return isWhole ? plan : .project(Project(input: plan, expressions: expressions, names: R.fields.map(\.name)))
  }

  private static func requireEventTime<R: Row>(_ plan: LogicalPlan, _ index: Int, _ type: R.Type) throws(MillraceError) {
    guard plan.timeAttribute(of: index) != .exact(offsetMicros: 0) else { return }
    let name = plan.schema.fields[index].name
    throw MillraceError(
      .invalidSQL, "its @EventTime \(name) is not the event time of the rows", subject: "\(R.self)",
      hint: "declare WATERMARK FOR \(name) AS \(name) on the table, or leave @EventTime out")
  }
}
