import MillraceTypes

extension Parser {
  /// `CREATE MODEL m INPUT (columns) OUTPUT (columns) WITH (options)`, after MODEL.
  mutating func parseCreateModel(isTemporary: Bool) throws(ParseStop) -> SQLStatement.Kind {
    let ifNotExists = try parseIfNotExists()
    var model = SQLCreateModel(name: try parseDeclaredName("the name of the model"), isTemporary: isTemporary, ifNotExists: ifNotExists)
    if take(.input) { model.inputs = try parseModelColumns("INPUT") }
    if take(.output) { model.outputs = try parseModelColumns("OUTPUT") }
    model.comment = try parseComment()
    if at(.as) { throw unsupported("CREATE MODEL ... AS SELECT", hint: "train with `millrace train`, then CREATE MODEL ... WITH") }
    if !at(.with) { throw unexpected("WITH ('provider' = ..., ...) in CREATE MODEL", among: [.input, .output, .with]) }
    model.options = try parseWithOptions()
    return .createModel(model)
  }

  private mutating func parseModelColumns(_ what: String) throws(ParseStop) -> [SQLColumnDefinition] {
    let opening = token
    try expect(.leftParenthesis, "after \(what)")
    var columns: [SQLColumnDefinition] = []
    repeat {
      let column = try recovering(at: opening.depth + 1, stopAtClauses: false) { (p) throws(ParseStop) in
        let start = p.index
        let name = try p.parseName("the name of an \(what) column")
        let type = try p.parseType()
        let comment = try p.parseComment()
        return SQLColumnDefinition(name: name, kind: .physical(type), comment: comment, span: p.span(from: start))
      }
      if let column { columns.append(column) }
    } while take(.comma)
    try expectClosing(opening)
    return columns
  }
}
