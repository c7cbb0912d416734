import MillraceColumns
import MillraceExpressions
import MillraceTypes
import Testing

@testable import MillraceOperators

/// One row on its way into an operator under test.
struct TestRow: Sendable {
  var port = 0
  var values: [Value]
  var time: Int64?
  var order: Int64 = 0
  var weight: Int64 = 1
}

/// Feeds rows to an operator in seeded batches with watermarks in between, snapshotting and restoring on the way: a whole state, then
/// increments over it where the operator makes them.
struct OperatorHarness {
  var schemas: [Schema]
  /// Rows may come this much after a later one.
  var delay: Int64 = 0
  /// Snapshot and restore into new instances before every this many calls; 0 never.
  var restoreEvery = 0
  var batchMax = 20
  /// Rank bytes of each port's order.
  var ranks: [[UInt8]] = [[128, 0], [128, 1], [128, 2]]
  var usesWeights = false

  func batch(_ rows: [TestRow], port: Int) throws -> Batch {
    let schema = schemas[port]
    var batch = Batch(
      schema: schema,
      columns: try schema.fields.indices.map { c in try Column(type: schema.fields[c].type, rows.map { $0.values[c] }) },
      rowCount: rows.count)
    if rows.allSatisfy({ $0.time != nil }) {
      batch.eventTimes = .int64s(rows.map { $0.time ?? 0 })
      batch.order = KeyEncoder.encode([.int64s(rows.map(\.order))], rowCount: rows.count, prefix: ranks[port])
    }
    if usesWeights && rows.contains(where: { $0.weight != 1 }) { batch.weights = .int64s(rows.map(\.weight)) }
    return batch
  }

  /// Output rows in order, and the watermarks that went with them were checked.
  func run(_ rows: [TestRow], seed: UInt64, _ make: () throws -> any Operator) throws -> [OutputRow] {
    var random = SeededRandom(seed: seed)
    var subject = try make()
    var result: [OutputRow] = []
    var watermark = EventTime.beginning
    var outputWatermark = EventTime.beginning
    var latest = [Int64](repeating: .min, count: schemas.count)
    // What is still to come decides how far the watermark may go.
    var at = 0
    var calls = 0
    func collect(_ output: OperatorOutput) throws {
      for batch in output.batches {
        #expect(batch.rowCount > 0)
        for row in 0..<batch.rowCount {
          let produced = OutputRow(batch, row)
          if let time = produced.time { #expect(time >= outputWatermark, "late output, seed \(seed)") }
          result.append(produced)
        }
      }
    }
    var layers: [[Int: [UInt8]]] = []
    func maybeRestore() throws {
      calls += 1
      guard restoreEvery > 0, calls % restoreEvery == 0 else { return }
      var snapshot = OperatorSnapshot(allowsIncrement: !layers.isEmpty)
      try subject.snapshot(into: &snapshot)
      #expect(!snapshot.isIncrement || snapshot.allowsIncrement)
      layers = (snapshot.isIncrement ? layers : []) + [try snapshot.encoded()]
      guard Int.random(in: 0..<3, using: &random) == 0 else { return }
      subject = try make()
      for layer in layers { for keyGroup in layer.keys.sorted() { try subject.restore(keyGroup: keyGroup, bytes: layer[keyGroup] ?? []) } }
      try subject.finishRestore()
      layers = []
    }
    while at < rows.count {
      try maybeRestore()
      let end = min(rows.count, at + Int.random(in: 1...batchMax, using: &random))
      for port in schemas.indices {
        let part = rows[at..<end].filter { $0.port == port }
        guard !part.isEmpty else { continue }
        var output = OperatorOutput()
        try subject.process(batch(Array(part), port: port), port: port, into: &output)
        try collect(output)
        for row in part { latest[port] = max(latest[port], row.time ?? .min) }
      }
      at = end
      try maybeRestore()
      let safe = rows[at...].compactMap(\.time).min() ?? latest.max() ?? .min
      let next = min(safe, (latest.max() ?? .min) &- delay)
      if next > watermark && latest.max() != .min && Int.random(in: 0..<3, using: &random) > 0 {
        watermark = next
        var output = OperatorOutput()
        let passed = try subject.advance(to: watermark, into: &output)
        try collect(output)
        #expect(passed >= outputWatermark, "watermark went back, seed \(seed)")
        outputWatermark = passed
      }
    }
    try maybeRestore()
    var output = OperatorOutput()
    let passed = try subject.advance(to: .end, into: &output)
    try collect(output)
    #expect(passed == .end)
    return result
  }
}

/// One row that came out.
struct OutputRow: Hashable, CustomStringConvertible {
  var values: [Value]
  var time: Int64?
  var order: [UInt8]?
  var weight: Int64

  init(values: [Value], time: Int64? = nil, order: [UInt8]? = nil, weight: Int64 = 1) {
    self.values = values
    self.time = time
    self.order = order
    self.weight = weight
  }

  init(_ batch: Batch, _ row: Int) {
    values = batch.row(row)
    if case .int(let t)? = batch.eventTimes?[row] { time = t }
    if case .bytes(let b)? = batch.order?[row] { order = b }
    weight = 1
    if case .int(let w)? = batch.weights?[row] { weight = w }
  }

  var description: String { "\(weight > 0 ? "+" : "")\(weight) @\(time.map(String.init) ?? "-") \(values)" }
}

extension Schema {
  func column(_ index: Int) -> Expression { .column(index, fields[index]) }
}
