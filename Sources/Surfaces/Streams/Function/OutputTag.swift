import MillraceExpressions
import MillracePlan
import MillraceRows
import MillraceTypes

/// A second way out of a function, for rows of a type of their own.
public struct OutputTag<R: Row>: Sendable {
  public let name: String
  public init(_ name: String, of type: R.Type = R.self) { self.name = name }

  /// What a function is declared with.
  public var declared: SideOutput {
    SideOutput(name: name, fields: R.fields, eventTimeField: R.eventTimeField) { R.appendFiller(to: $0, at: $1) }
  }
}

/// A side output whatever its row type.
public struct SideOutput: Sendable {
  let name: String
  let fields: [Field]
  let eventTimeField: Int?
  let fill: @Sendable ([ColumnBuilder], Int) -> Void
}

/// How the rows of several outputs stand in one relation: a number that says which output a row is of, then the columns of each. A row
/// has fillers in the columns of the others. With one output its columns are all.
@usableFromInline final class OutputLayout: Sendable {
  private let outputs: [SideOutput]
  private let firsts: [Int]
  let schema: Schema

  init(_ outputs: [SideOutput]) {
    self.outputs = outputs
    var fields: [Field] = outputs.count > 1 ? [Field("output", .int32, isNullable: false)] : []
    var firsts: [Int] = []
    for (place, output) in outputs.enumerated() {
      firsts.append(fields.count)
      fields += outputs.count > 1 ? output.fields.map { Field("\(place)_\($0.name)", $0.type, isNullable: $0.isNullable) } : output.fields
    }
    self.firsts = firsts
    schema = Schema(fields)
  }

  /// The layout of a function's result and its side outputs.
  @usableFromInline static func of<R: Row>(_ type: R.Type, _ side: [SideOutput]) throws(MillraceError) -> OutputLayout {
    var names: Set<String> = []
    for output in side where !names.insert(output.name).inserted {
      throw MillraceError(.invalidOption, "two side outputs are named '\(output.name)'", hint: "give each tag its own name")
    }
    return OutputLayout([OutputTag<R>("").declared] + side)
  }

  /// Of each output the column that is its event time.
  var eventTimeColumns: [Int] { outputs.indices.compactMap { place in outputs[place].eventTimeField.map { firsts[place] + $0 } } }

  /// Where the columns of an output begin; its number is appended.
  @usableFromInline func begin(_ place: Int, _ builders: [ColumnBuilder]) -> Int {
    if outputs.count > 1 { builders[0].append(fixed: Int32(truncatingIfNeeded: place)) }
    return firsts[place]
  }

  /// Fills the columns of all other outputs.
  @usableFromInline func fill(_ place: Int, _ builders: [ColumnBuilder]) {
    for other in outputs.indices where other != place { outputs[other].fill(builders, firsts[other]) }
  }

  func place(of name: String) throws(MillraceError) -> Int {
    guard let place = outputs.indices.dropFirst().first(where: { outputs[$0].name == name }) else {
      throw MillraceError(
        .invalidOption, "the function was not declared with the side output '\(name)'",
        hint: "give process(..., sideOutputs: [tag.declared])")
    }
    return place
  }

  /// The rows of one output of a function with this layout.
  func plan(of place: Int, from function: LogicalPlan) -> LogicalPlan {
    guard outputs.count > 1 else { return function }
    let isWanted = Expression(
      .call("=", [.column(0, schema.fields[0]), .literal(.int(Int64(place)), .int32)]), type: .boolean, isNullable: false)
    let columns = outputs[place].fields.indices.map { Expression.column(firsts[place] + $0, schema.fields[firsts[place] + $0]) }
    return .project(
      Project(
        input: .filter(Filter(input: function, predicate: isWanted)), expressions: columns, names: outputs[place].fields.map(\.name)))
  }

  func form(of name: String) -> (place: Int, fields: [Field])? {
    outputs.indices.dropFirst().first { outputs[$0].name == name }.map { ($0, outputs[$0].fields) }
  }

  /// For EXPLAIN.
  var text: String { outputs.dropFirst().map { "side output \($0.name)" }.joined(separator: ", ") }
}

/// Where the side outputs of a stream are.
struct FunctionOutputs {
  let function: LogicalPlan
  let layout: OutputLayout

  func plan<Side: Row>(of name: String, _ type: Side.Type) throws(MillraceError) -> LogicalPlan {
    guard let (place, fields) = layout.form(of: name), fields == Side.fields else {
      throw MillraceError(
        .invalidOption, "the function was not declared with it", subject: "side output \(name)",
        hint: "give process(..., sideOutputs: [tag.declared])")
    }
    return layout.plan(of: place, from: function)
  }
}
