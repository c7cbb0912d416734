import MillraceColumns
import MillraceFormats
import MillracePlan
import MillraceTypes

/// Reads a split of a Nexmark table; its position is a count of events, see `NexmarkSequence`.
final class NexmarkReader: SourceReader {
  private let plan: NexmarkPlan
  private let generator: NexmarkGenerator
  private let sequence: NexmarkSequence
  private let stamper: RowStamper
  private let schema: Schema
  private var next: Int64 = 0

  init(
    _ request: SourceRequest, split: SourceSplit, plan: NexmarkPlan, generator: NexmarkGenerator, position: [UInt8]?
  ) throws(MillraceError) {
    self.plan = plan
    self.generator = generator
    schema = request.table.schema
    sequence = NexmarkSequence(
      plan.settings, split: split.ordinal, splitCount: plan.splitCount, disorderMicros: plan.disorderMicros, eventCount: plan.eventCount)
    // The event's number alone orders rows of one instant, so splits and disorder change nothing.
    stamper = try RowStamper(request, split: SourceSplit(id: split.id, ordinal: 0), name: "nexmark \(request.table.name)")
    guard let position else { return }
    var reader = ByteReader(position)
    guard try reader.readUInt8() == 1 else {
      throw MillraceError(.checkpointInvalid, "the generator's position was written by another version", subject: request.table.name)
    }
    next = try reader.readInt64()
    stamper.clock = try reader.readInt64()
    guard next >= 0 else {
      throw MillraceError(.checkpointInvalid, "the generator's position is negative", subject: request.table.name)
    }
  }

  var position: [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(next)
    writer.write(stamper.clock)
    return writer.bytes
  }

  func next(maxRows: Int) throws(MillraceError) -> SourceEvent {
    let wanted = Int64(max(1, maxRows))
    while true {
      let left = sequence.count.map { $0 - next } ?? .max
      guard left > 0 else { return .end }
      let count = Int(min(wanted, left))
      let block = Buffer(uninitialized: count * 8)
      let numbers = UnsafeBufferPointer(start: UnsafePointer(block.pointer(Int64.self)), count: count)
      sequence.fill(block.pointer(Int64.self), from: next, count: count)
      next += Int64(count)
      guard let rows = made(numbers, block), let batch = try stamper.stamp(rows) else { continue }
      return .batch(batch, watermark: stamper.clock)
    }
  }

  /// All columns of the events that belong to the table; nil when none does.
  private func made(_ numbers: UnsafeBufferPointer<Int64>, _ block: Buffer) -> DecodedRows? {
    let kind = plan.table.kind
    if kind == .events {
      let lines = Column(type: .int64, count: numbers.count, values: .fixed(block))
      return DecodedRows(columns: needed(generator.events(numbers)), rowCount: numbers.count, lines: lines)
    }
    let mine = withExtendedLifetime(block) { generator.numbers(of: kind, among: numbers) }
    guard !mine.isEmpty else { return nil }
    let columns = mine.withUnsafeBufferPointer { generator.rows(of: kind, $0) }
    return DecodedRows(columns: needed(columns), rowCount: mine.count, lines: .int64s(mine))
  }

  /// Columns that the request needs, under the types that the table declares.
  private func needed(_ columns: [Column]) -> [Column] {
    stamper.needed.compactMap { index in plan.places[index].map { columns[$0].retyped(schema.fields[index].type) } }
  }
}
