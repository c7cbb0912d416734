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

  /// The states that are stored properties of a function, in order.
  static func states(of function: F) throws(MillraceError) -> [any KeyedState] {
    var found: [any KeyedState] = []
    var mirror: Mirror? = Mirror(reflecting: function)
    while let current = mirror {
      found = current.children.compactMap { $0.value as? any KeyedState } + found
      mirror = current.superclassMirror
    }
    var names: Set<String> = []
    for state in found where !names.insert(state.name).inserted {
      throw MillraceError(
        .invalidOption, "two states are named '\(state.name)'", subject: "\(F.self)", hint: "the name of a state is unique in its function")
    }
    return found
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
    let id = Int(core.key)
    while context.keys.count <= id { context.keys.append(nil) }
    if context.keys[id] == nil {
      let column = try core.keyColumn(core.key)
      context.keys[id] = try F.Key.Reader(column, within: nil)[0]
      withExtendedLifetime(column) {}
    }
    try function.onTimer(FunctionTimer(time: Timestamp(micros: time), isByClock: isByClock), context)
  }

  func forget(_ ids: [Int32]) { for id in ids where Int(id) < context.keys.count { context.keys[Int(id)] = nil } }

  /// What the operator calls. The loop over rows is a closure made here so that a caller that knows the function compiles it for that.
  @inlinable func body() throws(MillraceError) -> KeyedFunctionBody {
    try body { range, ids in try self.process(range, ids) }
  }

  @usableFromInline func body(
    process: @escaping (Range<Int>, UnsafePointer<Int32>) throws -> Int
  ) throws(MillraceError) -> KeyedFunctionBody {
    KeyedFunctionBody(
      states: try Self.states(of: function), bind: { _, batch in try self.bind(batch) },
      process: { _, range, ids in try process(range, ids) },
      fire: { try self.fire($0, $1) }, forget: { self.forget($0) })
  }
}
