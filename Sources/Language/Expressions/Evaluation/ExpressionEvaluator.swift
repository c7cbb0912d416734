import MillraceColumns
import MillraceTypes

/// A list of expressions compiled for one input, evaluated a batch at a time.
///
/// Compiling turns the expressions into one graph in which equal sub-expressions are one node and constant ones are computed
/// once. Evaluating runs a kernel per node over the whole batch: a vectorised interpreter, with constants folded into kernels.
///
/// Errors are lenient about what does not matter: a row that cannot be computed (division of an integer or decimal by zero, a
/// failing CAST) is an error only if the row's result depends on it. So `CASE WHEN x <> 0 THEN 1 / x END` never fails, nor do
/// `x <> 0 AND 1 / x > 2` and `x = 0 OR 1 / x > 2`, in whatever order the operands stand. COALESCE asks for an operand only where
/// those before it are null.
///
/// Owned by the one thread that drives its stage.
public final class ExpressionEvaluator {
  private struct Node {
    var kernel: Kernel
    var operands: [Int]
  }

  private enum Step {
    case column(Int)
    case constant(Vector)
    case compute(Node)
    /// PROCTIME(): when the row reached Millrace, else the clock.
    case processingTime
  }

  private struct Key: Hashable {
    var expression: Expression
    var operands: [Int]
    /// Tells 0.0 from -0.0, which are equal.
    var floatBits: UInt64?
  }

  public let expressions: [Expression]
  private var steps: [Step] = []
  private var roots: [Int] = []
  /// The parts of all conjunctions among the roots, and the steps that they need: what a filter computes.
  private var conditions: [Int] = []
  private var isConditionStep: [Bool] = []
  /// Columns of the input that any expression reads.
  public let referencedColumns: Set<Int>
  /// Microseconds since 1970, for PROCTIME().
  private let clock: (@Sendable () -> Int64)?

  /// - Parameters:
  ///   - expressions: as `FunctionRegistry` returned them; for a filter, BOOLEAN conditions that must all be true.
  ///   - inputTypes: types of the batches' columns.
  ///   - names: names of those columns, for error messages.
  ///   - clock: microseconds since 1970, for PROCTIME() of rows that do not know when they arrived; without one it is refused.
  /// - Throws: `invalid-sql` when an expression does not fit the input, `not-supported` for a function without a kernel.
  public init(
    _ expressions: [Expression], inputTypes: [DataType], names: [String] = [], clock: (@Sendable () -> Int64)? = nil
  ) throws(MillraceError) {
    self.expressions = expressions
    self.clock = clock
    referencedColumns = expressions.reduce(into: []) { $0.formUnion($1.referencedColumns) }
    var known: [Key: Int] = [:]
    for expression in expressions { roots.append(try add(expression, inputTypes, names, &known)) }
    for part in expressions.flatMap(\.conjuncts) where part.type == .boolean {
      conditions.append(try add(part, inputTypes, names, &known))
    }
    isConditionStep = Array(repeating: false, count: steps.count)
    for condition in conditions { isConditionStep[condition] = true }
    for index in steps.indices.reversed() where isConditionStep[index] {
      if case .compute(let node) = steps[index] { for operand in node.operands { isConditionStep[operand] = true } }
    }
  }

  public convenience init(
    _ expressions: [Expression], schema: Schema, clock: (@Sendable () -> Int64)? = nil
  ) throws(MillraceError) {
    try self.init(expressions, inputTypes: schema.fields.map(\.type), names: schema.fields.map(\.name), clock: clock)
  }

  /// Nodes in the graph; less than the nodes of the expressions when some are shared.
  var stepCount: Int { steps.count }

  private func add(
    _ expression: Expression, _ inputTypes: [DataType], _ names: [String], _ known: inout [Key: Int]
  ) throws(MillraceError) -> Int {
    var operands: [Int] = []
    for operand in expression.operands { operands.append(try add(operand, inputTypes, names, &known)) }
    // Only the node itself and the ids of its operands count, so looking one up does not walk the tree again.
    var key = Key(
      expression: expression.withOperands(expression.operands.map { Expression.null($0.type) }), operands: operands)
    if case .float(let value)? = expression.literal { key.floatBits = value.bitPattern }
    if let index = known[key] { return index }
    let step: Step
    switch expression.kind {
    case .column(let index):
      guard index >= 0, index < inputTypes.count, inputTypes[index] == expression.type else {
        throw MillraceError(
          .invalidSQL, "expression reads column \(index) as \(expression.type), but the input has \(inputTypes.map(\.description))")
      }
      step = .column(index)
    case .literal(let value):
      step = .constant(Vector(column: try Column(type: expression.type, [value]), isConstant: true))
    case .call(Expression.processingTimeName, _):
      guard clock != nil else {
        throw .notSupported("PROCTIME() in this place", hint: "select it in a query of its own, or use the event-time column of the row")
      }
      step = .processingTime
    default:
      let node = Node(kernel: try KernelTable.kernel(expression, names), operands: operands)
      let constants: [Vector] = operands.compactMap { if case .constant(let vector) = steps[$0] { vector } else { nil } }
      step = constants.count == operands.count ? .constant(Self.constant(node.kernel(constants, 1))) : .compute(node)
    }
    steps.append(step)
    known[key] = steps.count - 1
    return steps.count - 1
  }

