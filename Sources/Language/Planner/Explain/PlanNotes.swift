import MillraceExpressions
import MillracePlan
import MillraceTypes

/// What EXPLAIN says about time and changes.
struct PlanNotes {
  private let graph: PlanGraph
  /// Per node: rows may be retracted.
  private let isUpdating: [Bool]
  /// Per node: tables without a watermark that it reads, in order of occurrence.
  private let untimed: [[String]]

  init(_ graph: PlanGraph) {
    self.graph = graph
    var isUpdating: [Bool] = []
    var untimed: [[String]] = []
    let plans = graph.plans
    for (id, node) in graph.nodes.enumerated() {
      var tables: [String] = []
      for input in node.inputs { for table in untimed[input] where !tables.contains(table) { tables.append(table) } }
      var updates = node.inputs.contains { isUpdating[$0] }
      switch node.operation {
      case .scan(let scan) where scan.table.watermark == nil: tables = [scan.table.name]
      case .aggregate(let aggregate) where aggregate.window == nil: updates = true
      case .join(let join) where join.interval == nil && join.window == nil && ![.inner, .semi].contains(join.kind): updates = true
      case .rank: if case .rank(let rank) = plans[id] { updates = rank.isUpdating }
      case .temporalJoin(let temporal):
        updates = isUpdating[node.inputs[0]]
        // What is looked up has no part in the order of the result.
        if temporal.instant == .processingTime { tables = untimed[node.inputs[0]] }
      case .orderedOver: if case .orderedOver(let over) = plans[id] { updates = !over.onlyInserts }
      case .function: if case .function(let function) = plans[id] { updates = LogicalPlan.function(function).isUpdating }
      // Sorts the rows that are left at the end.
      case .sort: updates = false
      default: break
      }
      isUpdating.append(updates)
      untimed.append(tables)
    }
    self.isUpdating = isUpdating
    self.untimed = untimed
  }

  func ofOutput(_ output: PlanGraph.Output) -> [String] {
    var notes: [String] = []
    if isUpdating[output.node] { notes.append("updating") }
    if !untimed[output.node].isEmpty { notes.append(Self.finalOnly(untimed[output.node])) }
    return notes
  }

  static func finalOnly(_ tables: [String]) -> String {
    "only the final table is promised: no watermark on \(tables.joined(separator: ", "))"
  }

  func ofNode(_ id: Int) -> [String] {
    switch graph.nodes[id].operation {
    case .scan(let scan): return Self.ofTable(scan.table)
    case .aggregate(let aggregate): return aggregate.window == nil ? ["updating"] : ["event time: end of window"]
    case .window(let window): return window.kind.isSession ? ["event time: end of window"] : []
    case .asOf(let asOf):
      return asOf.shiftMicros == 0 ? [] : ["event time + \(Self.duration(asOf.shiftMicros)), before the events of that instant"]
    case .join(let join):
      if join.window != nil { return ["event time: end of window"] }
      return join.interval == nil ? ["final table of bounded inputs"] : ["event time: the later of both rows"]
    default: return []
    }
  }

  static func ofTable(_ table: TableDefinition) -> [String] {
    guard let watermark = table.watermark else { return ["no watermark"] }
    var notes = ["event time \(table.schema.fields[watermark.column].name)", "watermark delay \(duration(watermark.delayMicros))"]
    if table.declaredRank != 0 { notes.append("rank \(table.declaredRank)") }
    if !table.orderBy.isEmpty { notes.append("order by \(table.orderBy.joined(separator: ", "))") }
    return notes
  }

  /// The largest unit that fits: `90 s`, `7 d`, `-1 h`.
  static func duration(_ micros: Int64) -> String {
    let units: [(String, Int64)] = [("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000)]
    for (name, unit) in units where micros != 0 && micros % unit == 0 { return "\(micros / unit) \(name)" }
    return micros == 0 ? "0 s" : "\(micros) us"
  }
}
