import MillraceConnectors
import MillracePlan
import MillraceSQL
import MillraceServer
import MillraceTypes

/// What Tab can put in: keywords, names of the catalog, functions, options and their values, by what stands before.
struct Completer {
  let catalog: Catalog
  let connectors: ConnectorRegistry
  let functions: [String]

  private static let beginnings = [
    "ALTER TABLE", "BEGIN STATEMENT SET", "CLEAR", "CREATE FEATURE VIEW", "CREATE MODEL", "CREATE TABLE", "CREATE TEMPORARY", "CREATE VIEW",
    "DESCRIBE", "DROP TABLE", "DROP VIEW", "EXECUTE STATEMENT SET", "EXIT", "EXPLAIN", "EXPLAIN ANALYZE", "HELP", "INSERT INTO", "QUIT",
    "RESET", "SELECT", "SET", "SHOW", "USE", "VALUES", "WITH",
  ]
  private static let shown = [
    "CATALOGS", "COLUMNS FROM", "CREATE TABLE", "CREATE VIEW", "DATABASES", "FEATURE VIEWS", "FUNCTIONS", "JOBS", "MODELS", "TABLES",
    "VIEWS",
  ]
  private static let formats = ["csv", "json", "parquet"]
  private static let settingValues = [
    "execution.runtime-mode": ["batch", "streaming"], "sql-client.execution.result-mode": ["changelog", "table", "tableau"],
    "table.local-time-zone": ["UTC"],
  ]

