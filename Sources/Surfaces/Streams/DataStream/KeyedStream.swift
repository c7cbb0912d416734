import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

/// The rows of a stream by key: what functions with state, windows and sliding aggregates are applied to.
public struct KeyedStream<Key: RowValue, R: Row> {
  let job: Job
  let plan: LogicalPlan
  /// Where the key stands in the plan's columns, and where those of `R` begin.
  @usableFromInline let keyColumn: Int
  @usableFromInline let firstColumn: Int

  init(job: Job, plan: LogicalPlan, keyColumn: Int, firstColumn: Int) {
    self.job = job
    self.plan = plan
    self.keyColumn = keyColumn
    self.firstColumn = firstColumn
  }

  /// Runs a function over the rows of each key.
  ///
  /// - Parameters:
  ///   - id: names the function's state in checkpoints, for as long as the job lives.
  ///   - order: by event time unless said otherwise: with `.arrival` rows are handled as they come, and what the function gives cannot be
  ///     repeated; an input without event time needs that.
  ///   - sideOutputs: further ways out: `[tag.declared]`, read with `sideOutput(tag)` of the result.
  ///   - make: makes an instance; called once per partition, and once when the job is built.
  /// - Throws: `invalidOption` for an id that is taken, or two states or side outputs of one name.
  @inlinable public func process<F: KeyedProcessFunction>(
    id: String, order: RowOrder = .eventTime, sideOutputs: [SideOutput] = [], _ make: @escaping @Sendable () -> F
  ) throws(MillraceError) -> DataStream<F.Output> where F.Key == Key, F.InputView.Row == R {
    let layout = try OutputLayout.of(F.Output.self, sideOutputs)
    let (keyColumn, firstColumn) = (keyColumn, firstColumn)
    return try applying(id, order, layout, make) { core throws(MillraceError) in
      try FunctionRunner(make(), core: core, layout: layout, keyColumn: keyColumn, firstColumn: firstColumn).body()
    }
  }

  @usableFromInline func applying<F: KeyedProcessFunction>(
    _ id: String, _ order: RowOrder, _ layout: OutputLayout, _ make: () -> F,
    _ body: @escaping @Sendable (FunctionCore) throws(MillraceError) -> KeyedFunctionBody
  ) throws(MillraceError) -> DataStream<F.Output> {
    let function = UserFunction(
      inputs: [plan], id: try job.functionID(id, "process"), order: order.plan, keys: [[.column(keyColumn, plan.schema.fields[keyColumn])]],
      schema: layout.schema, eventTimeColumns: layout.eventTimeColumns, acceptsUpdates: F.acceptsUpdates,
      details: try FunctionStates.text(of: make(), layout), program: KeyedProgram(body))
    let made = LogicalPlan.function(function)
    return DataStream(job: job, plan: layout.plan(of: 0, from: made), origin: FunctionOutputs(function: made, layout: layout))
  }
}

/// How rows reach a function.
public enum RowOrder: Sendable {
  /// In the total order, when the watermark has passed them.
  case eventTime
  /// As they come.
  case arrival

  var plan: UserFunction.Order { self == .eventTime ? .eventTime : .arrival }
}
