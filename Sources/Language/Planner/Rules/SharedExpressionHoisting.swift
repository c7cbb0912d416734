import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Computes once what a filter and the projection above it both need and what is dear, such as a regular expression.
///
/// Within one operator equal sub-expressions are shared anyway; a filter and a projection see different rows and share nothing.
struct SharedExpressionHoisting: LocalRule {
  let name = "shared-expression-hoisting"
  /// From this cost on a column of its own is worth it: see `Expression.cost`.
  private static let worthwhile = 16

  func mayReplace(_ id: Int, in graph: PlanGraph) -> Bool {
    guard case .project = graph.nodes[id].operation, case .filter(let filter) = graph.nodes[graph.nodes[id].inputs[0]].operation
    else { return false }
    return filter.predicate.cost >= Self.worthwhile
  }

  func replacement(for id: Int, in rewriting: inout Rewriting) -> Int? {
    let below = rewriting.old.nodes[id].inputs[0]
    guard case .project(var project) = rewriting.old.nodes[id].operation,
      case .filter(var filter) = rewriting.old.nodes[below].operation, !rewriting.isShared(below)
    else { return nil }
    var wanted: Set<Expression> = []
    for expression in project.expressions { expression.collectWorthwhile(Self.worthwhile, into: &wanted) }
    var shared: [Expression] = []
    filter.predicate.appendLargest(among: wanted, to: &shared)
    if shared.isEmpty { return nil }
    let source = rewriting.old.nodes[below].inputs[0]
    let fields = rewriting.old.schemas[source].fields
    let columns = Dictionary(shared.enumerated().map { ($1, fields.count + $0) }) { first, _ in first }
    let hoisted = Project(
      input: .standIn, expressions: fields.enumerated().map { .column($0, $1) } + shared,
      names: fields.map(\.name) + shared.indices.map { "$shared\($0)" })
    filter.predicate = filter.predicate.replacing(columns)
    project.expressions = project.expressions.map { $0.replacing(columns) }
    let computed = rewriting.new.add(.project(hoisted), inputs: [rewriting.node(source)])
    let filtered = rewriting.new.add(.filter(filter), inputs: [computed])
    return rewriting.new.add(.project(project), inputs: [filtered])
  }
}

extension Expression {
  fileprivate func collectWorthwhile(_ cost: Int, into result: inout Set<Expression>) {
    if self.cost < cost { return }
    if !canFail { result.insert(self) }
    for operand in operands { operand.collectWorthwhile(cost, into: &result) }
  }

  /// The outermost sub-expressions that are in the set, each once, in order of occurrence.
  fileprivate func appendLargest(among wanted: Set<Expression>, to result: inout [Expression]) {
    if wanted.contains(self) {
      if !result.contains(self) { result.append(self) }
      return
    }
    for operand in operands { operand.appendLargest(among: wanted, to: &result) }
  }

  fileprivate func replacing(_ columns: [Expression: Int]) -> Expression {
    if let column = columns[self] { return Expression(.column(column), type: type, isNullable: isNullable) }
    let operands = operands
    return operands.isEmpty ? self : withOperands(operands.map { $0.replacing(columns) })
  }
}
