import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Plans and the words to write them with.
enum Sample {
  static let timestamp = DataType.timestampLTZ(precision: 3)

  /// messages(id, sender, room, text, size, score, at): a stream with a watermark five seconds behind.
  static func messagesTable(_ name: String = "messages", options: [String: String] = [:], watermark: Bool = true) -> TableDefinition {
    let schema = Schema([
      Field("id", .int64, isNullable: false), Field("sender", .int64), Field("room", .int64), Field("text", .text),
      Field("size", .int32), Field("score", .float64), Field("at", timestamp),
    ])
    return TableDefinition(
      name: name, schema: schema, watermark: watermark ? .init(column: 6, delayMicros: 5_000_000) : nil, options: options)
  }

  static func messages() -> LogicalPlan { .scan(Scan(table: messagesTable())) }

  /// users(id, name, age): bounded, without a watermark.
  static func users() -> LogicalPlan {
    let schema = Schema([Field("id", .int64, isNullable: false), Field("name", .text), Field("age", .int32)])
    return .scan(Scan(table: TableDefinition(name: "users", schema: schema, ordinal: 1)))
  }

  /// A view of what was sent: per sender the messages and their sizes, and per sender the ratings of `ratings`.
  static func senderView(over input: LogicalPlan, and other: LogicalPlan? = nil) -> FeatureViewDefinition {
    var branches = [
      FeatureViewDefinition.Branch(
        input: input, keys: [input.column("sender")],
        aggregates: [
          WindowedAggregate(call: .countStar, frame: .lastMicros(60_000_000)),
          WindowedAggregate(call: .sum(input.column("size")), frame: .lastMicros(3_600_000_000)),
        ])
    ]
    var features = [
      FeatureViewDefinition.Feature(
        field: Field("sent_1m", .int64), expression: .column(0, Field("c", .int64, isNullable: false)),
        defaultValue: .literal(.int(0), .int64)),
      FeatureViewDefinition.Feature(field: Field("size_1h", .int32), expression: .column(1, Field("s", .int32))),
    ]
    if let other {
      branches.append(
        .init(
          input: other, keys: [other.column("sender")], filter: other.column("score") .> 0.0,
          aggregates: [
            WindowedAggregate(call: .countStar, frame: .unbounded),
            WindowedAggregate(call: .sum(other.column("score")), frame: .lastRows(10)),
          ]))
      features.append(.init(field: Field("rated", .int64), expression: .column(2, Field("c", .int64, isNullable: false))))
      features.append(.init(field: Field("score_10", .float64), expression: .column(3, Field("s", .float64))))
    }
    return FeatureViewDefinition(name: "senders", keys: [Field("sender", .int64)], branches: branches, features: features)
  }

  /// Each level asks a view over the level below, as of the rows of the level below.
  static func layeredJob(levels: Int) -> JobPlan {
    var level = messages()
    for n in 0..<levels {
      let view = senderView(over: level)
      let asked = LogicalPlan.asOf(AsOfJoin(input: level, view: view, keys: [level.column("sender")]))
      let names = ["id", "sender", "room", "text", "size", "score", "at"]
      level = asked.project(names.map { ($0, asked.column($0)) } + [("sent_\(n)", asked.column("sent_1m"))])
    }
    return JobPlan(outputs: [.init(table: nil, input: level)])
  }
}

extension AggregateCall {
  static let countStar = AggregateCall(.countStar, [], type: .int64, isNullable: false)
  static func sum(_ argument: Expression) -> AggregateCall { AggregateCall(.sum, [argument], type: argument.type, isNullable: true) }
}

infix operator .= : ComparisonPrecedence
infix operator .&& : LogicalConjunctionPrecedence

extension Expression {
  static func call(_ name: String, _ arguments: [Expression], _ type: DataType = .boolean) -> Expression {
    Expression(.call(name, arguments), type: type, isNullable: arguments.contains { $0.isNullable })
  }
  static func .> (a: Expression, b: Int) -> Expression { .call(">", [a, .literal(.int(Int64(b)), a.type)]) }
  static func .> (a: Expression, b: Double) -> Expression { .call(">", [a, .literal(.float(b), a.type)]) }
  static func .= (a: Expression, b: Int) -> Expression { .call("=", [a, .literal(.int(Int64(b)), a.type)]) }
  static func .&& (a: Expression, b: Expression) -> Expression { .call("AND", [a, b]) }
}

extension LogicalPlan {
  /// The first column of that name, as an expression.
  func column(_ name: String) -> Expression {
    guard let index = schema.index(of: name) else { preconditionFailure("no column \(name)") }
    return .column(index, schema.fields[index])
  }
  func filter(_ predicate: Expression) -> LogicalPlan { .filter(Filter(input: self, predicate: predicate)) }
  func project(_ columns: [(String, Expression)]) -> LogicalPlan {
    .project(Project(input: self, expressions: columns.map(\.1), names: columns.map(\.0)))
  }
  func select(_ names: String...) -> LogicalPlan { project(names.map { ($0, column($0)) }) }
}
