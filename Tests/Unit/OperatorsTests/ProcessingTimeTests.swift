import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceOperators

/// Rows by the clock that a driver hands in.
@Suite struct ProcessingTimeTests {
  private static let schema = Schema([Field("x", .int64), Field("p", .timestampLTZ(precision: 3), isNullable: false)])

  private func batch(_ values: [Int64]) throws -> Batch {
    Batch(
      schema: Self.schema, columns: [.int64s(values), try Column(type: Self.schema.fields[1].type, values.map { _ in .int(0) })],
      rowCount: values.count)
  }

  @Test func rowsGetTheTimeOfTheirComing() throws {
    let subject = ProcessingTimeOperator(column: 1, schema: Self.schema, context: OperatorContext())
    #expect(subject.tick(5_000_700) == 5_000_000)
    #expect(subject.tick(5_000_900) == nil)
    var output = OperatorOutput()
    try subject.process(batch([1, 2]), port: 0, into: &output)
    #expect(subject.tick(7_000_000) == 7_000_000)
    try subject.process(batch([3]), port: 0, into: &output)
    // The clock was put back: time stands still.
    #expect(subject.tick(6_000_000) == nil)
    try subject.process(batch([4]), port: 0, into: &output)
    let rows = output.batches.flatMap { batch in (0..<batch.rowCount).map { OutputRow(batch, $0) } }
    #expect(rows.map(\.time) == [5_000_000, 5_000_000, 7_000_000, 7_000_000])
    #expect(rows.map { $0.values[1] } == [.int(5000), .int(5000), .int(7000), .int(7000)])
    #expect(Set(rows.map(\.order)).count == 4)
    #expect(try subject.advance(to: 3, into: &output) == 7_000_000)
    #expect(try subject.advance(to: .end, into: &output) == .end)
  }

  @Test func timeGoesOnAfterARestart() throws {
    let subject = ProcessingTimeOperator(column: 1, schema: Self.schema, context: OperatorContext(partition: 1, parallelism: 2))
    _ = subject.tick(9_000_000)
    var snapshot = OperatorSnapshot()
    try subject.snapshot(into: &snapshot)
    let next = ProcessingTimeOperator(column: 1, schema: Self.schema, context: OperatorContext(partition: 2, parallelism: 3))
    for keyGroup in KeyGroup.range(partition: 2, parallelism: 3, maxParallelism: 128) {
      if let bytes = try snapshot.encoded()[keyGroup] { try next.restore(keyGroup: keyGroup, bytes: bytes) }
    }
    #expect(next.tick(8_000_000) == nil)
    var output = OperatorOutput()
    try next.process(batch([1]), port: 0, into: &output)
    #expect(output.batches[0].eventTimes?[0] == .int(9_000_000))
  }
}
