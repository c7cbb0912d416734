import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  mutating func bindTableFunction(_ call: SQLTableCall) throws(BindStop) -> BoundRelation {
    switch call.name.text.uppercased() {
    case "TUMBLE": return try bindWindow(call, parameters: ["DATA", "TIMECOL", "SIZE", "OFFSET"], required: 3)
    case "HOP": return try bindWindow(call, parameters: ["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"], required: 4)
    case "CUMULATE": return try bindWindow(call, parameters: ["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"], required: 4)
    case "SESSION": return try bindWindow(call, parameters: ["DATA", "TIMECOL", "GAP"], required: 3)
    case "ML_PREDICT": return try bindPredict(call)
    case "ML_EVALUATE", "VECTOR_SEARCH":
      throw unsupported(
        "the table function \(call.name.text.uppercased())", at: call.name.span,
        hint: "there are TUMBLE, HOP, CUMULATE, SESSION and ML_PREDICT")
    default:
      throw fail(
        "no table function is named \(call.name.text)", at: call.name.span,
        hint: didYouMean(call.name.text, among: ["TUMBLE", "HOP", "CUMULATE", "SESSION", "ML_PREDICT"]))
    }
  }

  /// Arguments by parameter, given in order or as `NAME => value`.
  mutating func arranged(
    _ call: SQLTableCall, _ parameters: [String], required: Int
  ) throws(BindStop) -> [SQLTableArgument?] {
    var result: [SQLTableArgument?] = Array(repeating: nil, count: parameters.count)
    let function = call.name.text.uppercased()
    for (index, argument) in call.arguments.enumerated() {
      var place = index
      if let name = argument.name {
        guard let position = parameters.firstIndex(of: name.text.uppercased()) else {
          throw fail(
            "\(function) has no parameter \(name.text)", at: name.span,
            hint: didYouMean(name.text, among: parameters) ?? "there are \(parameters.joined(separator: ", "))")
        }
        place = position
      }
      guard place < parameters.count else {
        throw fail("\(function) takes at most \(parameters.count) arguments: \(parameters.joined(separator: ", "))", at: argument.span)
      }
      if result[place] != nil { throw fail("the parameter \(parameters[place]) is given twice", at: argument.span) }
      result[place] = argument
    }
    for place in 0..<required where result[place] == nil {
      throw fail("\(function) needs \(parameters[place])", at: call.span, hint: "its arguments are \(parameters.joined(separator: ", "))")
    }
    return result
  }

  /// The relation of a `TABLE t` or `(SELECT ...)` argument, and what it is partitioned by.
  mutating func bindInput(
    _ argument: SQLTableArgument?, _ function: String, at span: SourceSpan, mayPartition: Bool = false
  ) throws(BindStop) -> (relation: BoundRelation, partitionBy: [SQLExpression]) {
    let (partitionBy, orderBy): ([SQLExpression], [SQLSortItem]) =
      switch argument?.value {
      case .table(_, let partitionBy, let orderBy)?, .query(_, let partitionBy, let orderBy)?: (partitionBy, orderBy)
      default: ([], [])
      }
    if let key = orderBy.first?.expression {
      throw unsupported("ORDER BY in \(function)", at: key.span, hint: "rows are taken in the order of their event time anyway")
    }
    if let key = partitionBy.first, !mayPartition {
      throw fail(
        "\(function) takes no PARTITION BY", at: key.span,
        hint: function == "ML_PREDICT" ? nil : "its windows are the same for every key; name the key in GROUP BY")
    }
    switch argument?.value {
    case .table(let name, _, _)?: return (try bindNamed(name), partitionBy)
    case .query(let query, _, _)?: return (try bind(query), partitionBy)
    default:
      throw fail("the first argument of \(function) must be a table", at: argument?.span ?? span, hint: "write TABLE t or (SELECT ...)")
    }
  }

  mutating func descriptor(_ argument: SQLTableArgument?, _ function: String, at span: SourceSpan) throws(BindStop) -> [Identifier] {
    guard case .descriptor(let names)? = argument?.value else {
      throw fail("\(function) names columns as DESCRIPTOR(...)", at: argument?.span ?? span, hint: "write DESCRIPTOR(column)")
    }
    return names
  }

  mutating func column(_ name: Identifier, _ relation: BoundRelation) throws(BindStop) -> Int {
    let matches = relation.columns.indices.filter { relation.columns[$0].name == name.text }
    if matches.count == 1 { return matches[0] }
    if matches.count > 1 { throw fail("the column \(name.text) is ambiguous", at: name.span) }
    let names = relation.columns.map(\.name)
    throw fail(
      "no column is named \(name.text) in the table", at: name.span,
      hint: didYouMean(name.text, among: names) ?? "there is \(names.prefix(8).joined(separator: ", "))")
  }

  // MARK: ML_PREDICT

  /// `ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(columns))`: the columns go to the model's inputs in order.
  private mutating func bindPredict(_ call: SQLTableCall) throws(BindStop) -> BoundRelation {
    let arguments = try arranged(call, ["INPUT", "MODEL", "ARGS", "CONFIG"], required: 3)
    if let config = arguments[3] { throw unsupported("the options of ML_PREDICT", at: config.span, hint: "leave them out") }
    let input = try bindInput(arguments[0], "ML_PREDICT", at: call.span).relation
    guard case .model(let name)? = arguments[1]?.value else {
      throw fail("the second argument of ML_PREDICT must be a model", at: arguments[1]?.span ?? call.span, hint: "write MODEL m")
    }
    let text = try relationName(name)
    if broken.contains(text) { throw BindStop() }
    guard let model = catalog.models[text] else {
      throw fail(
        "no model is named \(text)", at: name.span,
        hint: didYouMean(text, among: catalog.models.keys.sorted()) ?? "CREATE MODEL it first")
    }
    let names = try descriptor(arguments[2], "ML_PREDICT", at: call.span)
    guard names.count == model.inputs.count else {
      throw fail(
        "the model \(text) takes \(counted(model.inputs.count, "input")), but DESCRIPTOR names \(counted(names.count, "column"))",
        at: arguments[2]?.span ?? call.span,
        hint: "its inputs are \(model.inputs.map(\.name).joined(separator: ", "))")
    }
    var values: [Expression] = []
    var failed = false
    for (name, field) in zip(names, model.inputs) {
      do throws(BindStop) {
        let index = try column(name, input)
        let value = Expression.column(index, input.plan.schema.fields[index])
        do throws(MillraceError) { values.append(try modelInput(value, field)) } catch {
          throw fail(
            "the model's input \(field.name) has type \(field.type), but \(name.text) has type \(value.type)", at: name.span,
            hint: error.hint)
        }
      } catch { failed = true }
    }
    if failed { throw BindStop() }
    let plan = LogicalPlan.predict(Predict(input: input.plan, model: model, arguments: values))
    return BoundRelation(plan, qualifier: nil, height: input.height + 1)
  }

  private func modelInput(_ value: Expression, _ field: Field) throws(MillraceError) -> Expression {
    // Models take numbers; a flag is 0 or 1.
    if value.type == .boolean, field.type.isNumeric { return try registry.cast(value, to: field.type) }
    return try registry.assign(value, to: field.type)
  }
}
