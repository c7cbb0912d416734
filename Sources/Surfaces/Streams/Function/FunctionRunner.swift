import MillraceColumns
import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

/// A keyed function as a program of the plan.
final class KeyedProgram: OperatorProgram {
  private let body: @Sendable (FunctionCore) throws(MillraceError) -> KeyedFunctionBody

  init(_ body: @escaping @Sendable (FunctionCore) throws(MillraceError) -> KeyedFunctionBody) { self.body = body }

  func makeOperator(_ function: UserFunction, context: OperatorContext) throws(MillraceError) -> any Operator {
    try KeyedFunctionOperator(function, context: context, body: body)
  }
}

/// One instance of a function between its operator and its code: reads keys and rows out of batches.
@usableFromInline final class FunctionRunner<F: KeyedProcessFunction> {
  @usableFromInline let function: F
  @usableFromInline let context: KeyedContext<F.Key, F.Output>
  @usableFromInline let core: FunctionCore
  private let keyColumn: Int
  private let firstColumn: Int
  /// Of the bound batch, which `batch` keeps alive.
  @usableFromInline var rows: F.InputView.Row.Reader?
  @usableFromInline var keys: F.Key.Reader?
  @usableFromInline var batch: Batch?

  @usableFromInline init(_ function: F, core: FunctionCore, layout: OutputLayout, keyColumn: Int, firstColumn: Int) {
    self.function = function
    self.core = core
    self.keyColumn = keyColumn
    self.firstColumn = firstColumn
    context = KeyedContext(core: core, layout: layout)
  }

  func bind(_ batch: Batch) throws {
    self.batch = batch
    rows = try F.InputView.Row.Reader(batch.columns, at: firstColumn, within: nil)
    keys = try F.Key.Reader(batch.columns[keyColumn], within: nil)
  }

  /// Handles rows until a timer is due.
  @inlinable func process(_ range: Range<Int>, _ ids: UnsafePointer<Int32>) throws -> Int {
    guard let rows, let keys, let batch else { return range.count }
    let times = batch.eventTimes?.pointer(Int64.self)
    let weights = batch.weights?.pointer(Int64.self)
    for row in range {
      let id = Int(ids[row])
      guard core.begin(row: row, key: ids[row], at: times?[row] ?? core.now, weight: weights?[row] ?? 1) else {
        return row - range.lowerBound
      }
      while context.keys.count <= id { context.keys.append(nil) }
      if context.keys[id] == nil { context.keys[id] = keys[row] }
      try function.process(rows.view(at: row), context)
    }
    return range.count
  }

  func fire(_ time: Int64, _ isByClock: Bool) throws {
    try context.knowKey()
    try function.onTimer(FunctionTimer(time: Timestamp(micros: time), isByClock: isByClock), context)
  }

  /// What the operator calls. The loop over rows is a closure made here so that a caller that knows the function compiles it for that.
  @inlinable func body() throws(MillraceError) -> KeyedFunctionBody {
    try body { range, ids in try self.process(range, ids) }
  }

  @usableFromInline func body(
    process: @escaping (Range<Int>, UnsafePointer<Int32>) throws -> Int
  ) throws(MillraceError) -> KeyedFunctionBody {
    KeyedFunctionBody(
      states: try FunctionStates.of(function), bind: { _, batch in try self.bind(batch) },
      process: { _, range, ids in try process(range, ids) },
      fire: { try self.fire($0, $1) }, forget: { self.context.forget($0) })
  }
}
