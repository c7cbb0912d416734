public import MillracePlan
public import MillraceTypes

/// A statement after names and types were checked, ready for whoever runs it.
public struct BoundStatement: Sendable {
  public enum Kind: Sendable {
    /// CREATE and DROP: the catalog has changed already; the text says how, e.g. `created table ratings`.
    case changed(String)
    /// `SET 'key' = 'value'`
    case set(key: String, value: String)
    /// A bare SET: show all options.
    case showOptions
    /// `RESET 'key'`; nil resets all.
    case reset(key: String?)
    /// INSERT INTO, or a statement set: one job of one or more sinks.
    case insert(JobPlan)
    /// A bare query: one output without a table.
    case query(JobPlan)
    case explain(JobPlan)
    /// EXPLAIN ANALYZE: run it, for so long at most, and say what its operators did.
    case analyze(JobPlan, limitMillis: Int64?)
    case describe(name: String, Schema)
    /// SHOW CREATE: a text to be shown as it is.
    case showText(String)
    /// The names that a SHOW lists, sorted.
    case show([String])
    /// The jobs that the session has run.
    case showJobs
  }

  public var kind: Kind
  public var span: SourceSpan

  public init(kind: Kind, span: SourceSpan) {
    self.kind = kind
    self.span = span
  }
}
