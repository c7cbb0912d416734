import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

@testable import MillracePlanner

/// Runs a job over rows in memory, one node after the other, each in the most obvious way.
struct ReferenceEngine {
  struct Row {
    var values: [Value]
    /// Hidden event time in microseconds and the tie-break behind it.
    var time: Int64 = 0
    var order: [Int] = []

    func isBefore(_ other: Row) -> Bool { time != other.time ? time < other.time : order.lexicographicallyPrecedes(other.order) }
  }

  struct Relation {
    var schema: Schema
    var rows: [Row]
  }

  /// Rows by table name.
  let data: [String: [[Value]]]

  /// Per output, its rows as text in no particular order.
  func run(_ job: JobPlan) throws -> [[String]] {
    let graph = PlanGraph(job)
    var relations: [Relation] = []
    for (id, node) in graph.nodes.enumerated() {
      let rows = try rows(node.operation, node.inputs.map { relations[$0] })
      relations.append(Relation(schema: graph.schemas[id], rows: rows))
    }
    return graph.outputs.map { output in relations[output.node].rows.map { "\($0.values)" }.sorted() }
  }

  private func evaluate(_ expressions: [Expression], _ relation: Relation) throws -> [[Value]] {
    let batch = Batch(
      schema: relation.schema,
      columns: try relation.schema.fields.enumerated().map { index, field in
        try Column(type: field.type, relation.rows.map { $0.values[index] })
      }, rowCount: relation.rows.count)
    let columns = try ExpressionEvaluator(expressions, schema: relation.schema).evaluate(batch)
    return relation.rows.indices.map { row in columns.map { $0[row] } }
  }

  private func passing(_ condition: Expression?, _ relation: Relation) throws -> [Bool] {
    guard let condition else { return relation.rows.map { _ in true } }
    return try evaluate([condition], relation).map { $0[0] == .bool(true) }
  }

  private func rows(_ operation: LogicalPlan, _ inputs: [Relation]) throws -> [Row] {
    switch operation {
    case .scan(let n): return try scan(n)
    case .values: return []
    case .project(let n):
      return zip(inputs[0].rows, try evaluate(n.expressions, inputs[0])).map { Row(values: $1, time: $0.time, order: $0.order) }
    case .filter(let n): return zip(inputs[0].rows, try passing(n.predicate, inputs[0])).filter(\.1).map(\.0)
    case .aggregate(let n): return try aggregate(n, inputs[0])
    case .window(let n): return try window(n, inputs[0])
    case .over(let n): return try over(n, inputs[0])
    case .rank(let n): return try rank(n, inputs[0])
    case .temporalJoin: throw MillraceError.notSupported("joins as of an instant in the reference engine")
    case .function: throw MillraceError.notSupported("code of the user's in the reference engine")
    case .orderedOver: throw MillraceError.notSupported("OVER in any order in the reference engine")
    case .join(let n): return try join(n, inputs[0], inputs[1])
    case .asOf(let n): return try asOf(n, inputs)
    case .predict(let n):
      return zip(inputs[0].rows, try evaluate(n.arguments, inputs[0])).map { row, arguments in
        var row = row
        if case .int(let x) = arguments[0] { row.values.append(.int(x &* 3 &+ 1)) } else { row.values.append(.null) }
        return row
      }
    case .unnest(let n): return try unnest(n, inputs[0])
    case .union: return inputs.flatMap(\.rows)
    case .sort: return inputs[0].rows
    }
  }

  private func scan(_ n: Scan) throws -> [Row] {
    let all = (data[n.table.name] ?? []).enumerated().map { index, values in
      var row = Row(values: values, order: [n.table.declaredRank, n.table.ordinal, index])
      if let watermark = n.table.watermark, case .int(let millis) = values[watermark.column] { row.time = millis * 1000 }
      return row
    }
    let relation = Relation(schema: n.table.schema, rows: all)
    return zip(all, try passing(n.predicate, relation)).filter(\.1).map { row, _ in
      Row(values: n.columns.map { row.values[$0] }, time: row.time, order: row.order)
    }
  }