  private static func constant(_ vector: Vector) -> Vector {
    var vector = vector
    vector.isConstant = true
    return vector
  }

  /// The value of an expression without columns; nil when it cannot be computed.
  public static func constantValue(_ expression: Expression) -> Value? {
    guard let evaluator = try? ExpressionEvaluator([expression], inputTypes: []),
      case .constant(let vector) = evaluator.steps[evaluator.roots[0]],
      vector.faults == nil
    else { return nil }
    return vector.column[0]
  }

  private func run(_ batch: Batch, onlyConditions: Bool = false) -> [Vector] {
    let rows = batch.rowCount
    var values: [Vector] = []
    values.reserveCapacity(steps.count)
    var operands: [Vector] = []
    let unused = Vector.null(.null)
    for (index, step) in steps.enumerated() {
      if onlyConditions && !isConditionStep[index] {
        values.append(unused)
        continue
      }
      switch step {
      case .column(let index): values.append(Vector(column: batch.columns[index]))
      case .constant(var vector):
        // The faults of a constant belong to every row of the batch.
        vector.faults = vector.faults?.repeated(rows)
        values.append(vector)
      case .processingTime: values.append(processingTime(batch))
      case .compute(let node):
        operands.removeAll(keepingCapacity: true)
        for index in node.operands { operands.append(values[index]) }
        values.append(node.kernel(operands, rows))
      }
    }
    return values
  }

  /// Milliseconds since 1970 as TIMESTAMP_LTZ(3).
  private func processingTime(_ batch: Batch) -> Vector {
    let type = DataType.timestampLTZ(precision: 3)
    if let arrivals = batch.arrivalTimes {
      return Loops.unary(Vector(column: arrivals.withValidity(nil)), batch.rowCount, type) { (x: Int64) in floorDivide(x, 1_000) }
    }
    return Vector(column: .int64s([floorDivide(clock?() ?? 0, 1_000)], type: type), isConstant: true)
  }

  private func check(_ results: [Vector], _ batch: Batch) throws(MillraceError) {
    var first: (row: Int, reason: String)?
    for result in results {
      guard let fault = result.faults?.first, fault.row < (first?.row ?? .max) else { continue }
      first = fault
    }
    guard let first else { return }
    var subject: String?
    if let positions = batch.positions, case .int(let position) = positions[first.row] { subject = "row at position \(position)" }
    throw MillraceError(
      .arithmetic, first.reason, subject: subject, hint: "guard it with CASE WHEN ... THEN ... END, or use TRY_CAST for conversions")
  }

  /// One column per expression, of the expression's type.
  ///
  /// - Throws: `arithmetic` when a row's result cannot be computed, naming the expression and the first such row.
  public func evaluate(_ batch: Batch) throws(MillraceError) -> [Column] {
    if batch.rowCount == 0 { return expressions.map { .nulls($0.type, count: 0) } }
    let values = run(batch)
    let results = roots.map { values[$0] }
    try check(results, batch)
    for (result, expression) in zip(results, expressions) where result.isConstant {
      guard case .variable(_, let bytes) = result.column.values, bytes.byteCount > Int(Int32.max) / batch.rowCount else { continue }
      throw MillraceError(
        .arithmetic, "\(expression.description.prefix(60)) is too long for a column of \(batch.rowCount) rows", hint: "use smaller batches")
    }
    return results.map { $0.expanded(batch.rowCount) }
  }

  /// The rows for which every expression is true (not false, not unknown).
  ///
  /// Each part of a conjunction is a condition of its own: a row that one condition refuses is dropped, even if another cannot be
  /// computed for it.
  ///
  /// - Throws: `arithmetic` when a condition cannot be computed for a row that no other condition has refused.
  public func evaluateFilter(_ batch: Batch) throws(MillraceError) -> Selection {
    let rows = batch.rowCount
    if rows == 0 || conditions.isEmpty { return Selection(all: rows) }
    let values = run(batch, onlyConditions: true)
    var kept: Bitmap?
    var faults: RowFaults?
    for condition in conditions {
      let value = values[condition]
      faults = RowFaults.merged(faults, value.faults)
      if value.isConstant && value.faults == nil {
        if value.column.isNull(0) || !value.column.bits[0] { return Selection(none: rows) }
        continue
      }
      var truth = value.isConstant ? Bitmap(repeating: false, count: rows) : value.column.bits
      if let validity = value.validity { truth = truth.intersection(validity) }
      // A row in fault is kept for now: it is an error unless another condition drops it.
      if let own = value.faults { truth = truth.union(own.rows) }
      kept = kept.map { $0.intersection(truth) } ?? truth
    }
    guard let kept else { return Selection(all: rows) }
    if let faults = faults?.restricted(to: kept) {
      try check([Vector(column: .nulls(.boolean, count: rows), faults: faults)], batch)
    }
    return Selection(kept)
  }
}
