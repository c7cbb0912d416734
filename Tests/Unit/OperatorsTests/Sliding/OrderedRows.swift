import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

@testable import MillraceOperators

/// Rows with event time and order bytes for operators that run in the total order.
struct OrderedRow {
  var time: Int64
  var rank: [UInt8]
  var position: Int64
  var values: [Value]

  var order: [UInt8] {
    var bytes = rank
    KeyEncoder.append(position, to: &bytes)
    return bytes
  }

  static func isBefore(_ a: OrderedRow, _ b: OrderedRow) -> Bool {
    a.time != b.time ? a.time < b.time : a.order.lexicographicallyPrecedes(b.order)
  }

  static func batch(_ rows: [OrderedRow], _ schema: Schema) throws -> Batch {
    var columns: [Column] = []
    for (index, field) in schema.fields.enumerated() { columns.append(try Column(type: field.type, rows.map { $0.values[index] })) }
    var batch = Batch(schema: schema, columns: columns, rowCount: rows.count)
    batch.eventTimes = .int64s(rows.map(\.time))
    batch.order = try Column(type: .bytes, rows.map { .bytes($0.order) })
    batch.positions = .int64s(rows.map(\.position))
    return batch
  }
}

/// Feeds an operator rows of several ports as they might arrive: out of order within a delay, cut anywhere, with watermarks, and
/// at times taken down and brought back from its snapshot on other partitions.
struct OperatorFeed {
  var ports: [[OrderedRow]]
  var schemas: [Schema]
  /// Key columns per port, for the exchange.
  var keys: [[Int]]
  var make: (OperatorContext) throws -> any Operator

  /// All rows emitted, of all partitions, sorted by (time, order), with their order bytes.
  func run(seed: UInt64, parallelisms: [Int], batchRows: Int) throws -> [(time: Int64, order: [UInt8], values: [Value])] {
    var random = SeededRandom(seed: seed)
    let delay: Int64 = 20
    var arrivals: [(at: Int64, port: Int, row: OrderedRow)] = []
    for (port, rows) in ports.enumerated() {
      for row in rows { arrivals.append((row.time + Int64.random(in: 0...delay, using: &random), port, row)) }
    }
    arrivals.shuffle(using: &random)
    arrivals.sort { $0.at < $1.at }
    var result: [(time: Int64, order: [UInt8], values: [Value])] = []
    var next = 0
    for (life, parallelism) in parallelisms.enumerated() {
      let end = life == parallelisms.count - 1 ? arrivals.count : arrivals.count * (life + 1) / parallelisms.count
      if life == 0 { operators = try (0..<parallelism).map { try make(context($0, parallelism, batchRows)) } }
      while next < end {
        let cut = min(end, next + Int.random(in: 1...8, using: &random))
        try push(arrivals[next..<cut], parallelism)
        if Bool.random(using: &random) || cut == end {
          try advance(to: arrivals[cut - 1].at - delay, &result)
        }
        next = cut
      }
      if life + 1 < parallelisms.count { try move(to: parallelisms[life + 1], batchRows) }
    }
    try advance(to: .end, &result)
    return result.sorted { $0.time != $1.time ? $0.time < $1.time : $0.order.lexicographicallyPrecedes($1.order) }
  }

  private final class Box { var operators: [any Operator] = [] }
  private let box = Box()
  private var operators: [any Operator] {
    get { box.operators }
    nonmutating set { box.operators = newValue }
  }

  init(ports: [[OrderedRow]], schemas: [Schema], keys: [[Int]], make: @escaping (OperatorContext) throws -> any Operator) {
    self.ports = ports
    self.schemas = schemas
    self.keys = keys
    self.make = make
  }

  private func context(_ partition: Int, _ parallelism: Int, _ batchRows: Int) -> OperatorContext {
    OperatorContext(partition: partition, parallelism: parallelism, batchRows: batchRows)
  }

  private func push(_ arrivals: ArraySlice<(at: Int64, port: Int, row: OrderedRow)>, _ parallelism: Int) throws {
    for port in ports.indices {
      let rows = arrivals.filter { $0.port == port }.map(\.row)
      let batch = try OrderedRow.batch(rows, schemas[port])
      let parts = batch.hashPartition(keys: keys[port].map { batch.columns[$0] }, parallelism: parallelism)
      var output = OperatorOutput()
      for (part, op) in zip(parts, operators) { try op.process(part, port: port, into: &output) }
      if !output.batches.isEmpty { throw MillraceError(.invalidInput, "output before a watermark") }
    }
  }

  private func advance(
    to watermark: EventTime, _ result: inout [(time: Int64, order: [UInt8], values: [Value])]
  ) throws {
    for op in operators {
      var output = OperatorOutput()
      _ = try op.advance(to: watermark, into: &output)
      var last: (Int64, [UInt8])?
      for batch in output.batches {
        guard let times = batch.eventTimes, let order = batch.order else { throw MillraceError(.invalidInput, "hidden columns are gone") }
        for row in 0..<batch.rowCount {
          guard case .int(let time) = times[row], case .bytes(let bytes) = order[row] else { continue }
          if let last, time < last.0 || (time == last.0 && bytes.lexicographicallyPrecedes(last.1)) {
            throw MillraceError(.invalidInput, "output is not in the total order")
          }
          last = (time, bytes)
          result.append((time, bytes, batch.row(row)))
        }
      }
    }
  }

  private func move(to parallelism: Int, _ batchRows: Int) throws {
    var groups: [Int: [UInt8]] = [:]
    for op in operators {
      var snapshot = OperatorSnapshot()
      try op.snapshot(into: &snapshot)
      for (group, bytes) in try snapshot.encoded() {
        if groups.updateValue(bytes, forKey: group) != nil { throw MillraceError(.invalidInput, "key group \(group) is in two partitions") }
      }
    }
    operators = try (0..<parallelism).map { try make(context($0, parallelism, batchRows)) }
    for (group, bytes) in groups {
      let owner = KeyGroup.partition(of: group, parallelism: parallelism, maxParallelism: KeyGroup.defaultMaxParallelism)
      try operators[owner].restore(keyGroup: group, bytes: bytes)
    }
    for op in operators { try op.finishRestore() }
  }
}

extension TableDefinition {
  static func test(_ name: String, _ fields: [Field]) -> TableDefinition { TableDefinition(name: name, schema: Schema(fields)) }
}