  /// What a call gives over some rows of a relation, of which it has the argument and whether its FILTER holds.
  private struct Prepared {
    var call: AggregateCall
    var arguments: [Value]
    var holds: [Bool]

    func value(_ rows: some Sequence<Int>) -> Value {
      let rows = rows.filter { holds[$0] }
      if call.function == .countStar { return .int(Int64(rows.count)) }
      let numbers = rows.compactMap { if case .int(let x) = arguments[$0] { x } else { nil } }
      switch call.function {
      case .count: return .int(Int64(numbers.count))
      case .sum: return numbers.isEmpty ? .null : .int(numbers.reduce(0, &+))
      default: return numbers.max().map { .int($0) } ?? .null
      }
    }
  }

  private func prepared(_ call: AggregateCall, _ relation: Relation) throws -> Prepared {
    Prepared(
      call: call, arguments: try evaluate(call.arguments, relation).map { $0.first ?? .null }, holds: try passing(call.filter, relation))
  }

  private func aggregate(_ n: Aggregate, _ input: Relation) throws -> [Row] {
    let keys = try evaluate(n.keys, input)
    let calls = try n.aggregates.map { try prepared($0, input) }
    var groups: [(key: [Value], rows: [Int])] = n.keys.isEmpty ? [([], [])] : []
    var known: [[Value]: Int] = n.keys.isEmpty ? [[]: 0] : [:]
    for (row, key) in keys.enumerated() {
      if let group = known[key] {
        groups[group].rows.append(row)
      } else {
        known[key] = groups.count
        groups.append((key, [row]))
      }
    }
    return groups.map { group in
      // A window's time, for groupings by window; the others have none.
      var time: Int64 = 0
      if group.key.count == 4, case .int(let millis) = group.key[3] { time = millis * 1000 }
      return Row(values: group.key + calls.map { $0.value(group.rows) }, time: time, order: [.max])
    }
  }

  private func window(_ n: WindowTable, _ input: Relation) throws -> [Row] {
    if case .session(let gap) = n.kind { return try sessions(n, gap / 1000, input) }
    return input.rows.flatMap { row -> [Row] in
      guard case .int(let millis) = row.values[n.timeColumn] else { return [] }
      let (slide, size): (Int64, Int64)
      switch n.kind {
      case .tumble(let all, _): (slide, size) = (all / 1000, all / 1000)
      case .hop(let step, let all, _): (slide, size) = (step / 1000, all / 1000)
      case .cumulate(let step, let all, _):
        let start = millis - ((millis % (all / 1000)) + all / 1000) % (all / 1000)
        return stride(from: start + step / 1000, through: start + all / 1000, by: Int64.Stride(step / 1000)).filter { $0 > millis }.map {
          end in
          var copy = row
          copy.values += [.int(start), .int(end), .int(end - 1)]
          return copy
        }
      case .session: return []
      }
      var start = (millis / slide) * slide
      var result: [Row] = []
      while start > millis - size {
        var copy = row
        copy.values += [.int(start), .int(start + size), .int(start + size - 1)]
        result.append(copy)
        start -= slide
      }
      return result
    }
  }

  private func sessions(_ n: WindowTable, _ gap: Int64, _ input: Relation) throws -> [Row] {
    var byKey: [[Value]: [(time: Int64, row: Row)]] = [:]
    for (row, key) in zip(input.rows, try evaluate(n.partitionKeys, input)) {
      if case .int(let millis) = row.values[n.timeColumn] { byKey[key, default: []].append((millis, row)) }
    }
    return byKey.values.flatMap { rows -> [Row] in
      var result: [Row] = []
      var open: [(time: Int64, row: Row)] = []
      func close() {
        guard let first = open.first, let last = open.last else { return }
        for (_, row) in open {
          var copy = row
          copy.values += [.int(first.time), .int(last.time + gap), .int(last.time + gap - 1)]
          copy.time = (last.time + gap - 1) * 1000
          result.append(copy)
        }
        open = []
      }
      for row in rows.sorted(by: { $0.time < $1.time }) {
        if let last = open.last, row.time - last.time > gap { close() }
        open.append(row)
      }
      close()
      return result
    }
  }

