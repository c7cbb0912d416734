import SwiftSyntax

/// One stored property of a row: a column.
struct RowProperty {
  var name: String
  /// As it is written in the source.
  var type: String
  var column: String
  var isEventTime: Bool

  /// The stored properties of a struct, in order; what cannot be a column is reported.
  static func all(of declaration: StructDeclSyntax, _ problems: RowProblems) -> [RowProperty]? {
    var properties: [RowProperty] = []
    func refuse(_ node: some SyntaxProtocol, _ problem: RowProblem) { problems.add(node, problem) }
    for member in declaration.memberBlock.members {
      guard let variable = member.decl.as(VariableDeclSyntax.self), !variable.modifiers.contains(where: \.isStatic) else { continue }
      let isEventTime = variable.attributes.contains { $0.name == "EventTime" }
      for binding in variable.bindings where !binding.isComputed {
        guard let name = binding.pattern.as(IdentifierPatternSyntax.self)?.identifier.text else {
          refuse(binding.pattern, .pattern)
          continue
        }
        // `var a, b: Int64` writes the type once, behind the last name.
        guard let type = binding.typeAnnotation?.type ?? variable.bindings.last?.typeAnnotation?.type else {
          refuse(binding, .noType(name))
          continue
        }
        if let reason = refusal(of: type) {
          refuse(type, .type(name, type.trimmedDescription, reason))
          continue
        }
        if variable.bindingSpecifier.tokenKind == .keyword(.let), binding.initializer != nil {
          refuse(binding, .constant(name))
          continue
        }
        properties.append(
          RowProperty(
            name: name, type: type.trimmedDescription, column: variable.attributes.columnName ?? columnName(name), isEventTime: isEventTime)
        )
      }
    }
    let times = properties.filter(\.isEventTime)
    if times.count > 1 { refuse(declaration.name, .twoTimes(times.map(\.name))) }
    if let time = times.first, !["Timestamp", "MillraceRows.Timestamp"].contains(time.type) {
      refuse(declaration.name, .timeType(time.name, time.type))
    }
    var seen: Set<String> = []
    for property in properties where !seen.insert(property.column).inserted { refuse(declaration.name, .sameColumn(property.column)) }
    if properties.isEmpty && problems.found.isEmpty { refuse(declaration.name, .empty(declaration.name.text)) }
    return problems.found.isEmpty ? properties : nil
  }

  /// Why a written type can be no column; nil when it may be one, which `RowValue` then decides.
  private static func refusal(of type: TypeSyntax) -> String? {
    if type.is(TupleTypeSyntax.self) { return "write a struct with @Row for values that belong together" }
    if type.is(FunctionTypeSyntax.self) { return "a function cannot be stored in a column" }
    if type.is(DictionaryTypeSyntax.self) { return "write an array of a @Row struct with a key and a value" }
    if type.is(SomeOrAnyTypeSyntax.self) { return "a column has one concrete type" }
    if let optional = type.as(OptionalTypeSyntax.self) {
      if optional.wrappedType.is(OptionalTypeSyntax.self) { return "a column knows one kind of null; write a single ?" }
      return refusal(of: optional.wrappedType)
    }
    if let array = type.as(ArrayTypeSyntax.self) { return refusal(of: array.element) }
    if let name = type.as(IdentifierTypeSyntax.self), name.genericArgumentClause == nil, let instead = instead[name.name.text] {
      return instead
    }
    return nil
  }

  private static let instead: [String: String] = [
    "UInt": "SQL has no unsigned numbers; use Int64", "UInt8": "SQL has no unsigned numbers; use Int16",
    "UInt16": "SQL has no unsigned numbers; use Int32", "UInt32": "SQL has no unsigned numbers; use Int64",
    "UInt64": "SQL has no unsigned numbers; use Int64", "Date": "use Timestamp", "Any": "a column has one concrete type",
    "Character": "use String", "Substring": "use String", "Set": "use an array", "URL": "use String", "UUID": "use String",
  ]

  /// `messageID` -> `message_id`, `URLOfPage` -> `url_of_page`, `count10m` -> `count10m`.
  static func columnName(_ name: String) -> String {
    let letters = Array(name.filter { $0 != "`" })
    var out = ""
    for (i, letter) in letters.enumerated() {
      if letter.isUppercase, i > 0, letters[i - 1] != "_" {
        let endsRun = letters[i - 1].isUppercase && i + 1 < letters.count && letters[i + 1].isLowercase
        if !letters[i - 1].isUppercase || endsRun { out += "_" }
      }
      out += letter.lowercased()
    }
    return out
  }
}

extension DeclModifierSyntax {
  fileprivate var isStatic: Bool { name.tokenKind == .keyword(.static) || name.tokenKind == .keyword(.class) }
}

extension PatternBindingSyntax {
  /// Has a getter; `willSet` and `didSet` leave a property stored.
  fileprivate var isComputed: Bool {
    switch accessorBlock?.accessors {
    case nil: false
    case .getter: true
    case .accessors(let list):
      list.contains { ![.keyword(.willSet), .keyword(.didSet)].contains($0.accessorSpecifier.tokenKind) }
    }
  }
}

extension AttributeListSyntax.Element {
  fileprivate var name: String? { self.as(AttributeSyntax.self)?.attributeName.trimmedDescription }
}

extension AttributeListSyntax {
  /// What `@Column("name")` says.
  fileprivate var columnName: String? {
    for element in self where element.name == "Column" {
      guard case .argumentList(let arguments)? = element.as(AttributeSyntax.self)?.arguments else { continue }
      guard let segments = arguments.first?.expression.as(StringLiteralExprSyntax.self)?.segments, segments.count == 1 else { continue }
      return segments.first?.as(StringSegmentSyntax.self)?.content.text
    }
    return nil
  }
}
