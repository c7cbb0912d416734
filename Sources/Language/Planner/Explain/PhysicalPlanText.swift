import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Physical plans as text for EXPLAIN: stages as they run at a parallelism, their operators with ids and schemas, and what passes
/// between stages. `from [3] by hash(sender)` is an exchange; a mere `from [3]` is a call within the stage.
public enum PhysicalPlanText {
  /// - Parameter notes: further lines to stand under a node, by its id.
  public static func explain(_ plan: PhysicalPlan, parallelism: Int, notes: [Int: [String]] = [:]) -> String {
    let stages = StageGraph(plan, parallelism: parallelism)
    let untimed = untimedTables(plan)
    var lines: [String] = []
    for (index, stage) in stages.stages.enumerated() {
      lines.append("Stage \(index) (\(parallelism == 1 ? "1 partition" : "\(parallelism) partitions"))")
      for id in stage.nodes where plan.nodes.indices.contains(id) {
        lines.append("  " + line(plan.nodes[id], plan, stages, untimed[id]))
        for note in notes[id] ?? [] { lines.append("      " + note) }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func line(_ node: PhysicalPlan.Node, _ plan: PhysicalPlan, _ stages: StageGraph, _ untimed: [String]) -> String {
    var text = "[\(node.id)] \(node.operatorID)"
    let inputs = node.inputs.enumerated().map { port, input in
      guard stages.exchange(into: node.id, port: port) != nil else { return "[\(input.node)]" }
      return "[\(input.node)] by \(exchange(input, plan))"
    }
    if !inputs.isEmpty { text += " from \(inputs.joined(separator: ", "))" }
    text += detail(node, plan)
    switch node.kind {
    case .sink, .collect: return untimed.isEmpty ? text : text + " {\(PlanNotes.finalOnly(untimed))}"
    default: return text + ": " + node.schema.fields.map(field).joined(separator: ", ")
    }
  }

  private static func field(_ field: Field) -> String { "\(field.name) \(field.type)\(field.isNullable ? "" : " NOT NULL")" }

  private static func exchange(_ input: PhysicalPlan.Input, _ plan: PhysicalPlan) -> String {
    switch input.exchange {
    case .forward: return "forward"
    case .single: return "single"
    case .hash(let keys):
      let names = plan.nodes[input.node].schema.fields.map(\.name)
      return "hash(\(keys.map { $0.sql(names) }.joined(separator: ", ")))"
    }
  }

  private static func detail(_ node: PhysicalPlan.Node, _ plan: PhysicalPlan) -> String {
    switch node.kind {
    case .filterProject(let predicate?, _):
      return " where \(predicate.sql(plan.nodes[node.inputs[0].node].schema.fields.map(\.name)))"
    case .source(let scan, _): return " {\(PlanNotes.ofTable(scan.table).joined(separator: "; "))}"
    case .lookupJoin(let temporal):
      let names = temporal.join.right.lookedUpTables
      return names.isEmpty ? "" : " with all of \(names.joined(separator: ", "))"
    default: return ""
    }
  }

  /// Per node: tables without a watermark that it reads.
  private static func untimedTables(_ plan: PhysicalPlan) -> [[String]] {
    var result: [[String]] = []
    for node in plan.nodes {
      var tables: [String] = []
      if case .source(let scan, _) = node.kind, scan.table.watermark == nil { tables.append(scan.table.name) }
      for input in node.inputs { for table in result[input.node] where !tables.contains(table) { tables.append(table) } }
      result.append(tables)
    }
    return result
  }
}