  private func unnest(_ n: Unnest, _ input: Relation) throws -> [Row] {
    zip(input.rows, try evaluate([n.source.expression], input)).flatMap { row, value -> [Row] in
      var made: [[Value]] = []
      switch value[0] {
      case .int(let count): made = (0..<max(0, count)).map { _ in [] }
      case .list(let elements):
        made = elements.map { element in
          if case .row(let fields) = element { return fields }
          return element.isNull ? n.columns.map { _ in .null } : [element]
        }
      case .map(let keys, let values): made = zip(keys, values).map { [$0, $1] }
      default: break
      }
      if n.ordinality != nil { made = made.enumerated().map { $1 + [.int(Int64($0 + 1))] } }
      if made.isEmpty && n.keepsUnmatched { made = [(n.columns + (n.ordinality.map { [$0] } ?? [])).map { _ in .null }] }
      return made.enumerated().map { Row(values: row.values + $1, time: row.time, order: row.order + [$0]) }
    }
  }

  /// Positions in the total order.
  private func ordered(_ rows: [Row]) -> [Int] {
    rows.indices.sorted { rows[$0].isBefore(rows[$1]) || (!rows[$1].isBefore(rows[$0]) && $0 < $1) }
  }

  private func over(_ n: Over, _ input: Relation) throws -> [Row] {
    let keys = try evaluate(n.partitionKeys, input)
    let calls = try n.calls.map { try prepared($0.call, input) }
    let order = ordered(input.rows)
    return input.rows.indices.map { current in
      let partition = order.filter { n.partitionKeys.isEmpty || keys[$0] == keys[current] }
      let place = partition.firstIndex(of: current) ?? 0
      let now = input.rows[current].time
      var row = input.rows[current]
      for (call, definition) in zip(calls, n.calls) {
        let frame = definition.frame
        let rows = partition.enumerated().filter { index, candidate in
          if frame.excludesCurrentRow && candidate == current { return false }
          let time = input.rows[candidate].time
          if frame.isRange ? time > now : index > place { return false }
          switch frame.start {
          case .unbounded: return true
          case .micros(let micros): return time >= now - micros
          case .rows(let count): return index >= place - count
          }
        }
        row.values.append(call.value(rows.map(\.element)))
      }
      return row
    }
  }

  /// ROW_NUMBER over rows that only insert, by keys that are numbers.
  private func rank(_ n: Rank, _ input: Relation) throws -> [Row] {
    let keys = try evaluate(n.partitionKeys, input)
    let sortKeys = try evaluate(n.sortKeys.map(\.expression), input)
    func precedes(_ a: Int, _ b: Int) -> Bool {
      for (place, key) in n.sortKeys.enumerated() where sortKeys[a][place] != sortKeys[b][place] {
        switch (sortKeys[a][place], sortKeys[b][place]) {
        case (.null, _): return key.nullsFirst
        case (_, .null): return !key.nullsFirst
        case (.int(let x), .int(let y)): return key.isAscending ? x < y : x > y
        default: return false
        }
      }
      return false
    }
    let order = ordered(input.rows)
    return input.rows.indices.compactMap { current in
      let place = order.firstIndex(of: current) ?? 0
      let before = order.enumerated().filter { at, other in
        guard other != current, n.partitionKeys.isEmpty || keys[other] == keys[current] else { return false }
        return precedes(other, current) || (!precedes(current, other) && at < place)
      }
      let number = before.count + 1
      if let limit = n.limit, number > limit { return nil }
      var row = input.rows[current]
      if n.showsNumber { row.values.append(.int(Int64(number))) }
      return row
    }
  }

