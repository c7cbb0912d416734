import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

/// Code over the rows of two streams by one key, with state and timers that both share: a `KeyedProcessFunction` of two inputs.
///
/// Rows of both come in one order, by event time; at one instant in the total order of the tables they come from.
public protocol KeyedPairFunction: AnyObject, SendableMetatype {
  associatedtype Key: RowValue
  associatedtype FirstView: RowView where FirstView.Row: Row, FirstView.Row.Reader.View == FirstView
  associatedtype SecondView: RowView where SecondView.Row: Row, SecondView.Row.Reader.View == SecondView
  associatedtype Output: Row

  /// As for `KeyedProcessFunction`.
  static var acceptsUpdates: Bool { get }

  func processFirst(_ row: FirstView, _ context: KeyedContext<Key, Output>) throws
  func processSecond(_ row: SecondView, _ context: KeyedContext<Key, Output>) throws
  func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Key, Output>) throws
}

extension KeyedPairFunction {
  public static var acceptsUpdates: Bool { false }
  public func onTimer(_ timer: FunctionTimer, _ context: KeyedContext<Key, Output>) throws {}
}

extension KeyedStream {
  /// Runs a function over the rows of each key of this stream and of another. See `process(id:order:sideOutputs:_:)`.
  public func process<F: KeyedPairFunction, Other: Row>(
    with other: KeyedStream<Key, Other>, id: String, order: RowOrder = .eventTime, sideOutputs: [SideOutput] = [],
    _ make: @escaping @Sendable () -> F
  ) throws(MillraceError) -> DataStream<F.Output> where F.Key == Key, F.FirstView.Row == R, F.SecondView.Row == Other {
    guard other.job === job else {
      throw MillraceError(.invalidOption, "the streams belong to different jobs", subject: job.name, hint: "make both from one job")
    }
    let layout = try OutputLayout.of(F.Output.self, sideOutputs)
    let places = [(keyColumn, firstColumn), (other.keyColumn, other.firstColumn)]
    let program = KeyedProgram { core throws(MillraceError) in
      let runner = PairRunner(make(), core: core, layout: layout, places)
      return KeyedFunctionBody(
        states: try FunctionStates.of(runner.function), bind: { try runner.bind($0, $1) }, process: { try runner.process($0, $1, $2) },
        fire: { try runner.fire($0, $1) }, forget: { runner.context.forget($0) })
    }
    let function = UserFunction(
      inputs: [plan, other.plan], id: try job.functionID(id, "process"), order: order.plan,
      keys: [
        [.column(keyColumn, plan.schema.fields[keyColumn])], [.column(other.keyColumn, other.plan.schema.fields[other.keyColumn])],
      ],
      schema: layout.schema, eventTimeColumns: layout.eventTimeColumns, acceptsUpdates: F.acceptsUpdates,
      details: try FunctionStates.text(of: make(), layout), program: program)
    let made = LogicalPlan.function(function)
    return DataStream(job: job, plan: layout.plan(of: 0, from: made), origin: FunctionOutputs(function: made, layout: layout))
  }
}

/// One instance of a function of two inputs between its operator and its code.
private final class PairRunner<F: KeyedPairFunction> {
  let function: F
  let context: KeyedContext<F.Key, F.Output>
  private let core: FunctionCore
  /// Per input, where its key stands and where its row begins.
  private let places: [(key: Int, first: Int)]
  private var first: F.FirstView.Row.Reader?
  private var second: F.SecondView.Row.Reader?
  private var keys: [F.Key.Reader?] = [nil, nil]
  /// Keeps alive what the readers point to.
  private var batches: [Batch?] = [nil, nil]

  init(_ function: F, core: FunctionCore, layout: OutputLayout, _ places: [(Int, Int)]) {
    self.function = function
    self.core = core
    self.places = places.map { (key: $0.0, first: $0.1) }
    context = KeyedContext(core: core, layout: layout)
  }

  func bind(_ port: Int, _ batch: Batch) throws {
    batches[port] = batch
    keys[port] = try F.Key.Reader(batch.columns[places[port].key], within: nil)
    if port == 0 {
      first = try F.FirstView.Row.Reader(batch.columns, at: places[0].first, within: nil)
    } else {
      second = try F.SecondView.Row.Reader(batch.columns, at: places[1].first, within: nil)
    }
  }

  func process(_ port: Int, _ range: Range<Int>, _ ids: UnsafePointer<Int32>) throws -> Int {
    guard let batch = batches[port], let keys = keys[port] else { return range.count }
    let times = batch.eventTimes?.pointer(Int64.self)
    let weights = batch.weights?.pointer(Int64.self)
    for row in range {
      let id = Int(ids[row])
      guard core.begin(row: row, key: ids[row], at: times?[row] ?? core.now, weight: weights?[row] ?? 1) else {
        return row - range.lowerBound
      }
      while context.keys.count <= id { context.keys.append(nil) }
      if context.keys[id] == nil { context.keys[id] = keys[row] }
      if port == 0 {
        if let first { try function.processFirst(first.view(at: row), context) }
      } else if let second {
        try function.processSecond(second.view(at: row), context)
      }
    }
    return range.count
  }

  func fire(_ time: Int64, _ isByClock: Bool) throws {
    try context.knowKey()
    try function.onTimer(FunctionTimer(time: Timestamp(micros: time), isByClock: isByClock), context)
  }
}
