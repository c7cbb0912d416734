import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct RegistryTests {
  private let registry = FunctionRegistry.builtIn
  private let names = ["price", "amount", "name", "at"]
  private let columns = Evaluating.columns([.int64, .decimal(precision: 10, scale: 2), .text, .timestamp(precision: 3)])

  @Test func messagesNameFunctionTypesAndForms() throws {
    let error = #expect(throws: MillraceError.self) { try registry.resolve("ROUND", [columns[2], columns[0]]) }
    #expect(error?.message == "ROUND does not accept (STRING, BIGINT); accepted: ROUND(numeric [, integer])")
    #expect(error?.hint == "convert one side, as in CAST(x AS DOUBLE) or CAST(x AS STRING)")
    let unknown = #expect(throws: MillraceError.self) { try registry.resolve("UPER", [columns[2]]) }
    #expect(unknown?.message == "no function is named UPER")
    #expect(unknown?.hint == "did you mean UPPER?")
    let clock = #expect(throws: MillraceError.self) { try registry.resolve("NOW", []) }
    #expect(clock?.code == .notSupported)
    let unit = #expect(throws: MillraceError.self) { try registry.resolve("EXTRACT", [Evaluating.text("YEER"), columns[3]]) }
    #expect(unit?.hint == "did you mean YEAR?")
    let cast = #expect(throws: MillraceError.self) { try registry.cast(columns[0], to: .timestamp(precision: 3)) }
    #expect(cast?.message == "BIGINT cannot be cast to TIMESTAMP(3)")
  }

  @Test func explainsAsSQL() throws {
    let sum = try registry.resolve("+", [columns[0], registry.resolve("*", [columns[0], Evaluating.int(2)])])
    #expect(sum.sql(names) == "price + price * 2")
    let product = try registry.resolve("*", [sum, registry.resolve("-", [columns[0]])])
    #expect(product.sql(names) == "(price + price * 2) * -price")
    let condition = try registry.resolve(
      "AND",
      [
        registry.resolve("OR", [registry.resolve(">", [columns[0], Evaluating.int(3)]), registry.resolve("IS NULL", [columns[2]])]),
        registry.resolve("NOT", [registry.resolve("LIKE", [columns[2], Evaluating.text("it's%")])]),
      ])
    #expect(condition.sql(names) == "(price > 3 OR name IS NULL) AND NOT name LIKE 'it''s%'")
    let between = try registry.resolve("BETWEEN", [columns[0], Evaluating.int(1), Evaluating.int(9)])
    #expect(between.sql(names) == "price >= 1 AND price <= 9")
    let choice = try registry.caseWhen([
      (condition: registry.resolve("IN", [columns[0], Evaluating.int(1), Evaluating.int(2)]), value: columns[2])
    ])
    #expect(choice.sql(names) == "CASE WHEN price IN (1, 2) THEN name END")
    #expect(try registry.resolve("YEAR", [columns[3]]).sql(names) == "EXTRACT(YEAR FROM at)")
    #expect(try registry.resolve("-", [columns[3], .literal(.int(90_000), .intervalMillis)]).sql(names) == "at - INTERVAL '90' SECOND")
    #expect(try registry.resolve("*", [columns[0], columns[1]]).sql(names) == "CAST(price AS DECIMAL(19, 0)) * amount")
    #expect(try registry.resolve("=", [columns[2], columns[0]]).sql(names) == "CAST(name AS BIGINT) = price")
    let call = try registry.resolveAggregate("SUM", [columns[0]], distinct: true, filter: registry.resolve("IS NOT NULL", [columns[2]]))
    #expect(call.sql(names) == "SUM(DISTINCT price) FILTER (WHERE name IS NOT NULL)")
  }

  @Test func commonTypes() {
    #expect(registry.commonType([.int32, .int64, .null]) == .int64)
    #expect(registry.commonType([.int32, .decimal(precision: 5, scale: 2)]) == .decimal(precision: 12, scale: 2))
    #expect(registry.commonType([.int64, .float32]) == .float32)
    #expect(registry.commonType([.decimal(precision: 5, scale: 2), .float32]) == .float64)
    #expect(registry.commonType([.date, .timestamp(precision: 3), .timestamp(precision: 6)]) == .timestamp(precision: 6))
    #expect(registry.commonType([.int32, .text]) == nil)
    #expect(registry.commonType([.null, .null]) == .null)
    #expect(registry.commonType([.array(Field("a", .int32, isNullable: false)), .array(Field("b", .int64))]) == .array(Field("a", .int64)))
  }

  @Test func aggregateTypes() throws {
    #expect(try registry.resolveAggregate("count", []).function == .countStar)
    #expect(try registry.resolveAggregate("COUNT", [columns[2]]).isNullable == false)
    #expect(try registry.resolveAggregate("SUM", [columns[0]]).type == .int64)
    #expect(try registry.resolveAggregate("SUM", [columns[1]]).type == .decimal(precision: 38, scale: 2))
    #expect(try registry.resolveAggregate("AVG", [columns[1]]).type == .decimal(precision: 38, scale: 6))
    #expect(try registry.resolveAggregate("STDDEV", [columns[0]]).type == .float64)
    #expect(try registry.resolveAggregate("MIN", [columns[3]], distinct: true).isDistinct == false)
    let wrong = #expect(throws: MillraceError.self) { try registry.resolveAggregate("SUM", [columns[2]]) }
    #expect(wrong?.message == "SUM does not accept (STRING); accepted: SUM(numeric)")
    #expect(throws: MillraceError.self) { try registry.resolveAggregate("COUNT", columns) }
    #expect(throws: MillraceError.self) { try registry.resolveAggregate("SUM", [columns[0]], filter: columns[0]) }
  }

  @Test func nullability() throws {
    let notNull = Expression.column(0, Field("a", .int32, isNullable: false))
    let nullable = Expression.column(1, Field("b", .int32))
    #expect(try registry.resolve("+", [notNull, notNull]).isNullable == false)
    #expect(try registry.resolve("+", [notNull, nullable]).isNullable)
    #expect(try registry.resolve("COALESCE", [nullable, notNull]).isNullable == false)
    #expect(try registry.resolve("IS DISTINCT FROM", [nullable, nullable]).isNullable == false)
    #expect(try registry.caseWhen([(registry.resolve("=", [notNull, notNull]), notNull)]).isNullable)
    #expect(try registry.cast(notNull, to: .decimal(precision: 5, scale: 2)).isNullable)
    #expect(try registry.cast(notNull, to: .text).isNullable == false)
    #expect(try registry.cast(notNull, to: .text, isTry: true).isNullable)
  }

  @Test func namesAreOfferedSorted() {
    let offered = registry.functionNames
    #expect(offered == offered.sorted())
    #expect(offered.contains("UPPER") && offered.contains("COUNT") && offered.contains("SUBSTR"))
    #expect(!offered.contains("+") && !offered.contains("AND"))
  }
}
