import MillraceEnvironment
import MillraceFormats
import MillracePlan
import MillraceTypes

/// `'connector' = 'filesystem'`: files of JSON lines, CSV or Parquet, options under Flink's names.
///
/// A source reads one file, or every regular file of a folder whose name begins with neither `.` nor `_`, in order of name; each is a
/// split. A sink writes part files into a folder; see `FileSink`.
public struct FilesystemConnector: ConnectorFactory {
  public init() {}
  public let name = "filesystem"

  public let options: [ConnectorOption] = [
    ConnectorOption("path", .text, "the file or folder, or its file:// URL"),
    ConnectorOption("format", .choice(["json", "csv", "parquet"]), "how rows are stored"),
    ConnectorOption("order.by", .text, "columns, separated by commas, that order rows of one instant"),
    ConnectorOption("order.rank", .integer, "tables of a lower rank come first within one instant"),
    ConnectorOption("late-rows.path", .text, "folder to which late rows are written as JSON"),
    ConnectorOption("source.rows-per-second", .number, "read no faster than this, per file"),
    ConnectorOption("source.monitor-interval", .duration, "how often to look for new files"),
    ConnectorOption("sink.rolling-policy.file-size", .byteCount, "begin a new part file from this size on (128 mb)"),
    ConnectorOption("sink.rolling-policy.rollover-interval", .duration, "begin a new part file after this time"),
    ConnectorOption("sink.rolling-policy.check-interval", .duration, "accepted; part files are checked at every batch"),
    ConnectorOption("json.ignore-parse-errors", .boolean, "what cannot be read becomes null or is left out"),
    ConnectorOption("json.fail-on-missing-field", .boolean, "a missing field is an error instead of null"),
    ConnectorOption("json.timestamp-format.standard", .choice(["SQL", "ISO-8601"]), "the form of timestamps; both are read when unset"),
    ConnectorOption("json.encode.ignore-null-fields", .boolean, "leave fields that are null out when writing"),
    ConnectorOption("json.encode.decimal-as-plain-number", .boolean, "accepted; decimals are always plain"),
    ConnectorOption("json.map-null-key.mode", .choice(["FAIL"]), "keys of maps are never null"),
    ConnectorOption("csv.field-delimiter", .text, "the character between fields (,)"),
    ConnectorOption("csv.quote-character", .text, "the character around fields (\")"),
    ConnectorOption("csv.disable-quote-character", .boolean, "quotes have no meaning"),
    ConnectorOption("csv.escape-character", .text, "the character that takes the next one literally"),
    ConnectorOption("csv.allow-comments", .boolean, "lines that begin with # are passed over"),
    ConnectorOption("csv.ignore-parse-errors", .boolean, "what cannot be read becomes null or is left out"),
    ConnectorOption("csv.null-literal", .text, "text that stands for null"),
    ConnectorOption("csv.header", .boolean, "the first line names the columns"),
    ConnectorOption("csv.timestamp-format.standard", .choice(["SQL", "ISO-8601"]), "the form of timestamps; both are read when unset"),
    ConnectorOption("parquet.compression", .choice(["SNAPPY", "ZSTD", "GZIP", "LZ4", "UNCOMPRESSED"]), "of written files (ZSTD)"),
    ConnectorOption("parquet.row-group-rows", .integer, "rows per row group of written files"),
  ]

  public func check(_ options: ConnectorOptions) throws(MillraceError) {
    _ = try options.required("path", example: "data/events.json")
    let format = try options.required("format", example: "json")
    for key in options.table.options.keys.sorted() {
      for other in ["json", "csv", "parquet"] where other != format && key.hasPrefix(other + ".") {
        throw options.invalid(key, "is for another format than '\(format)'", hint: "leave it out or set 'format' = '\(other)'")
      }
    }
    if options.text("source.monitor-interval") != nil {
      throw MillraceError.notSupported(
        "watching a folder for new files ('source.monitor-interval')", subject: "table \(options.table.name)",
        hint: "leave the option out: the files that are there at the start are read to their end")
    }
    if let rate = options.number("source.rows-per-second"), rate <= 0 {
      throw options.invalid("source.rows-per-second", "must be above zero")
    }
    if let rank = options.integer("order.rank"), rank < -128 || rank > 127 {
      throw options.invalid("order.rank", "must be from -128 to 127")
    }
    _ = try RowStamper.orderColumns(of: options.table)
    if format == "csv" { _ = try csvOptions(options) }
  }

