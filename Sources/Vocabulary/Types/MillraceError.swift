/// Any failure that a user or a caller can meet. Our own broken invariants trap instead.
public struct MillraceError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is; new codes may be added at any time.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    public let description: String
    public init(_ name: String) { description = name }
    public static let invalidInput = Code("invalid-input")
    public static let invalidOption = Code("invalid-option")
    public static let invalidSQL = Code("invalid-sql")
    public static let notSupported = Code("not-supported")
    public static let malformedRow = Code("malformed-row")
    public static let fileFailed = Code("file-failed")
    public static let libraryMissing = Code("library-missing")
    public static let modelMismatch = Code("model-mismatch")
    public static let checkpointInvalid = Code("checkpoint-invalid")
    public static let arithmetic = Code("arithmetic")
    public static let cancelled = Code("cancelled")
    public static let lookupTimedOut = Code("lookup-timed-out")
  }

  public var code: Code
  /// What failed, one sentence.
  public var message: String
  /// Where: file and line, table, option, SQL span.
  public var subject: String?
  /// What to do next, as an instruction.
  public var hint: String?
  /// Decided where it is thrown; true when the same call may succeed later.
  public var isRetryable: Bool

  public init(_ code: Code, _ message: String, subject: String? = nil, hint: String? = nil, isRetryable: Bool = false) {
    self.code = code
    self.message = message
    self.subject = subject
    self.hint = hint
    self.isRetryable = isRetryable
  }

  /// An error for what is planned but not built.
  public static func notSupported(_ what: String, subject: String? = nil, hint: String? = nil) -> MillraceError {
    MillraceError(.notSupported, "not supported yet: \(what)", subject: subject, hint: hint)
  }

  public var description: String {
    var text = subject.map { "\($0): \(message)" } ?? message
    if let hint { text += "\n  hint: \(hint)" }
    return text
  }
}
