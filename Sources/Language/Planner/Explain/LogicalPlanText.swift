import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Logical plans as text for EXPLAIN: a line per node, inputs indented below. A sub-plan that is used more than once is written
/// once, as `(#1)`, and then referred to. Notes in braces say what an operation's line does not: watermark and rank of a table,
/// where event time comes from, what is updating, and which outputs are promised as a final table only.
public enum LogicalPlanText {
  public static func explain(_ job: JobPlan, notes: Bool = true) -> String {
    var writer = Writer(PlanGraph(job), notes: notes)
    for output in writer.graph.outputs { writer.write(output) }
    return writer.lines.joined(separator: "\n") + "\n"
  }

  private struct Writer {
    var lines: [String] = []
    let graph: PlanGraph
    private let plans: [LogicalPlan]
    private let consumerCounts: [Int]
    private let notes: PlanNotes?
    private var numbers: [Int: Int] = [:]

    init(_ graph: PlanGraph, notes: Bool) {
      self.graph = graph
      plans = graph.plans
      consumerCounts = graph.consumerCounts
      self.notes = notes ? PlanNotes(graph) : nil
    }

    mutating func write(_ output: PlanGraph.Output) {
      let title = output.table.map { "Sink \($0.name)" } ?? "Result"
      lines.append(title + Self.braces(notes?.ofOutput(output) ?? []))
      write(output.node, indent: 1)
    }

    private static func braces(_ notes: [String]) -> String { notes.isEmpty ? "" : " {\(notes.joined(separator: "; "))}" }

    mutating func write(_ id: Int, indent: Int) {
      let margin = String(repeating: "  ", count: indent)
      if let number = numbers[id] {
        lines.append("\(margin)see #\(number)")
        return
      }
      var mark = ""
      if consumerCounts[id] > 1 {
        numbers[id] = numbers.count + 1
        mark = " (#\(numbers.count))"
      }
      lines.append(margin + Self.line(plans[id]) + Self.braces(notes?.ofNode(id) ?? []) + mark)
      let inputs = graph.nodes[id].inputs
      switch plans[id] {
      case .asOf(let node):
        write(inputs[0], indent: indent + 1)
        for (branch, input) in zip(node.view.branches, inputs.dropFirst()) {
          let names = branch.input.schema.fields.map(\.name)
          let condition = branch.filter.map { " where \($0.sql(names))" } ?? ""
          let calls = branch.aggregates.map { "\($0.call.sql(names)) over \(Self.frame($0.frame))" }
          lines.append("\(margin)  events by \(Self.list(branch.keys, names))\(condition): " + calls.joined(separator: ", "))
          write(input, indent: indent + 2)
        }
      default: for input in inputs { write(input, indent: indent + 1) }
      }
    }

    private static func list(_ expressions: [Expression], _ names: [String]) -> String {
      expressions.map { $0.sql(names) }.joined(separator: ", ")
    }

