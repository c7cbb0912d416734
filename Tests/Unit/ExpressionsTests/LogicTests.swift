import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct LogicTests {
  private let values: [Value] = [.bool(true), .bool(false), .null]

  private func table(_ name: String) throws -> [Value] {
    let pairs = values.flatMap { a in values.map { (a, $0) } }
    let columns = [try Column(type: .boolean, pairs.map(\.0)), try Column(type: .boolean, pairs.map(\.1))]
    let result = try Evaluating.evaluate(
      Evaluating.registry.resolve(name, Evaluating.columns([.boolean, .boolean])), columns)
    return (0..<9).map { result[$0] }
  }

  @Test func threeValuedTables() throws {
    let (t, f, u) = (Value.bool(true), Value.bool(false), Value.null)
    #expect(try table("AND") == [t, f, u, f, f, f, u, f, u])
    #expect(try table("OR") == [t, t, t, t, f, u, t, u, u])
    #expect(try table("=") == [t, f, u, f, t, u, u, u, u])
    #expect(try table("IS DISTINCT FROM") == [f, t, t, t, f, t, t, t, f])
    #expect(try table("IS NOT DISTINCT FROM") == [t, f, f, f, t, f, f, f, t])
  }

  @Test func testsOfTruth() throws {
    let expected: [(String, [Bool])] = [
      ("IS TRUE", [true, false, false]), ("IS NOT TRUE", [false, true, true]), ("IS FALSE", [false, true, false]),
      ("IS NOT FALSE", [true, false, true]), ("IS UNKNOWN", [false, false, true]), ("IS NOT UNKNOWN", [true, true, false]),
      ("IS NULL", [false, false, true]), ("IS NOT NULL", [true, true, false]),
    ]
    let column = try Column(type: .boolean, values)
    for (name, wanted) in expected {
      let result = try Evaluating.evaluate(Evaluating.registry.resolve(name, Evaluating.columns([.boolean])), [column])
      #expect((0..<3).map { result[$0] } == wanted.map { .bool($0) }, "\(name)")
    }
  }

  @Test func membershipWithNulls() throws {
    let one = Evaluating.int(1)
    let null = Expression.null(.int32)
    #expect(try Evaluating.call("IN", one, Evaluating.int(1), null) == .bool(true))
    #expect(try Evaluating.call("IN", one, Evaluating.int(2), null) == .null)
    #expect(try Evaluating.call("IN", one, Evaluating.int(2), Evaluating.int(3)) == .bool(false))
    #expect(try Evaluating.call("IN", null, Evaluating.int(2)) == .null)
  }

  @Test(arguments: [DataType.int8, .int32, .int64, .text, .decimal(precision: 9, scale: 2)])
  func longListsAgreeWithComparisons(_ type: DataType) throws {
    var random = SeededRandom(77)
    for hasNull in [false, true] {
      let list = (0..<40).map { _ in Evaluating.randomValue(type, &random) } + (hasNull ? [.null] : [])
      let column = Evaluating.randomColumn(type, 300, &random)
      let item = Expression.column(0, Field("c", type))
      let expression = try Evaluating.registry.resolve("IN", [item] + list.map { .literal($0, type) })
      let result = try Evaluating.evaluate(expression, [column])
      for i in 0..<300 {
        let value = column[i]
        let wanted: Value = value.isNull ? .null : list.contains(value) ? .bool(true) : hasNull ? .null : .bool(false)
        #expect(result[i] == wanted, "seed 77: \(value) in \(list)")
      }
    }
  }

  private func division() throws -> Expression {
    try Evaluating.registry.resolve("/", [Evaluating.int(10), .column(0, Field("x", .int32))])
  }

  @Test func guardsKeepDivisionByZeroAway() throws {
    let x = Expression.column(0, Field("x", .int32))
    let registry = Evaluating.registry
    let column = try Column(type: .int32, [.int(5), .int(0), .null, .int(2)])
    let isNotZero = try registry.resolve("<>", [x, Evaluating.int(0)])
    let isLarge = try registry.resolve(">", [division(), Evaluating.int(3)])
    let guarded = try registry.caseWhen([(isNotZero, division())], otherwise: Evaluating.int(-1))
    #expect(try Evaluating.evaluate(guarded, [column])[1] == .int(-1))
    #expect(try Evaluating.evaluate(guarded, [column])[0] == .int(2))
    for pair in [[isNotZero, isLarge], [isLarge, isNotZero]] {
      let both = try Evaluating.evaluate(registry.resolve("AND", pair), [column])
      #expect((0..<4).map { both[$0] } == [.bool(false), .bool(false), .null, .bool(true)])
      let either = try registry.resolve("OR", [registry.resolve("NOT", [pair[0]]), registry.resolve("NOT", [pair[1]])])
      #expect(try Evaluating.evaluate(either, [column])[1] == .bool(true))
    }
    let coalesced = try registry.resolve("COALESCE", [x, division()])
    #expect(try Evaluating.evaluate(coalesced, [column])[1] == .int(0))
    let asked = try registry.resolve("COALESCE", [registry.resolve("NULLIF", [x, Evaluating.int(0)]), division()])
    #expect(throws: MillraceError.self) { try Evaluating.evaluate(asked, [column]) }
    let notAsked = try registry.caseWhen([
      (registry.resolve("=", [x, Evaluating.int(0)]), Evaluating.int(0)), (isLarge, Evaluating.int(1)),
    ])
    #expect(try Evaluating.evaluate(notAsked, [column])[1] == .int(0))
    let isNull = try registry.resolve("IS NULL", [division()])
    #expect(throws: MillraceError.self) { try Evaluating.evaluate(isNull, [column]) }
  }

  @Test func filtersKeepTrueRowsOnly() throws {
    var random = SeededRandom(3)
    for rows in [0, 1, 7, 8, 63, 64, 65, 1000] {
      let columns = [Evaluating.randomColumn(.int32, rows, &random), Evaluating.randomColumn(.boolean, rows, &random)]
      let inputs = Evaluating.columns([.int32, .boolean])
      let positive = try Evaluating.registry.resolve(">", [inputs[0], Evaluating.int(0)])
      let evaluator = try ExpressionEvaluator([positive, inputs[1]], inputTypes: [.int32, .boolean])
      let selection = try evaluator.evaluateFilter(Evaluating.batch(columns))
      let wanted = (0..<rows).filter { i in
        if case .int(let v) = columns[0][i], v > 0 { columns[1][i] == .bool(true) } else { false }
      }
      #expect(selection.indices.map { Int($0) } == wanted)
      #expect(selection.apply(to: Evaluating.batch(columns)).rowCount == wanted.count)
    }
  }

  @Test func filterRefusesRowsInFaultUnlessAnotherConditionDropsThem() throws {
    let column = try Column(type: .int32, [.int(5), .int(0)])
    let x = Expression.column(0, Field("x", .int32))
    let isLarge = try Evaluating.registry.resolve(">", [division(), Evaluating.int(1)])
    let isNotZero = try Evaluating.registry.resolve("<>", [x, Evaluating.int(0)])
    let alone = try ExpressionEvaluator([isLarge], inputTypes: [.int32])
    #expect(throws: MillraceError.self) { try alone.evaluateFilter(Evaluating.batch([column])) }
    let guarded = try ExpressionEvaluator([isLarge, isNotZero], inputTypes: [.int32])
    #expect(try guarded.evaluateFilter(Evaluating.batch([column])).indices == [0])
    // Unknown drops a row as FALSE does.
    let unknown = try Evaluating.registry.resolve(
      "<>", [Evaluating.registry.resolve("NULLIF", [x, Evaluating.int(0)]), Evaluating.int(7)])
    let both = try ExpressionEvaluator([Evaluating.registry.resolve("AND", [isLarge, unknown])], inputTypes: [.int32])
    #expect(try both.evaluateFilter(Evaluating.batch([column])).indices == [0])
  }

  @Test func sharedPartsAreOneStep() throws {
    let x = Expression.column(0, Field("x", .int64))
    let registry = Evaluating.registry
    let square = try registry.resolve("*", [x, x])
    let sum = try registry.resolve("+", [square, square])
    let evaluator = try ExpressionEvaluator([sum, registry.resolve("-", [square, x])], inputTypes: [.int64])
    #expect(evaluator.stepCount == 4)
  }
}
