import MillraceColumns
import MillraceTypes

/// A table function as a scalar one: the rows for each row of its arguments as an array, for UNNEST to take apart.
struct TableFunctionRows: UserScalarFunction {
  let function: any UserTableFunction
  var name: String { function.name }

  func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType {
    let schema = try function.schema(of: arguments)
    guard schema.count > 0 else { throw MillraceError(.invalidInput, "its rows have no columns") }
    return .array(Field("element", .row(schema.fields), isNullable: false))
  }

  func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> Column {
    let schema = try function.schema(of: arguments.map(\.type))
    let (rows, parents) = try function.call(arguments, rowCount: rowCount)
    guard parents.count == rows.rowCount, rows.columns.map(\.type) == schema.fields.map(\.type),
      rows.columns.allSatisfy({ $0.count == rows.rowCount })
    else {
      throw MillraceError(
        .invalidInput, "it returned \(rows.rowCount) rows of \(rows.columns.map(\.type.description)) for \(parents.count) parents",
        hint: "return the columns of its schema, and one parent per row")
    }
    var offsets = [Int32](repeating: 0, count: rowCount + 1)
    var last: Int32 = 0
    for parent in parents {
      guard parent >= last, Int(parent) < rowCount else {
        throw MillraceError(.invalidInput, "its parents are not ascending numbers of rows", hint: "give each row the number of its row")
      }
      last = parent
      offsets[Int(parent) + 1] += 1
    }
    for row in 0..<rowCount { offsets[row + 1] += offsets[row] }
    let type = DataType.row(schema.fields)
    let elements = Column(type: type, count: rows.rowCount, values: .fields(rows.columns))
    return Column(
      type: .array(Field("element", type, isNullable: false)), count: rowCount,
      values: .list(offsets: Buffer(offsets), children: [elements]))
  }

  /// The name under which the registry has it, which no query can write.
  static func hiddenName(_ name: String) -> String { "$TABLE " + name.uppercased() }
}
