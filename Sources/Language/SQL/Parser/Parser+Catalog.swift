import MillraceTypes

extension Parser {
  // MARK: SHOW

  mutating func parseShow() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    switch token.keyword {
    case .tables: return .show(takeKind(.table))
    case .views: return .show(takeKind(.view))
    case .models: return .show(takeKind(.model))
    case .functions: return .show(takeKind(.function))
    case .columns: return try parseShowColumns()
    case .create: return try parseShowCreate()
    default: break
    }
    if at(.feature), peek().keyword == .views {
      advance()
      return .show(takeKind(.featureView))
    }
    _ = take(.current)
    switch text(token).uppercased() {
    case "CATALOG", "CATALOGS":
      advance()
      return .showNamespaces(.catalog)
    case "DATABASE", "DATABASES":
      advance()
      return .showNamespaces(.database)
    case "JOBS":
      advance()
      return .showJobs
    case "JARS", "MODULES", "PARTITIONS", "PROCEDURES", "USER", "FULL":
      throw unsupported("SHOW \(text(token).uppercased())")
    default:
      throw unexpected(
        "TABLES, VIEWS, FEATURE VIEWS, MODELS, FUNCTIONS, COLUMNS or CREATE after SHOW",
        among: [.tables, .views, .models, .functions, .columns, .create])
    }
  }

  private mutating func takeKind(_ kind: SQLObjectKind) -> SQLObjectKind {
    advance()
    return kind
  }

  /// `SHOW COLUMNS FROM t`
  private mutating func parseShowColumns() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    if !take(.in) { try expect(.from, "after SHOW COLUMNS") }
    let name = try parseObjectName("the name of a table or view")
    if at(.like) || at(.not) { throw unsupported("SHOW COLUMNS ... LIKE") }
    return .describe(name)
  }

  /// `SHOW CREATE TABLE t`
  private mutating func parseShowCreate() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    let kind: SQLObjectKind
    switch token.keyword {
    case .table: kind = .table
    case .view: kind = .view
    case .catalog, .model, .function, .feature: throw unsupported("SHOW CREATE \(token.keyword.rawValue)")
    default: throw unexpected("TABLE or VIEW after SHOW CREATE", among: [.table, .view])
    }
    advance()
    return .showCreate(kind, try parseObjectName("the name of a \(kind.rawValue.lowercased())"))
  }

  // MARK: USE

  mutating func parseUse() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    if take(.catalog) { return .use(.catalog, try parseObjectName("the name of a catalog")) }
    if text(token).uppercased() == "MODULES" { throw unsupported("USE MODULES") }
    _ = take(.database)
    return .use(.database, try parseObjectName("the name of a database"))
  }

  // MARK: ALTER

  mutating func parseAlter() throws(ParseStop) -> SQLStatement.Kind {
    advance()
    let object: SQLObjectKind
    switch token.keyword {
    case .table: object = .table
    case .view: object = .view
    default: throw unsupported("ALTER \(text(token).uppercased())")
    }
    advance()
    var ifExists = false
    if at(.if), peek().keyword == .exists {
      advance()
      advance()
      ifExists = true
    }
    let name = try parseObjectName("the name of a \(object.rawValue.lowercased())")
    return .alter(SQLAlter(object: object, name: name, ifExists: ifExists, change: try parseChange(object)))
  }

  private mutating func parseChange(_ object: SQLObjectKind) throws(ParseStop) -> SQLAlter.Change {
    let word = text(token).uppercased()
    switch word {
    case "RENAME" where peek().keyword == .to:
      advance()
      advance()
      return .rename(try parseObjectName("the new name"))
    case "SET" where object == .table:
      advance()
      return .set(try parseOptionList("after SET"))
    case "RESET" where object == .table:
      advance()
      let opening = token
      try expect(.leftParenthesis, "after RESET")
      var keys: [SQLText] = []
      repeat { keys.append(try parseText("an option's name in quotes")) } while take(.comma)
      try expectClosing(opening)
      return .reset(keys)
    case "AS" where object == .view:
      advance()
      return .query(try parseQuery())
    case "ADD", "DROP", "MODIFY", "RENAME": throw unsupported("ALTER \(object.rawValue) ... \(word)", hint: "DROP it and CREATE it anew")
    default:
      throw unexpected(object == .table ? "RENAME TO, SET or RESET" : "RENAME TO or AS")
    }
  }
}