    private static func line(_ plan: LogicalPlan) -> String {
      let names = plan.inputs.first?.schema.fields.map(\.name) ?? []
      switch plan {
      case .scan(let n):
        let columns = n.schema.fields.map(\.name).joined(separator: ", ")
        let predicate = n.predicate.map { " where \($0.sql(n.table.schema.fields.map(\.name)))" } ?? ""
        return "Scan \(n.table.name) [\(columns)]\(predicate)"
      case .values(let n): return "Values \(n.rows.count) rows [\(n.schema.fields.map(\.name).joined(separator: ", "))]"
      case .project(let n):
        let parts = zip(n.expressions, n.names).map { expression, name in
          let text = expression.sql(names)
          return text == name ? name : "\(text) AS \(name)"
        }
        return "Project \(parts.joined(separator: ", "))"
      case .filter(let n): return "Filter \(n.predicate.sql(names))"
      case .aggregate(let n):
        let calls = zip(n.aggregates, n.names).map { "\($0.sql(names)) AS \($1)" }.joined(separator: ", ")
        let kind = n.window != nil ? "WindowAggregate" : "Aggregate"
        return "\(kind) by (\(list(n.keys, names)))\(calls.isEmpty ? "" : ": \(calls)")"
      case .window(let n):
        let time = names[n.timeColumn] + (n.isProcessingTime ? " (processing time)" : "")
        switch n.kind {
        case .tumble(let size, let offset): return "Tumble \(time) size \(duration(size))\(shift(offset))"
        case .hop(let slide, let size, let offset):
          return "Hop \(time) slide \(duration(slide)) size \(duration(size))\(shift(offset))"
        case .cumulate(let step, let size, let offset):
          return "Cumulate \(time) step \(duration(step)) size \(duration(size))\(shift(offset))"
        case .session(let gap):
          let keys = n.partitionKeys.isEmpty ? "" : " by (\(list(n.partitionKeys, names)))"
          return "Session \(time) gap \(duration(gap))\(keys)"
        }
      case .over(let n):
        let calls = zip(n.calls, n.names).map { "\($0.call.sql(names)) \(frame($0.frame)) AS \($1)" }.joined(separator: ", ")
        return "Over by (\(list(n.partitionKeys, names))) order by \(names[n.timeColumn]): \(calls)"
      case .rank(let n):
        let keys = n.sortKeys.map {
          "\($0.expression.sql(names)) \($0.isAscending ? "ASC" : "DESC")\($0.nullsFirst == $0.isAscending ? "" : $0.nullsFirst ? " NULLS FIRST" : " NULLS LAST")"
        }
        let limit = n.limit.map { " up to \($0)" } ?? ""
        let number = n.showsNumber ? " AS \(n.name)" : ""
        return "Rank \(n.function.rawValue)\(number)\(limit) by (\(list(n.partitionKeys, names))) order by \(keys.joined(separator: ", "))"
      case .orderedOver(let n): return line(n, names)
      case .join(let n): return "\(n.window != nil ? "WindowJoin" : n.interval == nil ? "Join" : "IntervalJoin") \(line(n))"
      case .temporalJoin(let n): return "\(n.instant == .eventTime ? "TemporalJoin" : "LookupJoin") \(line(n.join))"
      case .asOf(let n):
        let shift = n.shiftMicros == 0 ? "" : " + \(duration(n.shiftMicros))"
        return "AsOf \(n.view.name)\(shift) for (\(list(n.keys, names))): \(n.view.features.map(\.field.name).joined(separator: ", "))"
      case .predict(let n):
        return "Predict \(n.model.name)(\(list(n.arguments, names))): \(n.model.outputs.map(\.name).joined(separator: ", "))"
      case .unnest(let n):
        let columns = (n.columns + (n.ordinality.map { [$0] } ?? [])).map(\.name).joined(separator: ", ")
        let expression = n.source.expression.sql(names)
        if case .copies = n.source { return "Replicate by \(expression)" }
        return "Unnest\(n.keepsUnmatched ? " LEFT" : "") \(expression) AS (\(columns))"
      case .union: return "Union"
      case .function(let n):
        let keys =
          n.keys.isEmpty ? "" : " by (\(zip(n.keys, n.inputs).map { list($0, $1.schema.fields.map(\.name)) }.joined(separator: " = ")))"
        return "Function \(n.id)\(keys)\(n.order == .arrival ? " as rows arrive" : "")\(n.details.isEmpty ? "" : ": \(n.details)")"
      case .sort(let n):
        let keys = n.keys.map { "\($0.expression.sql(names)) \($0.isAscending ? "ASC" : "DESC")" }.joined(separator: ", ")
        let limit = n.limit.map { " limit \($0)" } ?? ""
        return "Sort \(keys)\(limit)\(n.offset == 0 ? "" : " offset \(n.offset)")"
      }
    }

    private static func line(_ n: Join) -> String {
      let left = n.left.schema.fields.map(\.name)
      let right = n.right.schema.fields.map(\.name)
      var conditions = zip(n.leftKeys, n.rightKeys).map { "\($0.sql(left)) = \($1.sql(right))" }
      if let interval = n.interval {
        conditions.append(
          "\(right[interval.rightTime]) between \(left[interval.leftTime]) + \(duration(interval.lowerMicros)) and + \(duration(interval.upperMicros))"
        )
      }
      if let window = n.window {
        conditions.append("\(left[window.leftStart]) = \(right[window.rightStart])")
        conditions.append("\(left[window.leftEnd]) = \(right[window.rightEnd])")
      }
      if let residual = n.residual { conditions.append(residual.sql(left + right)) }
      return "\(n.kind.rawValue) on \(conditions.joined(separator: " AND "))"
    }

    private static func line(_ n: OrderedOver, _ names: [String]) -> String {
      let keys = n.sortKeys.map { "\($0.expression.sql(names)) \($0.isAscending ? "ASC" : "DESC")" }.joined(separator: ", ")
      let calls = zip(n.calls, n.names).map { "\($0.sql(names)) AS \($1)" }.joined(separator: ", ")
      return "OrderedOver by (\(list(n.partitionKeys, names))) order by (\(keys)): \(calls)"
    }

    private static func frame(_ frame: Over.Frame) -> String {
      let start: String =
        switch frame.start {
        case .unbounded: "unbounded"
        case .micros(let micros): duration(micros)
        case .rows(let rows): "\(rows) rows"
        }
      return "\(frame.isRange ? "RANGE" : "ROWS") \(start)\(frame.excludesCurrentRow ? " exclude current row" : "")"
    }

    private static func frame(_ frame: WindowedAggregate.Frame) -> String {
      switch frame {
      case .lastMicros(let micros): "last \(duration(micros))"
      case .lastRows(let rows): "last \(rows) rows"
      case .unbounded: "all so far"
      }
    }

    private static func shift(_ micros: Int64) -> String { micros == 0 ? "" : " offset \(duration(micros))" }

    private static func duration(_ micros: Int64) -> String { PlanNotes.duration(micros) }
  }
}
