import MillraceTypes

/// How CSV is read and written; the names are Flink's, but for `hasHeader`.
public struct CSVOptions: Sendable, Hashable {
  /// One ASCII character.
  public var delimiter: UInt8 = 44
  /// nil when quoting is switched off.
  public var quote: UInt8? = 34
  /// A character that takes the next one literally; nil for none.
  public var escape: UInt8?
  /// Lines that begin with `#` are passed over.
  public var allowsComments = false
  /// A field that cannot be read becomes null, a line that cannot be is left out, instead of an error.
  public var ignoresParseErrors = false
  /// An unquoted field of this text is null.
  public var nullLiteral: String?
  /// The first line names the columns.
  public var hasHeader = false
  public var timestampStyle: TimestampStyle?

  public init() {}

  /// Problems that would make files ambiguous; nil when there is none.
  public var problem: String? {
    func isUnusable(_ byte: UInt8) -> Bool {
      byte >= 0x80 || byte == 10 || byte == 13 || byte == 0 || (byte >= 48 && byte <= 57) || (byte | 0x20 >= 97 && byte | 0x20 <= 122)
        || byte == 46 || byte == 45 || byte == 43
    }
    if isUnusable(delimiter) { return "the field delimiter must be one ASCII character that is no letter, digit, sign or line end" }
    if let quote, isUnusable(quote) { return "the quote character must be one ASCII character that is no letter, digit, sign or line end" }
    if let escape, isUnusable(escape) {
      return "the escape character must be one ASCII character that is no letter, digit, sign or line end"
    }
    if delimiter == quote || delimiter == escape || (quote != nil && quote == escape) {
      return "delimiter, quote and escape characters must differ"
    }
    return nil
  }
}
