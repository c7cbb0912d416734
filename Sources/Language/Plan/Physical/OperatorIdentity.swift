import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// What names an operator's state in checkpoints and says whether it can be gone on from.
public struct OperatorIdentity: Sendable, Hashable {
  /// Hash of the operator's place and meaning: its kind, what its keys and conditions compute, from which rows. Names of columns, order
  /// of projections and whatever else the job does have no part in it; 16 hexadecimal digits, with `#n` for the n-th further operator
  /// of the same meaning.
  public var id: String
  /// Hash of what the state holds: columns and their types, aggregates and their order.
  public var layout: String
  /// For people, as in EXPLAIN.
  public var name: String

  public init(id: String, layout: String, name: String) {
    self.id = id
    self.layout = layout
    self.name = name
  }
}

extension PhysicalPlan {
  /// The identity of each node.
  public var identities: [OperatorIdentity] {
    var meanings: [NodeMeaning] = []
    var seen: [String: Int] = [:]
    return nodes.map { node in
      let meaning = NodeMeaning(node, inputs: node.inputs.map { meanings[$0.node] })
      meanings.append(meaning)
      let count = seen[meaning.id, default: 0]
      seen[meaning.id] = count + 1
      return OperatorIdentity(id: count == 0 ? meaning.id : "\(meaning.id)#\(count)", layout: meaning.layout, name: node.operatorID)
    }
  }
}

/// What a node's rows and columns are, in words that survive renaming, pruning and the merging of projections and filters.
struct NodeMeaning {
  /// Of the node itself.
  private(set) var id = ""
  private(set) var layout = ""
  /// Which rows come out, but for `conditions`.
  private var origin = ""
  /// Conditions that all hold for them.
  private var conditions: Set<String> = []
  /// What each column is.
  private var columns: [String] = []

  /// Which rows come out.
  private var rows: String { conditions.isEmpty ? origin : Self.hash(["filtered", origin] + conditions.sorted()) }

