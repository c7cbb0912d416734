import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// What expressions read of their input: whole columns, or single fields of ROW columns, at any depth.
///
/// A filter that gathers only these copies two columns for `WHERE ... SELECT bid.auction, bid.price`, not all of `bid`.
struct FieldReads {
  /// A column's position, then the position of a field in it, and so on.
  private let paths: [[Int]]
  /// Per path, the ROW column (or field) that it is a field of, by position in `owners`; nil for a whole column.
  private let ownerOf: [Int?]
  private let owners: [[Int]]
  /// One field per path.
  let schema: Schema
  /// The expressions over `schema`.
  let expressions: [Expression]

  init(_ expressions: [Expression], schema input: Schema) {
    var paths: [[Int]] = []
    var fields: [Field] = []
    func rewritten(_ expression: Expression) -> Expression {
      if let path = Self.path(expression) {
        let place = paths.firstIndex(of: path) ?? paths.count
        if place == paths.count {
          paths.append(path)
          fields.append(Field(Self.name(path, input), expression.type, isNullable: expression.isNullable))
        }
        return Expression(.column(place), type: expression.type, isNullable: expression.isNullable)
      }
      let operands = expression.operands
      return operands.isEmpty ? expression : expression.withOperands(operands.map(rewritten))
    }
    self.expressions = expressions.map(rewritten)
    self.paths = paths
    schema = Schema(fields)
    var owners: [[Int]] = []
    ownerOf = paths.map { path in
      guard path.count > 1 else { return nil }
      let owner = Array(path.dropLast())
      if let place = owners.firstIndex(of: owner) { return place }
      owners.append(owner)
      return owners.count - 1
    }
    self.owners = owners
  }

  private static func path(_ expression: Expression) -> [Int]? {
    switch expression.kind {
    case .column(let index): return [index]
    case .field(let operand, let index):
      guard case .row = operand.type else { return nil }
      return path(operand).map { $0 + [index] }
    default: return nil
    }
  }

  private static func name(_ path: [Int], _ schema: Schema) -> String {
    var field = schema.fields[path[0]]
    var name = field.name
    for index in path.dropFirst() {
      guard case .row(let fields) = field.type, index < fields.count else { break }
      field = fields[index]
      name += "." + field.name
    }
    return name
  }

  /// The selected rows, with one column per path; hidden columns go along.
  ///
  /// A field's own values are gathered as they lie; whether its ROW is null is gathered once per ROW, and forgotten when none is.
  func apply(_ selection: Selection, to batch: Batch) -> Batch {
    var columns: [Column] = []
    for (place, path) in paths.enumerated() {
      columns.append(Self.column(path, batch) ?? .nulls(schema.fields[place].type, count: batch.rowCount))
    }
    var validities: [Bitmap?] = []
    for owner in owners { validities.append(Self.validity(owner, batch)) }
    // The validities travel as columns, so that rows are gathered in one place.
    let carried = validities.compactMap { $0 }.map { Column(type: .boolean, count: batch.rowCount, values: .bits($0)) }
    let narrow = batch.replacing(schema: schema, columns: columns + carried)
    var rows = selection.apply(to: narrow)
    var next = columns.count
    let taken = validities.map { validity -> Bitmap? in
      guard validity != nil else { return nil }
      defer { next += 1 }
      let bits = rows.columns[next].bits
      return bits.setCount == rows.rowCount ? nil : bits
    }
    rows.columns = columns.indices.map { place in
      let column = rows.columns[place]
      guard let owner = ownerOf[place], let validity = taken[owner] else { return column }
      return column.withValidity(Bitmap.both(validity, column.validity))
    }
    return rows
  }

  /// The values of a path, without the nulls of its ROW; nil when the ROW has no values at all.
  private static func column(_ path: [Int], _ batch: Batch) -> Column? {
    var column = batch.columns[path[0]]
    for index in path.dropFirst() {
      guard index < column.children.count else { return nil }
      column = column.children[index]
    }
    return column
  }

  /// Rows in which a ROW and all that it is a field of are not null; nil for all rows.
  private static func validity(_ path: [Int], _ batch: Batch) -> Bitmap? {
    var column = batch.columns[path[0]]
    var valid = column.validity
    for index in path.dropFirst() {
      guard index < column.children.count else { break }
      column = column.children[index]
      valid = Bitmap.both(valid, column.validity)
    }
    return valid
  }
}
