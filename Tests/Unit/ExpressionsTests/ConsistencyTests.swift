import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

/// Every function must give the same for a whole column, for one row, and for constants in any of its operands.
@Suite struct ConsistencyTests {
  private static let decimal = DataType.decimal(precision: 12, scale: 3)
  private static let wide = DataType.decimal(precision: 38, scale: 12)
  private static let point = DataType.timestamp(precision: 3)
  private static let micros = DataType.timestampLTZ(precision: 6)

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var types: [DataType]
    var prefix: [Expression] = []
    var suffix: [Expression] = []
    var testDescription: String {
      "\(name)(\((prefix.map(\.description) + types.map(\.description) + suffix.map(\.description)).joined(separator: ", ")))"
    }
  }

  static let cases: [Case] = {
    var cases: [Case] = []
    let numbers: [DataType] = [.int8, .int16, .int32, .int64, .float32, .float64, decimal, wide]
    for type in numbers {
      for name in ["+", "-", "*", "/", "%"] {
        cases.append(Case(name: name, types: [type, type]))
        cases.append(Case(name: name, types: [type, .int32]))
      }
      for name in ["-", "ABS", "SIGN", "CEIL", "FLOOR", "ROUND", "TRUNCATE", "SQRT", "LN", "EXP"] {
        cases.append(Case(name: name, types: [type]))
      }
      cases.append(Case(name: "ROUND", types: [type], suffix: [Evaluating.int(2)]))
      cases.append(Case(name: "ROUND", types: [type], suffix: [Evaluating.int(-1)]))
      cases.append(Case(name: "POWER", types: [type, .int8]))
    }
    let compared: [DataType] =
      numbers + [.boolean, .text, .bytes, .date, point, micros, .time(precision: 3), .intervalMonths, .intervalMillis]
    for type in compared {
      for name in ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "GREATEST", "LEAST", "COALESCE", "NULLIF"] {
        cases.append(Case(name: name, types: [type, type]))
      }
      cases.append(Case(name: "IN", types: [type, type, type]))
      cases.append(Case(name: "IF", types: [.boolean, type, type]))
      for name in ["IS NULL", "IS NOT NULL"] { cases.append(Case(name: name, types: [type])) }
      cases.append(Case(name: "ARRAY", types: [type, type]))
      cases.append(Case(name: "ROW", types: [type, .int64]))
      cases.append(Case(name: "CONCAT_WS", types: [.text, type, .text]))
    }
    for name in ["AND", "OR"] { cases.append(Case(name: name, types: [.boolean, .boolean])) }
    for name in ["NOT", "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"] {
      cases.append(Case(name: name, types: [.boolean]))
    }
    for name in ["UPPER", "LOWER", "INITCAP", "TRIM", "LTRIM", "RTRIM", "CHAR_LENGTH", "OCTET_LENGTH", "REVERSE", "ASCII"] {
      cases.append(Case(name: name, types: [.text]))
    }
    for name in ["||", "STARTSWITH", "ENDSWITH", "POSITION", "LIKE", "TRIM", "INSTR"] {
      cases.append(Case(name: name, types: [.text, .text]))
    }
    for name in ["LEFT", "RIGHT", "SUBSTRING"] { cases.append(Case(name: name, types: [.text, .int8])) }
    cases.append(Case(name: "SUBSTRING", types: [.text, .int8, .int8]))
    cases.append(Case(name: "REPEAT", types: [.text], suffix: [Evaluating.int(3)]))
    cases.append(Case(name: "LOCATE", types: [.text, .text, .int8]))
    cases.append(Case(name: "REPLACE", types: [.text, .text, .text]))
    cases.append(Case(name: "SPLIT_INDEX", types: [.text, .text, .int8]))
    cases.append(Case(name: "LPAD", types: [.text], suffix: [Evaluating.int(5), Evaluating.text("äb")]))
    cases.append(Case(name: "RPAD", types: [.text, .int8, .text]))
    cases.append(Case(name: "LIKE", types: [.text], suffix: [Evaluating.text("%a_b%")]))
    cases.append(Case(name: "REGEXP_EXTRACT", types: [.text], suffix: [Evaluating.text("([a-z]+)(.*)"), Evaluating.int(1)]))
    cases.append(Case(name: "REGEXP_REPLACE", types: [.text], suffix: [Evaluating.text("[ae]"), Evaluating.text("<$0>")]))
    cases.append(Case(name: "REGEXP", types: [.text], suffix: [Evaluating.text("^a")]))
    for name in ["LEFT", "RIGHT", "SUBSTRING"] { cases.append(Case(name: name, types: [.text, .int64])) }
    cases.append(Case(name: "SUBSTRING", types: [.text, .int64, .int64]))
    cases.append(Case(name: "LPAD", types: [.text, .int64, .text]))
    cases.append(Case(name: "LOCATE", types: [.text, .text, .int64]))
    cases.append(Case(name: "SPLIT_INDEX", types: [.text, .text, .int64]))
    cases.append(Case(name: "CHR", types: [.int64]))
    cases.append(Case(name: "TO_TIMESTAMP_LTZ", types: [.int64], suffix: [Evaluating.int(0)]))
    cases.append(Case(name: "TO_TIMESTAMP_LTZ", types: [.float64], suffix: [Evaluating.int(3)]))
    cases.append(Case(name: "FROM_UNIXTIME", types: [.int64]))
    cases.append(Case(name: "REPEAT", types: [.text, .int64]))
    cases.append(Case(name: "*", types: [.intervalMillis, .int64]))
    cases.append(Case(name: "/", types: [.intervalMonths, .int64]))
    // Of a decimal, constant digits change the result type.
    for type in numbers where !type.isDecimal {
      for name in ["ROUND", "TRUNCATE"] { cases.append(Case(name: name, types: [type, .int64])) }
    }
    for unit in TimeUnitName.counted {
      for type in [.date, point, micros] as [DataType] {
        cases.append(Case(name: "TIMESTAMPADD", types: [.int64, type], prefix: [Evaluating.text(unit)]))
      }
    }
    for unit in TimeUnitName.extracted {
      for type in [.date, point, micros] as [DataType] {
        cases.append(Case(name: "EXTRACT", types: [type], prefix: [Evaluating.text(unit)]))
      }
    }
    for unit in TimeUnitName.truncating {
      for type in [.date, point, micros] as [DataType] {
        cases.append(Case(name: "FLOOR", types: [type], suffix: [Evaluating.text(unit)]))
        cases.append(Case(name: "CEIL", types: [type], suffix: [Evaluating.text(unit)]))
        cases.append(Case(name: "TIMESTAMPADD", types: [.int8, type], prefix: [Evaluating.text(unit)]))
        cases.append(Case(name: "TIMESTAMPDIFF", types: [type, type], prefix: [Evaluating.text(unit)]))
      }
    }
    for type in [.date, point, micros] as [DataType] {
      cases.append(Case(name: "+", types: [type, .intervalMillis]))
      cases.append(Case(name: "-", types: [type, .intervalMonths]))
      cases.append(Case(name: "-", types: [type, type]))
      cases.append(Case(name: "DATE_FORMAT", types: [type], suffix: [Evaluating.text("EEE, dd MMM yyyy HH:mm:ss.SSS a")]))
    }
    cases.append(Case(name: "TO_TIMESTAMP_LTZ", types: [.int32], suffix: [Evaluating.int(0)]))
    cases.append(Case(name: "CARDINALITY", types: [.array(Field("e", .int32))]))
    cases.append(Case(name: "ITEM", types: [.array(Field("e", .text)), .int8]))
    cases.append(Case(name: "ITEM", types: [.map(key: Field("k", .int8), value: Field("v", .text)), .int8]))
    return cases
  }()

  @Test(arguments: cases)
  func columnsRowsAndConstantsAgree(_ test: Case) throws {
    let seed: UInt64 = 42
    let rows = 75
    var random = SeededRandom(seed)
    let columns = test.types.map { Evaluating.randomColumn($0, rows, &random) }
    let expression = try Evaluating.registry.resolve(test.name, test.prefix + Evaluating.columns(test.types) + test.suffix)
    let evaluator = try ExpressionEvaluator([expression], inputTypes: test.types)
    var values: [Value?] = []
    for row in 0..<rows {
      let single = Evaluating.batch(columns.map { $0.slice(row..<(row + 1)) })
      let value = try? evaluator.evaluate(single)[0][0]
      // Any subset of the operands as constants.
      let mask = Int(random.next() % UInt64(1 << test.types.count))
      let mixed = test.types.indices.map { i in
        mask >> i & 1 == 1 ? Expression.literal(columns[i][row], test.types[i]) : Evaluating.columns(test.types)[i]
      }
      let literal = try Evaluating.registry.resolve(test.name, test.prefix + mixed + test.suffix)
      let other = try? ExpressionEvaluator([literal], inputTypes: test.types).evaluate(single)[0][0]
      let isSame = value.map { v in other.map { Evaluating.same(v, $0) } ?? false } ?? (other == nil)
      #expect(
        isSame,
        "seed \(seed), row \(row): \(columns.map { $0[row] }) gives \(String(describing: value)) and as \(literal) \(String(describing: other))"
      )
      if !isSame { return }
      #expect(value.map { !($0.isNull && !expression.isNullable && columns.allSatisfy { $0.nullCount == 0 }) } ?? true)
      values.append(value)
    }
    let good = (0..<rows).filter { values[$0] != nil }
    let indices = good.map { Int32($0) }
    let whole = try evaluator.evaluate(Evaluating.batch(columns.map { column in indices.withUnsafeBufferPointer(column.take) }))[0]
    #expect(whole.type == expression.type)
    #expect(whole.count == good.count)
    for (i, row) in good.enumerated() {
      let isSame = values[row].map { Evaluating.same(whole[i], $0) } ?? false
      #expect(isSame, "seed \(seed), row \(row): \(whole[i]) in a batch, \(String(describing: values[row])) alone")
      if !isSame { return }
    }
    if good.count < rows { #expect(throws: MillraceError.self) { try evaluator.evaluate(Evaluating.batch(columns)) } }
  }

  @Test func castsBetweenAllTypesAgree() throws {
    let types: [DataType] = [
      .boolean, .int8, .int16, .int32, .int64, .float32, .float64, Self.decimal, Self.wide, .text, .bytes, .date, .time(precision: 3),
      Self.point,
      Self.micros, .timestamp(precision: 0), .timestamp(precision: 9), .intervalMonths, .intervalMillis, .array(Field("e", .int32)),
      .array(Field("e", .text)), .row([Field("a", .int8), Field("b", .text)]), .row([Field("a", .text), Field("b", .text)]),
    ]
    for from in types {
      for to in types where TypeCoercion.isCastable(from, to) {
        for isTry in [false, true] {
          var random = SeededRandom(5)
          let column = Evaluating.randomColumn(from, 70, &random)
          let expression = Expression.column(0, Field("c", from)).cast(to: to, isTry: isTry)
          let evaluator = try ExpressionEvaluator([expression], inputTypes: [from])
          var good: [Int32] = []
          var values: [Value] = []
          for row in 0..<70 {
            guard let value = try? evaluator.evaluate(Evaluating.batch([column.slice(row..<(row + 1))]))[0][0] else {
              #expect(!isTry, "TRY_CAST of \(column[row]) to \(to) failed")
              continue
            }
            let constant = Expression.literal(column[row], from).cast(to: to, isTry: isTry)
            #expect(Evaluating.same(try Evaluating.constant(constant), value), "CAST(\(column[row]) AS \(to))")
            good.append(Int32(row))
            values.append(value)
          }
          let whole = try evaluator.evaluate(Evaluating.batch([good.withUnsafeBufferPointer(column.take)]))[0]
          #expect(zip(values, 0..<good.count).allSatisfy { Evaluating.same($0, whole[$1]) }, "\(from) to \(to)")
        }
      }
    }
  }
}