  private func asOf(_ n: AsOfJoin, _ inputs: [Relation]) throws -> [Row] {
    let keys = try evaluate(n.keys, inputs[0])
    let branches = try zip(n.view.branches, inputs.dropFirst()).map { branch, relation in
      (
        relation: relation, keys: try evaluate(branch.keys, relation), holds: try passing(branch.filter, relation),
        order: ordered(relation.rows), calls: try branch.aggregates.map { ($0.frame, try prepared($0.call, relation)) }
      )
    }
    return try zip(inputs[0].rows, keys).map { row, key in
      var results: [Value] = []
      for branch in branches {
        let events = branch.order.filter {
          branch.holds[$0] && branch.keys[$0] == key && branch.relation.rows[$0].isBefore(row)
        }
        for (frame, call) in branch.calls {
          switch frame {
          case .unbounded: results.append(call.value(events))
          case .lastMicros(let micros): results.append(call.value(events.filter { branch.relation.rows[$0].time >= row.time - micros }))
          case .lastRows(let count): results.append(call.value(events.suffix(count)))
          }
        }
      }
      let schema = Schema(n.view.branches.flatMap { $0.aggregates.map { Field("", $0.call.type) } })
      let relation = Relation(schema: schema, rows: [Row(values: results)])
      var row = row
      row.values += key
      for feature in n.view.features {
        var value = try evaluate([feature.expression], relation)[0][0]
        if value.isNull, let replacement = feature.defaultValue { value = try evaluate([replacement], relation)[0][0] }
        row.values.append(value)
      }
      return row
    }
  }

  private func join(_ n: Join, _ left: Relation, _ right: Relation) throws -> [Row] {
    let leftKeys = try evaluate(n.leftKeys, left)
    let rightKeys = try evaluate(n.rightKeys, right)
    var pairs: [(Int, Int)] = []
    for i in left.rows.indices {
      for j in right.rows.indices where leftKeys[i] == rightKeys[j] && !leftKeys[i].contains(.null) {
        if let interval = n.interval {
          guard case .int(let l) = left.rows[i].values[interval.leftTime], case .int(let r) = right.rows[j].values[interval.rightTime],
            (l * 1000 + interval.lowerMicros)...(l * 1000 + interval.upperMicros) ~= r * 1000
          else { continue }
        }
        if let window = n.window {
          let (l, r) = (left.rows[i].values, right.rows[j].values)
          guard l[window.leftStart] == r[window.rightStart], l[window.leftEnd] == r[window.rightEnd] else { continue }
        }
        pairs.append((i, j))
      }
    }
    let schema = Schema(left.schema.fields + right.schema.fields)
    let candidates = Relation(schema: schema, rows: pairs.map { Row(values: left.rows[$0].values + right.rows[$1].values) })
    let matches = zip(pairs, try passing(n.residual, candidates)).filter(\.1).map(\.0)
    if n.kind.isLeftOnly {
      let matched = Set(matches.map(\.0))
      return left.rows.indices.filter { matched.contains($0) == (n.kind == .semi) }.map { left.rows[$0] }
    }
    var result = matches.map { Row(values: left.rows[$0].values + right.rows[$1].values) }
    if n.kind == .left || n.kind == .full {
      let matched = Set(matches.map(\.0))
      for i in left.rows.indices where !matched.contains(i) {
        result.append(Row(values: left.rows[i].values + right.schema.fields.map { _ in .null }))
      }
    }
    if n.kind == .right || n.kind == .full {
      let matched = Set(matches.map(\.1))
      for j in right.rows.indices where !matched.contains(j) {
        result.append(Row(values: left.schema.fields.map { _ in .null } + right.rows[j].values))
      }
    }
    return result
  }
}