  /// - Parameters:
  ///   - text: all that has been typed.
  ///   - before: the part of it before the cursor.
  func complete(_ text: String, before: String) -> LineEditor.Completion {
    if let open = StatementText.openQuote(before) {
      let outside = String(before.dropLast(open.content.count + 1))
      switch open.quote {
      case "'": return matching(open.content, quoted(outside, whole: text).map { $0 + "'" })
      default: return matching(open.content, (relations + columns(text)).map { $0 + String(open.quote) })
      }
    }
    let word = String(before.reversed().prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }.reversed())
    let outside = String(before.dropLast(word.count))
    let tokens = Lexer(SQLSource(outside)).tokens.filter { $0.kind != .end }
    let statement = tokens.suffix(from: (tokens.lastIndex { $0.symbol == .semicolon } ?? -1) + 1)
    if statement.isEmpty { return matching(word, Self.beginnings) }
    let bytes = Array(outside.utf8)
    func name(_ token: Token) -> String {
      let raw = String(decoding: bytes[token.byteOffset..<token.endOffset], as: UTF8.self)
      return token.kind == .quotedName ? String(raw.dropFirst().dropLast()) : raw
    }
    let last = statement[statement.endIndex - 1]
    if last.symbol == .dot, statement.count >= 2 {
      return matching(word, columns(of: name(statement[statement.endIndex - 2]), in: text).map(Self.quotedIfNeeded))
    }
    switch last.keyword {
    case .from, .join, .into, .describe, .desc: return matching(word, relations.map(Self.quotedIfNeeded) + ["TABLE("])
    case .table, .view:
      return matching(word, relations.map(Self.quotedIfNeeded))
    case .show: return matching(word, Self.shown)
    case .model: return matching(word, catalog.models.keys.sorted().map(Self.quotedIfNeeded))
    default: break
    }
    if statement.count == 1, last.keyword == .explain { return matching(word, ["ANALYZE", "INSERT INTO", "PLAN FOR", "SELECT", "WITH"]) }
    if word.isEmpty { return LineEditor.Completion(replaces: 0, candidates: []) }
    let names = (columns(text) + relations).map(Self.quotedIfNeeded)
    let functions = functions.filter { $0.first?.isLetter ?? false }.map { $0 + "(" }
    let keywords = Keyword.allCases.map(\.rawValue).filter { !$0.isEmpty }
    return matching(word, names + functions + keywords)
  }

  /// Those that begin with what is there, whatever the case, sorted, each once. Words in capitals follow a beginning in small letters.
  private func matching(_ beginning: String, _ all: [String]) -> LineEditor.Completion {
    let wanted = beginning.lowercased()
    var seen: Set<String> = []
    var found: [String] = []
    let isLower = !beginning.isEmpty && beginning == wanted && beginning.contains(where: \.isLetter)
    for candidate in all where candidate.lowercased().hasPrefix(wanted) {
      let isWord = candidate == candidate.uppercased() && candidate.contains(where: \.isLetter)
      let text = isLower && isWord && !candidate.hasPrefix(beginning) ? candidate.lowercased() : candidate
      if seen.insert(text).inserted { found.append(text) }
    }
    return LineEditor.Completion(replaces: beginning.count, candidates: found.sorted())
  }

  // MARK: names

  private var relations: [String] { catalog.relationNames }

  private func fields(_ relation: String) -> [String] {
    if let table = catalog.tables[relation] { return table.schema.fields.map(\.name) }
    if let view = catalog.views[relation] { return view.schema.fields.map(\.name) }
    if let view = catalog.featureViews[relation] { return view.keys.map(\.name) + view.features.map(\.field.name) }
    return []
  }

  /// Columns of the relations that a text names.
  private func columns(_ text: String) -> [String] { mentioned(text).flatMap { fields($0.relation) } }

  /// Relations that a text names, with the names they go by there.
  private func mentioned(_ text: String) -> [(relation: String, alias: String)] {
    let tokens = Lexer(SQLSource(text)).tokens
    let bytes = Array(text.utf8)
    let words = tokens.map { token -> String in
      guard token.kind == .word || token.kind == .quotedName else { return "" }
      let raw = String(decoding: bytes[token.byteOffset..<token.endOffset], as: UTF8.self)
      return token.kind == .quotedName ? String(raw.dropFirst().dropLast()) : raw
    }
    let known = Set(relations)
    var found: [(relation: String, alias: String)] = []
    for (index, word) in words.enumerated() where known.contains(word) {
      var next = index + 1
      if next < tokens.count, tokens[next].keyword == .as { next += 1 }
      let isAlias = next < tokens.count && !words[next].isEmpty && tokens[next].keyword == .none
      found.append((word, isAlias ? words[next] : word))
    }
    return found
  }

  private func columns(of name: String, in text: String) -> [String] {
    mentioned(text).filter { $0.alias == name || $0.relation == name }.flatMap { fields($0.relation) }
  }

  private static func quotedIfNeeded(_ name: String) -> String {
    let isPlain = !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } && !(name.first?.isNumber ?? true)
    return isPlain && !Keyword.isReservedName(name) ? name : "`\(name)`"
  }

  // MARK: text in quotes

  /// What may stand in quotes: keys of options and their values.
  private func quoted(_ outside: String, whole: String) -> [String] {
    let tokens = Lexer(SQLSource(outside)).tokens.filter { $0.kind != .end }
    let bytes = Array(outside.utf8)
    func content(_ token: Token) -> String {
      String(decoding: bytes[token.byteOffset..<token.endOffset], as: UTF8.self).filter { $0 != "'" }
    }
    guard let last = tokens.last else { return [] }
    let isSetting = tokens.contains { $0.keyword == .set || $0.keyword == .reset } && !tokens.contains { $0.symbol == .leftParenthesis }
    if last.symbol == .equal, tokens.count >= 2 {
      let key = content(tokens[tokens.count - 2])
      if isSetting { return Self.settingValues[key] ?? [] }
      if key == "connector" { return connectors.names }
      if key == "format" { return Self.formats }
      guard let option = options(of: connector(in: whole)).first(where: { $0.name == key }) else { return [] }
      switch option.kind {
      case .choice(let values): return values
      case .boolean: return ["true", "false"]
      default: return []
      }
    }
    if isSetting { return Session.settingNames }
    guard last.symbol == .leftParenthesis || last.symbol == .comma else { return [] }
    return ["connector"] + options(of: connector(in: whole)).map(\.name).filter { !$0.contains("#") }
  }

  /// The value of `'connector' =` in a text.
  private func connector(in text: String) -> String? {
    let parts = text.components(separatedByQuotes: "'")
    guard let key = parts.lastIndex(of: "connector"), key + 2 < parts.count else { return nil }
    return parts[key + 2]
  }

  private func options(of connector: String?) -> [ConnectorOption] {
    if let connector { return connectors[connector]?.options ?? [] }
    return connectors.names.flatMap { connectors[$0]?.options ?? [] }
  }
}

extension String {
  fileprivate func components(separatedByQuotes quote: Character) -> [String] {
    split(separator: quote, omittingEmptySubsequences: false).map(String.init)
  }
}
