import MillraceTypes

/// `/*+ NAME(...) */` behind SELECT or behind the name of a table. Only OPTIONS means something; the others advise a planner.
package struct SQLHint: Sendable, Hashable {
  package var name: Identifier
  /// OPTIONS('key' = 'value', ...)
  package var options: [SQLOption]
  package var span: SourceSpan

  package var isOptions: Bool { name.text.uppercased() == "OPTIONS" }
}
