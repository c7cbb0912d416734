import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// ORDER BY, LIMIT and OFFSET of bounded input: rows are held and come out sorted at the end of input.
///
/// Rows with equal keys come in the total order where they have one, then by all their values, so the result is a function of the
/// rows. Retracted rows cancel out; a row that is there several times comes out as often. With a limit, no more rows are held
/// than can still come out.
public final class SortLimitOperator: Operator {
  private static let version: UInt8 = 1
  private static let pruneRows = 65_536

  private let sort: Sort
  private let schema: Schema
  private let keys: ExpressionEvaluator
  private let context: OperatorContext
  private var held: [Batch] = []
  private var heldRows = 0
  private var retracts = false
  private var isFinished = false

  public init(_ sort: Sort, context: OperatorContext) throws(MillraceError) {
    self.sort = sort
    self.context = context
    schema = sort.input.schema
    keys = try ExpressionEvaluator(sort.keys.map(\.expression), schema: schema)
  }

  public var stateSize: StateSize { StateSize(keys: 0, bytes: held.reduce(0) { $0 + $1.heldBytes }) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    held.append(batch)
    heldRows += batch.rowCount
    if batch.weights != nil { retracts = true }
    guard let limit = sort.limit, !retracts else { return }
    let (needed, overflow) = limit.addingReportingOverflow(sort.offset)
    guard !overflow, heldRows > Self.pruneRows, heldRows / 2 > needed else { return }
    let all = Batch.concat(held, schema: schema)
    let best = all.take(rows: Array(try sortedRows(all).prefix(needed)))
    held = [best]
    heldRows = best.rowCount
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard watermark == .end else { return .beginning }
    guard !isFinished else { return .end }
    isFinished = true
    let all = try Batch.concat(held, schema: schema).consolidated("input of ORDER BY")
    held = []
    heldRows = 0
    let weights = all.weights?.pointer(Int64.self)
    var rows: [Int32] = []
    var skip = sort.offset
    let limit = sort.limit ?? .max
    for row in try sortedRows(all) {
      if rows.count >= limit { break }
      var copies = weights.map { Int($0[Int(row)]) } ?? 1
      let skipped = min(copies, skip)
      skip -= skipped
      copies -= skipped
      for _ in 0..<min(copies, limit - rows.count) { rows.append(row) }
    }
    for start in stride(from: 0, to: rows.count, by: context.batchRows) {
      var batch = all.take(rows: Array(rows[start..<min(rows.count, start + context.batchRows)]))
      batch.weights = nil
      // The sorted order is the order from here on; event times no longer rise.
      batch.eventTimes = nil
      batch.order = KeyEncoder.encode(
        [.int64s((0..<batch.rowCount).map { Int64(start + $0) })], rowCount: batch.rowCount, prefix: [128, 255])
      output.emit(batch)
    }
    return .end
  }

  private func sortedRows(_ batch: Batch) throws(MillraceError) -> [Int32] {
    let columns = try keys.evaluate(batch)
    let encoded = SortKeys.encode(columns, sort.keys, rowCount: batch.rowCount)
    // The place of each row among equals.
    let tieOrder = batch.rowsInOrder()
    var places = [Int32](repeating: 0, count: batch.rowCount)
    for (place, row) in tieOrder.enumerated() { places[Int(row)] = Int32(truncatingIfNeeded: place) }
    return tieOrder.sorted { a, b in
      let comparison = ByteOrder.compare(encoded.slot(Int(a)), encoded.slot(Int(b)))
      return comparison != 0 ? comparison < 0 : places[Int(a)] < places[Int(b)]
    }
  }

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    guard context.partition == 0 else { return }
    var writer = ByteWriter()
    writer.write(Self.version)
    writer.write(UInt8((retracts ? 1 : 0) | (isFinished ? 2 : 0)))
    writer.write(block: BatchCodec.encode(Batch.concat(held, schema: schema)))
    snapshot.keyGroups[0] = writer.bytes
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a sort")
    let flags = try reader.readUInt8()
    retracts = flags & 1 != 0
    isFinished = flags & 2 != 0
    let rows = try BatchCodec.decode(try reader.readBlock(), schema: schema)
    if rows.rowCount > 0 { held.append(rows) }
    heldRows += rows.rowCount
  }
}

/// Bytes whose order is that of ORDER BY.
enum SortKeys {
  /// The memory-comparable encoding with the bytes of descending keys turned round and nulls moved to the side asked for.
  static func encode(_ columns: [Column], _ keys: [Sort.Key], rowCount: Int) -> Column {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rowCount * columns.count * 10)
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(rowCount + 1)
    for row in 0..<rowCount {
      for (column, key) in zip(columns, keys) {
        if column.isNull(row) {
          // Values begin with 0x02, or 0xFD when turned round.
          bytes.append(key.isAscending ? (key.nullsFirst ? 1 : 3) : (key.nullsFirst ? 0xFC : 0xFE))
          continue
        }
        let start = bytes.count
        KeyEncoder.append(column, row, to: &bytes)
        if !key.isAscending { for i in start..<bytes.count { bytes[i] = ~bytes[i] } }
      }
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
    }
    return Column(type: .bytes, count: rowCount, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
  }
}
