public import MillraceTypes

/// One thing to tell the author of a SQL text: what is wrong, where, and what would fix it.
public struct SQLDiagnostic: Error, Sendable, Hashable {
  public enum Severity: String, Sendable, Hashable {
    case error
    case warning
  }

  public var severity: Severity
  /// What is wrong, one sentence without a full stop.
  public var message: String
  public var span: SourceSpan
  /// The piece of the source that the span covers, shortened when long.
  public var text: String
  /// What to do, usually the nearest valid choice.
  public var hint: String?

  public init(_ message: String, span: SourceSpan, text: String, hint: String? = nil, severity: Severity = .error) {
    self.severity = severity
    self.message = message
    self.span = span
    self.text = text
    self.hint = hint
  }
}

/// Everything that was found wrong in one SQL text, with that text, so that it can be shown in place.
public struct SQLFailure: Error, Sendable, CustomStringConvertible {
  /// In source order; at least one of them is an error.
  public var diagnostics: [SQLDiagnostic]
  public var source: SQLSource

  public init(diagnostics: [SQLDiagnostic], source: SQLSource) {
    self.diagnostics = diagnostics
    self.source = source
  }

  /// `file:line:column: error: message`, the source line and a caret, for each diagnostic.
  public var description: String { source.render(diagnostics) }
}
