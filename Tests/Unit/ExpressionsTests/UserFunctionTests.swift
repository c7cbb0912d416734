import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct UserFunctionTests {
  /// Whole columns at once.
  private struct Doubled: UserScalarFunction {
    let name = "doubled"
    func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType {
      guard arguments == [.int64] else { throw MillraceError(.invalidSQL, "give it one BIGINT") }
      return .int64
    }
    func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> Column {
      try Column(type: .int64, (0..<rowCount).map { if case .int(let x) = arguments[0][$0] { .int(2 * x) } else { .null } })
    }
  }

  private static let root = RowFunction("int_root", [.int64], returns: .float64) { values throws(MillraceError) in
    guard case .int(let x) = values[0] else { return .null }
    if x < 0 { throw MillraceError(.arithmetic, "no root of \(x)") }
    return .float(Double(x).squareRoot())
  }

  private func registry() throws -> FunctionRegistry {
    var registry = FunctionRegistry()
    try registry.register(Doubled())
    try registry.register(Self.root)
    return registry
  }

  @Test func callsAreTypedAndComputed() throws {
    let registry = try registry()
    #expect(registry.functionNames.contains("DOUBLED") && registry.isScalar("Doubled"))
    let column = Evaluating.columns([.int64])[0]
    let call = try registry.resolve("DOUBLED", [column])
    #expect(call.type == .int64 && call.isNullable)
    #expect(call.sql(["x"]) == "doubled(x)")
    let input = try Column(type: .int64, [.int(3), .null, .int(-1)])
    let result = try Evaluating.evaluate(call, [input])
    #expect((0..<3).map { result[$0] } == [.int(6), .null, .int(-2)])
    // A narrower argument is widened for a function with declared parameters.
    #expect(try Evaluating.constant(registry.resolve("INT_ROOT", [Evaluating.int(9)])) == .float(3))
    #expect(try Evaluating.constant(registry.resolve("INT_ROOT", [.null(.int64)])) == .null)
  }

  @Test func errorsCarryTheName() throws {
    let registry = try registry()
    let type = #expect(throws: MillraceError.self) { try registry.resolve("doubled", [Evaluating.text("x")]) }
    #expect(type?.message == "function DOUBLED: give it one BIGINT")
    let count = #expect(throws: MillraceError.self) { try registry.resolve("int_root", []) }
    #expect(count?.message == "function INT_ROOT: int_root does not accept ()")
    let call = try registry.resolve("INT_ROOT", Evaluating.columns([.int64]))
    #expect(call.canFail)
    let input = try Column(type: .int64, [.int(4), .int(-4)])
    let value = #expect(throws: MillraceError.self) { try Evaluating.evaluate(call, [input]) }
    #expect(value?.message == "function int_root: no root of -4")
    // As with any error it counts only where the value is needed.
    let guarded = try registry.caseWhen([(registry.resolve(">", [Evaluating.columns([.int64])[0], Evaluating.int(0)]), call)])
    #expect(throws: MillraceError.self) { try Evaluating.evaluate(guarded, [input]) }
    #expect(try Evaluating.evaluate(guarded, [Column(type: .int64, [.int(4), .int(9)])])[1] == .float(3))
  }

  @Test func takenNamesAreRefused() throws {
    var registry = try registry()
    for name in ["UPPER", "sum", "doubled", "", "a b", "1x"] {
      let function = RowFunction(name, [], returns: .int64) { _ throws(MillraceError) in .int(1) }
      #expect(throws: MillraceError.self, "\(name)") { try registry.register(function) }
    }
  }
}