  public func makeSource(_ request: SourceRequest, _ options: ConnectorOptions) throws(MillraceError) -> any SourceConnector {
    FileSource(
      request: request, path: try path(options), format: try format(options), rowsPerSecond: options.number("source.rows-per-second"))
  }

  public func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink {
    FileSink(
      request: request, folder: try path(options), format: try format(options),
      rollBytes: options.byteCount("sink.rolling-policy.file-size") ?? 128 << 20,
      rollMicros: options.durationMicros("sink.rolling-policy.rollover-interval"))
  }

  private func path(_ options: ConnectorOptions) throws(MillraceError) -> String {
    var path = FilePath.path(fromURL: try options.required("path", example: "data/events.json"))
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private func style(_ text: String?) -> TimestampStyle? { text.map { $0 == "SQL" ? .sql : .iso8601 } }

  private func format(_ options: ConnectorOptions) throws(MillraceError) -> FileFormat {
    switch try options.required("format", example: "json") {
    case "csv": return .csv(try csvOptions(options))
    case "parquet":
      var parquet = ParquetOptions()
      parquet.compression = options.text("parquet.compression").flatMap(ParquetOptions.Compression.init(flinkName:)) ?? .zstd
      parquet.rowGroupRows = options.integer("parquet.row-group-rows") ?? 0
      return .parquet(parquet)
    default:
      var json = JSONOptions()
      json.ignoresParseErrors = options.boolean("json.ignore-parse-errors") ?? false
      json.failsOnMissingField = options.boolean("json.fail-on-missing-field") ?? false
      json.omitsNullFields = options.boolean("json.encode.ignore-null-fields") ?? false
      json.timestampStyle = style(options.text("json.timestamp-format.standard"))
      if json.ignoresParseErrors && json.failsOnMissingField {
        throw options.invalid("json.fail-on-missing-field", "contradicts 'json.ignore-parse-errors' = 'true'", hint: "keep one of them")
      }
      return .json(json)
    }
  }

  private func csvOptions(_ options: ConnectorOptions) throws(MillraceError) -> CSVOptions {
    var csv = CSVOptions()
    if let delimiter = try character("csv.field-delimiter", options) { csv.delimiter = delimiter }
    if let quote = try character("csv.quote-character", options) { csv.quote = quote }
    if options.boolean("csv.disable-quote-character") == true { csv.quote = nil }
    csv.escape = try character("csv.escape-character", options)
    csv.allowsComments = options.boolean("csv.allow-comments") ?? false
    csv.ignoresParseErrors = options.boolean("csv.ignore-parse-errors") ?? false
    csv.nullLiteral = options.text("csv.null-literal")
    csv.hasHeader = options.boolean("csv.header") ?? false
    csv.timestampStyle = style(options.text("csv.timestamp-format.standard"))
    if let problem = csv.problem {
      throw MillraceError(.invalidOption, problem, subject: "table \(options.table.name)", hint: "correct the csv.* options")
    }
    return csv
  }

  /// One ASCII character; `\t` and `\\` may be written out, as Flink allows.
  private func character(_ key: String, _ options: ConnectorOptions) throws(MillraceError) -> UInt8? {
    guard let text = options.text(key) else { return nil }
    switch text {
    case "\\t": return 9
    case "\\\\": return 92
    default:
      let bytes = Array(text.utf8)
      guard bytes.count == 1, bytes[0] < 0x80 else { throw options.invalid(key, "is not one ASCII character") }
      return bytes[0]
    }
  }
}

/// A file format with its options.
enum FileFormat: Sendable {
  case json(JSONOptions)
  case csv(CSVOptions)
  case parquet(ParquetOptions)

  /// The ending of written files.
  var fileExtension: String {
    switch self {
    case .json: "json"
    case .csv: "csv"
    case .parquet: "parquet"
    }
  }

  var ignoresParseErrors: Bool {
    switch self {
    case .json(let options): options.ignoresParseErrors
    case .csv(let options): options.ignoresParseErrors
    case .parquet: false
    }
  }
}
