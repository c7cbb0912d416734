import MillraceColumns
import MillracePlan
import MillraceTypes

/// TUMBLE, HOP and CUMULATE as table functions: each row once for every window that holds it, with the window's columns added.
/// Stateless.
///
/// Windows of one row come earliest first. Where a row may be in several, the window's end is added to its order, so that order
/// stays total.
public final class WindowAssignOperator: Operator {
  private let grid: WindowGrid
  private let schema: Schema
  private let timeColumn: Int
  private let context: OperatorContext

  public init(_ window: WindowTable, context: OperatorContext) throws(MillraceError) {
    grid = try WindowGrid(window.kind)
    schema = window.schema
    timeColumn = window.timeColumn
    self.context = context
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    let micros = try WindowGrid.micros(batch.columns[timeColumn], schema.fields[timeColumn].name)
    let times = micros.pointer(Int64.self)
    var rows: [Int32] = []
    var ends: [Int64] = []
    for row in 0..<batch.rowCount {
      var end = grid.nextEnd(after: times[row])
      while grid.start(ofEnd: end) <= times[row] {
        rows.append(Int32(truncatingIfNeeded: row))
        ends.append(end)
        end &+= grid.slide
        // A long window of a short slide makes very many rows of one.
        if rows.count >= max(context.batchRows, 1) {
          output.emit(assigned(batch, rows, ends))
          rows.removeAll(keepingCapacity: true)
          ends.removeAll(keepingCapacity: true)
        }
      }
    }
    withExtendedLifetime(micros) {}
    if !rows.isEmpty { output.emit(assigned(batch, rows, ends)) }
  }

  private func assigned(_ batch: Batch, _ rows: [Int32], _ ends: [Int64]) -> Batch {
    var result = batch.take(rows: rows)
    if grid.slide < grid.size, let order = result.order {
      let suffix = KeyEncoder.encode([.int64s(ends)], rowCount: rows.count)
      result.order = .joiningBytes(order, suffix)
    }
    return result.replacing(
      schema: schema, columns: result.columns + WindowGrid.columns(ends.map(grid.start), ends, schema.fields.suffix(3)))
  }
}

extension Column {
  /// Row by row the bytes of one column and then of another.
  static func joiningBytes(_ a: Column, _ b: Column) -> Column {
    var bytes: [UInt8] = []
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(a.count + 1)
    for row in 0..<a.count {
      bytes.append(contentsOf: a.slot(row))
      bytes.append(contentsOf: b.slot(row))
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
    }
    return Column(type: .bytes, count: a.count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
  }
}
