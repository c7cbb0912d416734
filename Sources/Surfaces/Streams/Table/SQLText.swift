import MillraceTypes

/// Pieces of SQL text. The relational layer writes its operations in SQL and has them bound, so that names, types, coercions and errors
/// are those of SQL and exist once.
enum SQLText {
  /// What the table that an operation is applied to is called in its text.
  static let this = "this"
  /// The other table of a join or set operation.
  static let other = "other"

  /// A name in backticks.
  static func name(_ name: String) -> String { "`" + name.replacing("`", with: "``") + "`" }

  static func literal(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }

  /// An interval of whole milliseconds.
  ///
  /// - Throws: `invalidOption` for spans that SQL cannot write.
  static func interval(_ span: Duration) throws(MillraceError) -> String {
    let micros = span.micros
    guard micros % 1000 == 0, micros > Int64.min else {
      throw MillraceError(.invalidOption, "a span of \(span) has parts of a millisecond", hint: "intervals are whole milliseconds")
    }
    let millis = micros / 1000
    let units: [(name: String, millis: Int64)] = [("DAY", 86_400_000), ("HOUR", 3_600_000), ("MINUTE", 60_000), ("SECOND", 1000)]
    for unit in units where millis != 0 && millis % unit.millis == 0 { return "INTERVAL '\(millis / unit.millis)' \(unit.name)" }
    return "INTERVAL '\(millis)' MILLISECOND"
  }
}