  static func hash(_ parts: [String]) -> String {
    let bytes = Array(parts.map { "\($0.utf8.count):\($0)" }.joined().utf8)
    let value = bytes.withUnsafeBufferPointer { buffer in buffer.baseAddress.map { KeyEncoder.hash($0, count: buffer.count) } ?? 0 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  init(_ node: PhysicalPlan.Node, inputs: [NodeMeaning]) {
    switch node.kind {
    case .filterProject(let predicate, let expressions): passOn(inputs[0], predicate, expressions)
    case .source(let scan, _): source(scan)
    default:
      let terms = terms(node.kind, inputs)
      let versions = node.showsChanges ? ["versions"] : []
      id = Self.hash([Self.kind(node.kind)] + versions + (terms.isOfItsOwn ? [] : inputs.map(\.rows)) + terms.meaning)
      // Rows may be held as they came.
      layout = Self.hash(terms.layout + (terms.isOfItsOwn ? [] : inputs.flatMap(\.columns)))
      origin = id
      columns = terms.columns ?? (inputs.flatMap(\.columns) + terms.added.map { Self.hash([id, $0]) })
      // What the terms say nothing of is told apart by place.
      while columns.count < node.schema.count { columns.append(Self.hash([id, "column \(columns.count)"])) }
    }
    if id.isEmpty { id = Self.hash([Self.kind(node.kind), rows] + columns) }
  }

  private mutating func passOn(_ input: NodeMeaning, _ predicate: Expression?, _ expressions: [Expression]?) {
    (origin, conditions, columns) = (input.origin, input.conditions, input.columns)
    for conjunct in predicate?.conjuncts ?? [] { conditions.insert(input.text(conjunct)) }
    if let expressions { columns = expressions.map(input.text) }
  }

  private mutating func source(_ scan: Scan) {
    let table = scan.table
    let watermark = table.watermark.map { "\(table.schema.fields[$0.column].name) \($0.delayMicros)" } ?? ""
    id = Self.hash(
      [
        "source", table.name, table.connector ?? "", table.options["format"] ?? "", table.options["order.by"] ?? "",
        "\(table.declaredRank)", watermark,
      ])
    origin = id
    let names = table.schema.fields.map(\.name)
    columns = scan.columns.map { column in
      let field = table.schema.fields[column]
      return Self.hash(["column", id, field.name, field.type.description, table.computed[column]?.sql(names) ?? ""])
    }
  }

  /// An expression over this node's columns. A mere column is what that column is.
  private func text(_ expression: Expression) -> String {
    if case .column(let index) = expression.kind, columns.indices.contains(index) { return columns[index] }
    return Self.hash(["expression", expression.sql(columns), expression.type.description])
  }

  private func text(_ call: AggregateCall) -> String { Self.hash(["call", call.sql(columns), call.type.description]) }

  private func text(_ key: Sort.Key) -> String { "\(text(key.expression)) \(key.isAscending) \(key.nullsFirst)" }

  // MARK: kinds

  /// What a node computes and what its state holds, beyond its inputs.
  private struct Terms {
    var meaning: [String] = []
    var layout: [String] = []
    /// What the columns are; nil: the inputs' columns, then `added`.
    var columns: [String]?
    var added: [String] = []
    /// It is the same whatever it is fed with.
    var isOfItsOwn = false
  }

  private static func kind(_ kind: PhysicalPlan.Kind) -> String {
    switch kind {
    case .source: "source"
    case .values: "values"
    case .filterProject: "project"
    case .unnest: "unnest"
    case .union: "union"
    case .windowAggregate: "window-aggregate"
    case .sessionAggregate: "session-aggregate"
    case .attachedAggregate: "attached-aggregate"
    case .groupAggregate: "aggregate"
    case .windowAssign: "window"
    case .processingTime: "processing-time"
    case .sessionAssign: "session"
    case .over: "over"
    case .rank: "rank"
    case .windowRank: "window-rank"
    case .orderedOver: "ordered-over"
    case .hashJoin: "join"
    case .intervalJoin: "interval-join"
    case .windowJoin: "window-join"
    case .temporalJoin: "temporal-join"
    case .lookupJoin: "lookup-join"
    case .asOf: "as-of"
    case .predict: "predict"
    case .function: "function"
    case .sort: "sort"
    case .sink: "sink"
    case .collect: "collect"
    }
  }

  private func terms(_ kind: PhysicalPlan.Kind, _ inputs: [NodeMeaning]) -> Terms {
    let input = inputs.first ?? self
    switch kind {
    case .source, .filterProject: return Terms()
    case .values(let relation):
      return Terms(meaning: relation.rows.map { row in row.map { $0.sql([]) }.joined(separator: ",") })
    case .unnest(let unnest):
      return Terms(
        meaning: ["\(unnest.keepsUnmatched)", input.text(unnest.source.expression)],
        added: (unnest.columns + (unnest.ordinality.map { [$0] } ?? [])).indices.map { "made \($0)" })
    case .union:
      return Terms(
        columns: input.columns.indices.map { c in Self.hash(["union"] + inputs.map { $0.columns.indices.contains(c) ? $0.columns[c] : "" })
        })
    case .windowAggregate(let spec), .sessionAggregate(let spec):
      return Self.grouping(input, spec.kind, spec.keys, spec.aggregates, spec.outputs, time: spec.timeColumn)
    case .attachedAggregate(let spec): return Self.grouping(input, spec.kind, spec.keys, spec.aggregates, spec.outputs, time: nil)
    case .groupAggregate(let aggregate):
      let calls = aggregate.aggregates.map(input.text)
      let keys = aggregate.keys.map(input.text)
      return Terms(meaning: keys, layout: calls + ["\(aggregate.input.isUpdating)"], columns: keys + calls)
    case .windowAssign(let window), .sessionAssign(let window):
      return Terms(
        meaning: [Self.text(window.kind), input.columns[window.timeColumn]] + window.partitionKeys.map(input.text),
        added: ["start", "end", "time"])
    case .processingTime(let column): return Terms(meaning: [input.columns[column]])
    case .over(let over):
      return Terms(
        meaning: [input.columns[over.timeColumn]] + over.partitionKeys.map(input.text),
        layout: over.calls.map { "\(input.text($0.call)) \($0.frame)" }, added: over.calls.map { "\(input.text($0.call)) \($0.frame)" })
    case .orderedOver(let over):
      let calls = over.calls.map { call in
        "\(call.function) \(call.frame) \(call.arguments.map(input.text)) \(call.filter.map(input.text) ?? "") \(call.type)"
      }
      return Terms(
        meaning: over.partitionKeys.map(input.text) + ["by"] + over.sortKeys.map(input.text), layout: calls, added: calls)
    case .rank(let rank), .windowRank(let rank):
      return Terms(
        meaning: [rank.function.rawValue] + rank.partitionKeys.map(input.text) + ["by"] + rank.sortKeys.map(input.text),
        layout: [rank.limit.map(String.init) ?? "all", "\(rank.input.isUpdating)"], added: rank.showsNumber ? ["number"] : [])
    case .hashJoin(let join), .intervalJoin(let join), .windowJoin(let join): return Self.joining(join, inputs)
    case .temporalJoin(let temporal): return Self.joining(temporal.join, inputs)
    case .lookupJoin(let temporal):
      return Terms(
        meaning: [temporal.join.kind.rawValue] + temporal.join.right.lookedUpTables + temporal.join.leftKeys.map(input.text),
        added: temporal.join.right.schema.fields.map { "\($0.name) \($0.type)" })
    case .asOf(let join, _):
      var layout: [String] = []
      for (branch, from) in zip(join.view.branches, inputs.dropFirst()) {
        layout += branch.keys.map(from.text) + [branch.filter.map(from.text) ?? ""]
        layout += branch.aggregates.map { "\(from.text($0.call)) \($0.frame)" }
      }
      return Terms(
        meaning: [join.view.name, "\(join.shiftMicros)"] + join.keys.map(input.text), layout: layout,
        columns: input.columns + (join.view.keys + join.view.features.map(\.field)).map { Self.hash([join.view.name, $0.name] + layout) })
    case .predict(let predict):
      return Terms(
        meaning: [predict.model.name] + predict.arguments.map(input.text), added: predict.model.outputs.map { "\($0.name) \($0.type)" })
    case .function(let function):
      // The user names its state.
      return Terms(
        meaning: [function.id],
        layout: [function.details] + function.keys.flatMap { $0 }.map(\.type.description) + inputs.flatMap(\.columns),
        columns: [], isOfItsOwn: true)
    case .sort(let sort):
      return Terms(meaning: sort.keys.map(input.text) + ["\(sort.limit ?? -1) \(sort.offset)"], columns: input.columns)
    case .sink(let table): return Terms(meaning: [table.name], isOfItsOwn: true)
    case .collect: return Terms(isOfItsOwn: true)
    }
  }

  private static func grouping(
    _ input: NodeMeaning, _ kind: WindowTable.Kind, _ keys: [Expression], _ aggregates: [AggregateCall],
    _ outputs: [WindowAggregateSpec.Output], time: Int?
  ) -> Terms {
    let keys = keys.map(input.text)
    let calls = aggregates.map(input.text)
    let meaning = [text(kind), time.map { input.columns[$0] } ?? "attached"] + keys
    let columns = outputs.map { output in
      switch output {
      case .key(let key): keys.indices.contains(key) ? keys[key] : ""
      case .aggregate(let call): hash(meaning + [calls[call]])
      case .windowStart: hash(meaning + ["start"])
      case .windowEnd: hash(meaning + ["end"])
      case .windowTime: hash(meaning + ["time"])
      }
    }
    return Terms(meaning: meaning, layout: calls, columns: columns)
  }

  private static func joining(_ join: Join, _ inputs: [NodeMeaning]) -> Terms {
    guard inputs.count == 2 else { return Terms() }
    let both = inputs[0].columns + inputs[1].columns
    var meaning = [join.kind.rawValue] + join.leftKeys.map(inputs[0].text) + join.rightKeys.map(inputs[1].text)
    if let interval = join.interval {
      meaning += [
        inputs[0].columns[interval.leftTime], inputs[1].columns[interval.rightTime], "\(interval.lowerMicros) \(interval.upperMicros)",
      ]
    }
    if let window = join.window { meaning.append(text(window.kind)) }
    meaning += (join.residual?.conjuncts ?? []).map { hash(["condition", $0.sql(both)]) }.sorted()
    return Terms(
      meaning: meaning, layout: ["\(join.left.isUpdating) \(join.right.isUpdating)"],
      columns: join.kind.isLeftOnly ? inputs[0].columns : both)
  }

  private static func text(_ kind: WindowTable.Kind) -> String {
    switch kind {
    case .tumble(let size, let offset): "tumble \(size) \(offset)"
    case .hop(let slide, let size, let offset): "hop \(slide) \(size) \(offset)"
    case .cumulate(let step, let size, let offset): "cumulate \(step) \(size) \(offset)"
    case .session(let gap): "session \(gap)"
    }
  }
}
