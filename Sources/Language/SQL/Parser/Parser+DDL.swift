import MillraceTypes

extension Parser {
  mutating func parseCreate() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    if at(.or), peek().keyword == .replace { throw unsupported("CREATE OR REPLACE", hint: "DROP it first, then CREATE it") }
    let isTemporary = take(.temporary)
    if isTemporary, at(.system) { throw unsupported("CREATE TEMPORARY SYSTEM FUNCTION") }
    switch token.keyword {
    case .table:
      advance()
      return try parseCreateTable(isTemporary: isTemporary)
    case .view:
      advance()
      return try parseCreateView(isTemporary: isTemporary)
    case .model:
      advance()
      return try parseCreateModel(isTemporary: isTemporary)
    case .feature:
      advance()
      try expect(.view, "after CREATE FEATURE")
      return try parseCreateFeatureView(isTemporary: isTemporary)
    case .function, .catalog, .database: throw unsupported("CREATE \(token.keyword.rawValue)")
    default:
      throw unexpected("TABLE, VIEW, FEATURE VIEW or MODEL after CREATE", among: [.table, .view, .feature, .model, .temporary])
    }
  }

  mutating func parseIfNotExists() throws(ParseStop) -> Bool {
    guard at(.if), peek().keyword == .not else { return false }
    advance()
    advance()
    try expect(.exists, "after IF NOT")
    return true
  }

  mutating func parseDeclaredName(_ what: String) throws(ParseStop) -> ObjectName {
    let name = try parseObjectName(what)
    declaredName = name.text
    return name
  }

  mutating func parseComment() throws(ParseStop) -> String? {
    take(.comment) ? try parseText("the comment in quotes").text : nil
  }

  // MARK: CREATE TABLE

  private mutating func parseCreateTable(isTemporary: Bool) throws(ParseStop) -> SQLStatement.Kind {
    let ifNotExists = try parseIfNotExists()
    var table = SQLCreateTable(name: try parseDeclaredName("the name of the table"), isTemporary: isTemporary, ifNotExists: ifNotExists)
    if at(.leftParenthesis) {
      let opening = token
      advance()
      repeat {
        _ = try recovering(at: opening.depth + 1, stopAtClauses: false) { (p) throws(ParseStop) in
          try p.parseTableElement(into: &table)
        }
      } while take(.comma)
      try expectClosing(opening)
    }
    table.comment = try parseComment()
    if take(.partitioned) {
      try expect(.by, "after PARTITIONED")
      table.partitionedBy = try parseNameList("PARTITIONED BY")
    }
    if at(.with) { table.options = try parseWithOptions() }
    if take(.like) { table.like = try parseLike() }
    if take(.as) { table.query = try parseQuery() }
    return .createTable(table)
  }

  /// `t (INCLUDING ALL, OVERWRITING OPTIONS)`, the commas being optional as Flink has none.
  private mutating func parseLike() throws(ParseStop) -> SQLTableLike {
    var like = SQLTableLike(source: try parseObjectName("the name of a table after LIKE"))
    guard at(.leftParenthesis) else { return like }
    let opening = token
    advance()
    while !at(.rightParenthesis) {
      guard let strategy = SQLTableLike.Strategy(rawValue: text(token).uppercased()) else {
        throw unexpected("INCLUDING, EXCLUDING or OVERWRITING")
      }
      advance()
      guard let feature = SQLTableLike.Feature(rawValue: text(token).uppercased()) else {
        throw unexpected("one of \(SQLTableLike.Feature.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      let canOverwrite: Set<SQLTableLike.Feature> = [.generated, .metadata, .options, .watermarks]
      if strategy == .overwriting, !canOverwrite.contains(feature) {
        report("\(feature.rawValue) can be included or excluded, not overwritten", at: token.span)
      }
      if like.strategies.updateValue(strategy, forKey: feature) != nil {
        report("\(feature.rawValue) is given twice", at: token.span, hint: "keep one of them")
      }
      advance()
      _ = take(.comma)
    }
    try expectClosing(opening)
    return like
  }

  private mutating func parseTableElement(into table: inout SQLCreateTable) throws(ParseStop) {
    let start = index
    if at(.watermark), peek().keyword == .for {
      advance()
      advance()
      let column = try parseName("the event-time column of the watermark")
      if at(.dot) { throw unsupported("a WATERMARK for a nested field", hint: "compute it: `name AS \(column.text).field`") }
      try expect(.as, "after the watermark's column")
      let watermark = SQLWatermark(column: column, expression: try parseExpression(), span: span(from: start))
      if let first = table.watermark {
        report("a second WATERMARK; the first is on line \(first.span.line)", at: watermark.span, hint: "a table has one")
      }
      table.watermark = watermark
    } else if at(.constraint) || (at(.primary) && peek().keyword == .key) || (at(.unique) && peek().symbol == .leftParenthesis) {
      if at(.constraint) {
        advance()
        _ = try parseName("the name of the constraint")
      }
      if at(.unique) { throw unsupported("UNIQUE constraints", hint: "declare PRIMARY KEY (...) NOT ENFORCED") }
      try expect(.primary, "in a constraint")
      try expect(.key, "after PRIMARY")
      table.primaryKey = try parseNameList("PRIMARY KEY")
      try parseNotEnforced()
    } else {
      table.columns.append(try parseColumn(into: &table))
    }
  }

  private mutating func parseNotEnforced() throws(ParseStop) {
    guard at(.not), peek().keyword == .enforced else {
      report(
        "a PRIMARY KEY must be NOT ENFORCED", at: token.span,
        hint: "write PRIMARY KEY (...) NOT ENFORCED: Millrace trusts the data and does not check it")
      _ = take(.enforced)
      return
    }
    advance()
    advance()
  }

  private mutating func parseColumn(into table: inout SQLCreateTable) throws(ParseStop) -> SQLColumnDefinition {
    let start = index
    let name = try parseName("the name of a column")
    if take(.as) {
      let expression = try parseExpression()
      let comment = try parseComment()
      return SQLColumnDefinition(name: name, kind: .computed(expression), comment: comment, span: span(from: start))
    }
    let type = try parseType()
    if at(.metadata) {
      throw unsupported("METADATA columns", at: span(from: start), hint: "leave '\(name.text)' out")
    }
    var comment: String?
    while true {
      if at(.primary), peek().keyword == .key {
        advance()
        advance()
        table.primaryKey = [name]
        try parseNotEnforced()
      } else if at(.comment) {
        comment = try parseComment()
      } else if at(.default) {
        throw unsupported("DEFAULT values of table columns")
      } else {
        break
      }
    }
    return SQLColumnDefinition(name: name, kind: .physical(type), comment: comment, span: span(from: start))
  }

  // MARK: CREATE VIEW, DROP

  private mutating func parseCreateView(isTemporary: Bool) throws(ParseStop) -> SQLStatement.Kind {
    let ifNotExists = try parseIfNotExists()
    let name = try parseDeclaredName("the name of the view")
    let columns = at(.leftParenthesis) ? try parseViewColumns() : []
    let comment = try parseComment()
    try expect(.as, "and a query in CREATE VIEW")
    let query: SQLQuery
    do {
      query = try parseQuery()
    } catch {
      // The name stays known, so that its uses are not reported as well.
      while !isAtStatementEnd { advance() }
      query = SQLQuery(body: .invalid, span: token.span)
    }
    return .createView(
      SQLCreateView(
        name: name, isTemporary: isTemporary, ifNotExists: ifNotExists, columns: columns, comment: comment, query: query))
  }

  private mutating func parseViewColumns() throws(ParseStop) -> [Identifier] {
    let opening = token
    advance()
    var names: [Identifier] = []
    repeat {
      names.append(try parseName("the name of a view's column"))
      _ = try parseComment()
    } while take(.comma)
    try expectClosing(opening)
    return names
  }

  mutating func parseDrop() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    _ = take(.temporary)
    let object: SQLObjectKind
    switch token.keyword {
    case .table: object = .table
    case .view: object = .view
    case .model: object = .model
    case .feature where peek().keyword == .view:
      advance()
      object = .featureView
    case .function, .catalog, .database, .system: throw unsupported("DROP \(token.keyword.rawValue)")
    default: throw unexpected("TABLE, VIEW, FEATURE VIEW or MODEL after DROP", among: [.table, .view, .feature, .model])
    }
    advance()
    var ifExists = false
    if at(.if) {
      advance()
      try expect(.exists, "after IF")
      ifExists = true
    }
    return .drop(SQLDrop(object: object, name: try parseObjectName("the name to drop"), ifExists: ifExists))
  }
}
