import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

extension Binder {
  mutating func createFeatureView(_ view: SQLCreateFeatureView) throws(BindStop) -> BoundStatement.Kind {
    let name = try newRelationName(view.name, ifNotExists: view.ifNotExists)
    guard let name else { return .changed("feature view \(view.name.text) exists already") }
    try requireDistinct(view.keys)
    var branches: [BoundBranch] = []
    var failed = false
    for branch in view.branches {
      do throws(BindStop) { branches.append(try bindBranch(branch, view)) } catch { failed = true }
    }
    if failed { throw BindStop() }
    let keys = try commonKeys(&branches, view)
    var definition = FeatureViewDefinition(name: name, keys: keys, branches: branches.map(\.branch), features: [])
    var base = 0
    var taken: Set<String> = Set(keys.map(\.name))
    for branch in branches {
      for feature in branch.features {
        guard taken.insert(feature.field.name).inserted else {
          throw fail("two columns of the feature view are named \(feature.field.name)", at: feature.span, hint: "rename one with AS")
        }
        let offset = base
        definition.features.append(
          FeatureViewDefinition.Feature(
            field: feature.field,
            expression: feature.expression.mappingColumns { $0 - ExpressionScope.aggregateBase + offset },
            defaultValue: feature.defaultValue))
      }
      base += branch.branch.aggregates.count
    }
    catalog.featureViews[name] = definition
    return .changed("created feature view \(name)")
  }

  private struct BoundFeature {
    var field: Field
    var expression: Expression
    var defaultValue: Expression?
    var span: SourceSpan
  }

  private struct BoundBranch {
    var branch: FeatureViewDefinition.Branch
    var features: [BoundFeature]
    var keySpan: SourceSpan
  }

  private mutating func bindBranch(_ branch: SQLFeatureBranch, _ view: SQLCreateFeatureView) throws(BindStop) -> BoundBranch {
    guard let from = branch.from else { throw BindStop() }
    let relation = try bind(from)
    guard relation.plan.hasEventTime else {
      throw fail(
        "a feature view needs a stream with event time", at: from.span,
        hint: "declare WATERMARK FOR <column> AS <column> - INTERVAL '1' SECOND on the table")
    }
    if relation.plan.isUpdating { throw unsupported("a feature view over rows that may be retracted", at: from.span) }
    var failed = false
    var filter: Expression?
    if let condition = branch.filter {
      var scope = ExpressionScope(relation.columns, aggregates: .refused("in WHERE"), plan: relation.plan)
      do throws(BindStop) { filter = try bindCondition(condition, "WHERE", &scope) } catch { failed = true }
    }
    var keys: [Expression] = []
    do throws(BindStop) { keys = try bindKeys(branch, view, relation) } catch { failed = true }
    var scope = ExpressionScope(relation.columns, aggregates: .windowed, plan: relation.plan)
    var features: [BoundFeature] = []
    for item in branch.items {
      do throws(BindStop) { features.append(try bindFeature(item, &scope)) } catch { failed = true }
    }
    if failed { throw BindStop() }
    let bound = FeatureViewDefinition.Branch(input: relation.plan, keys: keys, filter: filter, aggregates: scope.windowed)
    return BoundBranch(branch: bound, features: features, keySpan: branch.key?.first?.span ?? branch.span)
  }

  /// The stream's columns that hold the view's keys: those of KEY (...), else those of the keys' own names.
  private mutating func bindKeys(
    _ branch: SQLFeatureBranch, _ view: SQLCreateFeatureView, _ relation: BoundRelation
  ) throws(BindStop) -> [Expression] {
    let names = branch.key ?? view.keys
    guard names.count == view.keys.count else {
      throw fail(
        "the view is keyed by \(counted(view.keys.count, "column")), KEY names \(names.count)", at: names.first?.span ?? branch.span,
        hint: "name as many as KEYED BY has")
    }
    var keys: [Expression] = []
    var failed = false
    for name in names {
      do throws(BindStop) {
        let columns = relation.columns
        let matches = columns.indices.filter { columns[$0].name == name.text && !columns[$0].isShadowed }
        if matches.count > 1 { throw fail("the column \(name.text) is ambiguous", at: name.span) }
        guard let index = matches.first else {
          let place = branch.key == nil ? (branch.from?.span ?? branch.span) : name.span
          let hint = branch.key == nil ? "add KEY (column) after the stream to say which column holds \(name.text)" : nil
          throw fail("the stream has no column \(name.text)", at: place, hint: hint ?? didYouMean(name.text, among: columns.map(\.name)))
        }
        keys.append(.column(index, columns[index].field))
      } catch { failed = true }
    }
    if failed { throw BindStop() }
    return keys
  }

