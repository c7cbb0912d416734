import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes

/// `'connector' = 'datagen'`: made-up rows, options under Flink's names.
///
/// Every value follows from the seed, the column and the row's number, so the same options give the same rows however they are read.
/// A timestamp column is the row's instant: `start-time` (the time of the first start, when unset) plus the row's number divided by
/// `rows-per-second`, less a random part of `fields.#.max-past`. Unlike Flink's, a source that ends is not slowed down unless
/// `rows-per-second` is given.
public struct DatagenConnector: ConnectorFactory {
  public init() {}
  public let name = "datagen"

  public let options: [ConnectorOption] = [
    ConnectorOption("rows-per-second", .number, "how fast, and how far apart the rows' timestamps are (10000)"),
    ConnectorOption("number-of-rows", .integer, "end after so many rows"),
    ConnectorOption("seed", .integer, "of all random values (0)"),
    ConnectorOption("start-time", .text, "timestamp of the first row, such as '2026-01-01 00:00:00'"),
    ConnectorOption("order.by", .text, "columns, separated by commas, that order rows of one instant"),
    ConnectorOption("order.rank", .integer, "tables of a lower rank come first within one instant"),
    ConnectorOption("late-rows.path", .text, "folder to which late rows are written as JSON"),
    ConnectorOption("fields.#.kind", .choice(["random", "sequence"]), "random values, or numbers one after another"),
    ConnectorOption("fields.#.min", .number, "least random number"),
    ConnectorOption("fields.#.max", .number, "greatest random number"),
    ConnectorOption("fields.#.length", .integer, "length of random text, bytes, arrays and maps"),
    ConnectorOption("fields.#.var-len", .boolean, "lengths from 1 to the length given"),
    ConnectorOption("fields.#.null-rate", .number, "share of nulls, from 0 to 1"),
    ConnectorOption("fields.#.max-past", .duration, "how far a timestamp may lie before the row's instant"),
    ConnectorOption("fields.#.start", .integer, "first number of a sequence"),
    ConnectorOption("fields.#.end", .integer, "last number of a sequence"),
  ]

  public func check(_ options: ConnectorOptions) throws(MillraceError) { _ = try DatagenPlan(options) }

  public func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector {
    DatagenSource(request: request, plan: try DatagenPlan(options))
  }
}

/// What is generated, from the options.
struct DatagenPlan: Sendable {
  struct Column: Sendable {
    var type: DataType
    var name: String
    var isSequence = false
    var start: Int64 = 0
    var minimum: Double?
    var maximum: Double?
    var minimumInteger: Int64?
    var maximumInteger: Int64?
    var length = 100
    var hasVariableLength = false
    var nullRate = 0.0
    var maxPastMicros: Int64 = 0
  }

  var columns: [Column] = []
  var rowCount: Int64?
  var rowsPerSecond = 10_000.0
  var isPaced: Bool
  var seed: UInt64
  var startMicros: Int64?

  init(_ options: ConnectorOptions) throws(MillraceError) {
    seed = UInt64(bitPattern: options.integer("seed") ?? 0)
    rowCount = options.integer("number-of-rows")
    if let rowCount, rowCount < 0 { throw options.invalid("number-of-rows", "must not be negative") }
    if let rate = options.number("rows-per-second") {
      guard rate > 0 else { throw options.invalid("rows-per-second", "must be above zero") }
      rowsPerSecond = rate
    }
    if let text = options.text("start-time") {
      let instant = Array(text.utf8).withUnsafeBytes { TimestampText.parseTimestamp($0, unit: .micros) }
      guard let instant else { throw options.invalid("start-time", "is no timestamp", hint: "write it as '2026-01-01 00:00:00'") }
      startMicros = instant.ticks
    }
    isPaced = options.text("rows-per-second") != nil
    for (index, field) in options.table.schema.fields.enumerated() {
      var column = Column(type: field.type, name: field.name)
      guard options.table.computed[index] == nil else {
        columns.append(column)
        continue
      }
      let prefix = "fields.\(field.name.lowercased())."
      func key(_ name: String) -> String { options.text(prefix + name) != nil ? prefix + name : "fields.\(field.name).\(name)" }
      column.isSequence = options.text(key("kind")) == "sequence"
      column.minimum = options.number(key("min"))
      column.maximum = options.number(key("max"))
      column.minimumInteger = options.integer(key("min"))
      column.maximumInteger = options.integer(key("max"))
      if let low = column.minimum, let high = column.maximum, low > high { throw options.invalid(key("min"), "is above the maximum") }
      if let length = options.integer(key("length")) {
        guard length >= 0 && length <= 1 << 20 else { throw options.invalid(key("length"), "must be from 0 to 1048576") }
        column.length = Int(length)
      } else {
        switch field.type {
        case .array, .map: column.length = 3
        default: break
        }
      }
      column.hasVariableLength = options.boolean(key("var-len")) ?? false
      column.nullRate = options.number(key("null-rate")) ?? 0
      guard column.nullRate >= 0 && column.nullRate <= 1 else { throw options.invalid(key("null-rate"), "must be from 0 to 1") }
      if column.nullRate > 0 && !field.isNullable { throw options.invalid(key("null-rate"), "is for a column that is NOT NULL") }
      column.maxPastMicros = options.durationMicros(key("max-past")) ?? 0
      if column.isSequence {
        switch field.type {
        case .int8, .int16, .int32, .int64, .float32, .float64, .decimal, .text: break
        default:
          throw options.invalid(key("kind"), "is for numbers and text, not for \(field.type)", hint: "leave it out")
        }
        guard let start = options.integer(key("start")), let end = options.integer(key("end")) else {
          throw MillraceError(
            .invalidOption, "the sequence of column \(field.name) lacks its start or end", subject: "table \(options.table.name)",
            hint: "add '\(prefix)start' = '1', '\(prefix)end' = '1000000'")
        }
        guard end >= start else { throw options.invalid(key("end"), "is before the start") }
        column.start = start
        let (count, overflow) = end.subtractingReportingOverflow(start)
        if !overflow && count < .max { rowCount = min(rowCount ?? .max, count + 1) }
      }
      columns.append(column)
    }
  }
}

struct DatagenSource: SourceConnector {
  let request: SourceRequest
  let plan: DatagenPlan

  var isBounded: Bool { plan.rowCount != nil }
  var rowsPerSecond: Double? { plan.isPaced || !isBounded ? plan.rowsPerSecond : nil }

  func splits() throws(MillraceError) -> [SourceSplit] { [SourceSplit(id: "rows", ordinal: 0)] }

  func open(_ split: SourceSplit, from position: [UInt8]?) throws(MillraceError) -> any SourceReader {
    try DatagenReader(request, split: split, plan: plan, position: position)
  }
}
