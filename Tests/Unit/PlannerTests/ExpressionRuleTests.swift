import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes
import Testing

@testable import MillracePlanner

@Suite struct ExpressionRuleTests {
  let messages = Sample.messages()
  var size: Expression { messages.column("size") }
  var id: Expression { messages.column("id") }
  let yes = Expression.true
  let no = Expression.literal(.bool(false), .boolean)
  let unknown = Expression.null(.boolean)

  func int(_ value: Int64) -> Expression { .literal(.int(value), .int32) }
  func division(_ a: Expression, _ b: Expression) -> Expression { .call("/", [a, b], .int32) }

  @Test func logic() {
    let condition = size .> 3
    #expect(ConstantFolding.folded(condition .&& yes).kind == condition.kind)
    #expect(ConstantFolding.folded(condition .&& no).kind == no.kind)
    #expect(ConstantFolding.folded(.call("OR", [condition, yes])).kind == yes.kind)
    #expect(ConstantFolding.folded(.call("OR", [no, condition])).kind == condition.kind)
    #expect(ConstantFolding.folded(condition .&& unknown).kind == (condition .&& unknown).kind)
    #expect(ConstantFolding.folded(unknown .&& unknown).kind == unknown.kind)
    #expect(ConstantFolding.folded(unknown .&& no).kind == no.kind)
    // FALSE decides, even against what fails.
    let failing = Expression.call("=", [division(int(1), int(0)), int(1)])
    #expect(ConstantFolding.folded(failing .&& no).kind == no.kind)
    #expect(ConstantFolding.folded(failing .&& yes).kind == failing.kind)
  }

  @Test func constants() {
    #expect(ConstantFolding.folded(.call("+", [int(1), .call("*", [int(2), int(3)], .int32)], .int32)).kind == int(7).kind)
    let text = Expression.literal(.text("2024-01-02"), .text)
    let date = Expression(.cast(text, isTry: false), type: .date, isNullable: false)
    #expect(ConstantFolding.folded(date).kind == .literal(.int(19_724)))
    // What fails is left for the rows that ask for it.
    #expect(ConstantFolding.folded(division(int(1), int(0))) == division(int(1), int(0)))
    let bad = Expression(.cast(.literal(.text("x"), .text), isTry: false), type: .date, isNullable: false)
    #expect(ConstantFolding.folded(bad) == bad)
    let zero = Expression.literal(.float(0), .float64)
    let nan = Expression.call("/", [zero, zero], .float64)
    #expect(ConstantFolding.folded(nan) == nan)
  }

  @Test func tests() {
    #expect(ConstantFolding.folded(.call("IS NULL", [id])).kind == no.kind)
    #expect(ConstantFolding.folded(.call("IS NOT NULL", [id])).kind == yes.kind)
    #expect(ConstantFolding.folded(.call("IS NULL", [size])).kind == .call("IS NULL", [size]))
    let risky = Expression.call("IS NULL", [division(int(7), Expression(.cast(id, isTry: false), type: .int32, isNullable: false))])
    #expect(ConstantFolding.folded(risky) == risky)
    #expect(ConstantFolding.folded(.call("=", [size, .null(.int32)])).kind == unknown.kind)
  }

  @Test func conditionals() {
    func choose(_ branches: [Expression], _ otherwise: Expression) -> Expression {
      Expression(.caseWhen(branches, otherwise: otherwise), type: .int32, isNullable: true)
    }
    #expect(ConstantFolding.folded(choose([no, int(1), yes, size], int(3))).kind == size.kind)
    #expect(ConstantFolding.folded(choose([unknown, int(1)], int(3))).kind == int(3).kind)
    let kept = ConstantFolding.folded(choose([size .> 1, int(1), no, int(2), yes, int(4), size .> 2, int(5)], int(3)))
    #expect(kept.kind == .caseWhen([size .> 1, int(1)], otherwise: int(4)))
    // Schemas stay as they are, although this is never null.
    #expect(kept.isNullable)
    let coalesce = Expression(
      .call("COALESCE", [.null(.int64), messages.column("sender"), id, messages.column("room")]), type: .int64, isNullable: false)
    #expect(ConstantFolding.folded(coalesce).kind == .call("COALESCE", [messages.column("sender"), id]))
  }

  @Test func projectsMerge() {
    let sum = Expression.call("+", [size, size], .int32)
    let lower = messages.project([("a", sum), ("b", id)])
    let twice = Expression.call("*", [lower.column("a"), lower.column("a")], .int32)
    let upper = lower.project([("x", twice), ("y", lower.column("b"))])
    let expected = messages.project([("x", .call("*", [sum, sum], .int32)), ("y", id)])
    #expect(rewritten(upper, by: ProjectMerge()) == expected)
    // Others read the lower one: its sum is computed there.
    #expect(rewritten([upper, lower], by: [ProjectMerge()]) == [upper, lower])
    let renamed = lower.project([("y", lower.column("b"))])
    #expect(rewritten([renamed, lower], by: [ProjectMerge()]) == [messages.project([("y", id)]), lower])
  }

  @Test func sumsOfSumsStaySmall() {
    var plan = messages.project([("a", size)])
    for _ in 0..<40 { plan = plan.project([("a", .call("+", [plan.column("a"), plan.column("a")], .int32))]) }
    let merged = rewritten(plan, by: ProjectMerge())
    #expect(merged.schema == plan.schema)
    guard case .project(let project) = merged else { return }
    #expect(project.expressions[0].size < 2_000)
  }

  @Test func identities() {
    #expect(
      rewritten(messages.project(messages.schema.fields.enumerated().map { ($1.name, .column($0, $1)) }), by: IdentityProjectRemoval())
        == messages)
    let renamed = messages.project(messages.schema.fields.enumerated().map { ("x" + $1.name, .column($0, $1)) })
    #expect(rewritten(renamed, by: IdentityProjectRemoval()) == renamed)
  }

  @Test func hoisting() {
    let host = Expression.call("REGEXP_EXTRACT", [messages.column("text"), .literal(.text("//([^/]*)"), .text)], .text)
    let plan = messages.filter(.call("<>", [host, .literal(.text(""), .text)])).project([("host", host), ("id", id)])
    let result = rewritten(plan, by: SharedExpressionHoisting())
    guard case .project(let top) = result, case .filter(let filter) = top.input, case .project(let bottom) = filter.input else {
      Issue.record("nothing was hoisted: \(result)")
      return
    }
    #expect(bottom.expressions.last == host)
    #expect(top.expressions[0].kind == .column(7))
    #expect(filter.predicate.referencedColumns == [7])
    #expect(result.schema == plan.schema)
    let cheap = messages.filter(size .> 1).project([("size", size)])
    #expect(rewritten(cheap, by: SharedExpressionHoisting()) == cheap)
  }
}
