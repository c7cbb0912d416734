import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Joins each row with the rows made of it: elements of an array, entries of a map, copies by a count. Stateless; weights and event
/// times go to every made row, and the ordinal is added to the row's order, so that order stays total.
public final class UnnestOperator: Operator {
  private let unnest: Unnest
  private let schema: Schema
  private let source: ExpressionEvaluator
  private let context: OperatorContext

  public init(_ unnest: Unnest, context: OperatorContext) throws(MillraceError) {
    self.unnest = unnest
    self.context = context
    schema = unnest.schema
    source = try ExpressionEvaluator([unnest.source.expression], schema: unnest.input.schema)
  }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    let made = try source.evaluate(batch)[0]
    let columns = elementColumns(made)
    var part = MadeRows()
    for row in 0..<batch.rowCount {
      let (first, count) = range(made, row)
      if count == 0 && unnest.keepsUnmatched { part.append(row: row, element: -1, ordinal: 0) }
      for ordinal in 0..<count {
        part.append(row: row, element: first + ordinal, ordinal: ordinal + 1)
        // One row can make very many.
        if part.rows.count >= max(context.batchRows, 1) { emit(&part, batch, columns, into: &output) }
      }
    }
    emit(&part, batch, columns, into: &output)
  }

  /// Made rows to be emitted: the row each is made of, its place among all elements of the batch (-1: none), its ordinal from 1.
  private struct MadeRows {
    var rows: [Int32] = []
    var elements: [Int32] = []
    var ordinals: [Int32] = []

    mutating func append(row: Int, element: Int, ordinal: Int) {
      rows.append(Int32(truncatingIfNeeded: row))
      elements.append(Int32(truncatingIfNeeded: element))
      ordinals.append(Int32(truncatingIfNeeded: ordinal))
    }
  }

  /// Where a row's elements stand among those of the batch, and how many they are.
  private func range(_ made: Column, _ row: Int) -> (first: Int, count: Int) {
    if made.isNull(row) { return (0, 0) }
    switch (unnest.source, made.values) {
    case (.copies, .fixed): return (0, Int(max(0, made.pointer(Int64.self)[row])))
    case (.elements, .list(let offsets, _)):
      let o = offsets.pointer(Int32.self)
      return (Int(o[row]), Int(o[row + 1] - o[row]))
    default: return (0, 0)
    }
  }

  /// All elements of the batch as columns.
  private func elementColumns(_ made: Column) -> [Column] {
    guard case .elements = unnest.source, case .list(_, let children) = made.values else { return [] }
    guard children.count == 1, case .row = children[0].type else { return children }
    // A row that is null has null fields.
    return children[0].children.map { $0.withValidity(Bitmap.both($0.validity, children[0].validity)) }
  }

  private func emit(_ part: inout MadeRows, _ batch: Batch, _ columns: [Column], into output: inout OperatorOutput) {
    guard !part.rows.isEmpty else { return }
    var result = batch.take(rows: part.rows)
    var added: [Column] = []
    if columns.isEmpty {
      added = unnest.columns.map { .nulls($0.type, count: part.rows.count) }
    } else {
      part.elements.withUnsafeBufferPointer { elements in added = columns.map { $0.take(elements) } }
    }
    if unnest.ordinality != nil {
      let ordinals = Column(type: .int32, count: part.rows.count, values: .fixed(Buffer(part.ordinals)))
      let missing = part.ordinals.contains(0)
      added.append(missing ? ordinals.withValidity(Bitmap(part.ordinals.map { $0 > 0 })) : ordinals)
    }
    if let order = result.order {
      let suffix = KeyEncoder.encode([.int64s(part.ordinals.map { Int64($0) })], rowCount: part.rows.count)
      result.order = .joiningBytes(order, suffix)
    }
    output.emit(result.replacing(schema: schema, columns: result.columns + added))
    part = MadeRows()
  }
}
