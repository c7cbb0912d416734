import MillraceTypes

/// A name as written, without its quotes. Names of tables and columns keep their case; names of functions do not.
package struct Identifier: Sendable, Hashable {
  package var text: String
  package var span: SourceSpan
  package var isQuoted: Bool

  package init(_ text: String, span: SourceSpan, isQuoted: Bool = false) {
    self.text = text
    self.span = span
    self.isQuoted = isQuoted
  }
}

/// A possibly qualified name: `table`, `database.table`, `catalog.database.table`.
package struct ObjectName: Sendable, Hashable {
  /// Never empty.
  package var parts: [Identifier]
  package var span: SourceSpan

  package var text: String { parts.map(\.text).joined(separator: ".") }
}