  private mutating func bindFeature(_ item: SQLFeatureItem, _ scope: inout ExpressionScope) throws(BindStop) -> BoundFeature {
    scope.uses = []
    let expression = try bind(item.expression, &scope)
    if let use = scope.uses.first {
      throw fail(
        "\(source.excerpt(use.span)) stands outside an aggregate", at: use.span,
        hint: "write an aggregate with a window, e.g. LAST_VALUE(\(source.excerpt(use.span))) OVER UNBOUNDED")
    }
    if expression.referencedColumns.isEmpty {
      throw fail("a feature needs an aggregate with a window", at: item.expression.span, hint: "write e.g. COUNT(*) OVER LAST '7' DAY")
    }
    guard let alias = item.alias else {
      throw fail("this feature has no name", at: item.expression.span, hint: "add AS name")
    }
    var field = Field(alias.text, expression.type, isNullable: expression.isNullable)
    var defaultValue: Expression?
    if let written = item.defaultValue {
      var constants = ExpressionScope([], aggregates: .refused("in DEFAULT"))
      let value = try bind(written, &constants)
      do throws(MillraceError) { defaultValue = folded(try registry.assign(value, to: expression.type)) } catch {
        throw fail("the default has type \(value.type), the feature \(expression.type)", at: written.span, hint: error.hint)
      }
      if !value.isNullable { field.isNullable = false }
    }
    return BoundFeature(field: field, expression: expression, defaultValue: defaultValue, span: alias.span)
  }

  /// A numeric literal under a numeric cast, as the literal it stands for.
  private func folded(_ e: Expression) -> Expression {
    guard case .cast(let inner, false) = e.kind, case .literal(let value) = inner.kind else { return e }
    var number: Double
    switch value {
    case .int(let v) where inner.type.isInteger: number = Double(v)
    case .float(let v): number = v
    case .decimal(let v):
      guard case .decimal(_, let scale) = inner.type, let parsed = Double(NumberText.string(decimal: v, scale: scale)) else { return e }
      number = parsed
    default: return e
    }
    if e.type == .float32 { number = Double(Float(number)) }
    if e.type.isFloating { return .literal(.float(number), e.type) }
    if e.type == .int32 || e.type == .int64, let exact = Int64(exactly: number), e.type == .int64 || Int32(exactly: exact) != nil {
      return .literal(.int(exact), e.type)
    }
    return e
  }

  /// The keys' types: what all branches have in common.
  private mutating func commonKeys(_ branches: inout [BoundBranch], _ view: SQLCreateFeatureView) throws(BindStop) -> [Field] {
    var fields: [Field] = []
    for (index, name) in view.keys.enumerated() {
      let types = branches.map { $0.branch.keys[index].type }
      guard let type = registry.commonType(types), type != .null else {
        let given = uniqued(types.map(\.description)).joined(separator: ", ")
        throw fail(
          "the key \(name.text) has different types in the branches: \(given)", at: branches.last?.keySpan ?? name.span,
          hint: "select FROM a subquery that casts it")
      }
      switch type {
      case .array, .map, .row: throw unsupported("keys of type \(type)", at: name.span)
      default: break
      }
      for branch in branches.indices {
        let key = branches[branch].branch.keys[index]
        branches[branch].branch.keys[index] = try typed(at: name.span) { (registry) throws(MillraceError) in
          try registry.cast(key, to: type)
        }
      }
      fields.append(Field(name.text, type, isNullable: branches.contains { $0.branch.keys[index].isNullable }))
    }
    return fields
  }
}
