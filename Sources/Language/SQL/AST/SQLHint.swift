import MillraceTypes

/// `/*+ NAME(...) */` behind SELECT or behind the name of a table. OPTIONS and STATE_TTL mean something; the others advise a
/// planner.
package struct SQLHint: Sendable, Hashable {
  package var name: Identifier
  /// OPTIONS('key' = 'value', ...), STATE_TTL('table' = '1 d', ...)
  package var options: [SQLOption]
  package var span: SourceSpan

  package var isOptions: Bool { name.text.uppercased() == "OPTIONS" }
  package var isStateTTL: Bool { name.text.uppercased() == "STATE_TTL" }
}
