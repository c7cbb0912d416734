import SwiftDiagnostics
import SwiftSyntax

/// The text that `@Row` adds to a struct.
struct RowText {
  private let type: String
  /// What members begin with.
  private let access: String
  private let properties: [RowProperty]

  /// nil when the declaration can be no row; why is among the problems.
  init?(of declaration: some DeclGroupSyntax, marked node: AttributeSyntax, _ problems: RowProblems) {
    guard let structure = declaration.as(StructDeclSyntax.self) else {
      problems.add(node, .notStruct)
      return nil
    }
    if let clause = structure.genericParameterClause {
      problems.add(clause, .generic)
      return nil
    }
    guard let properties = RowProperty.all(of: structure, problems) else { return nil }
    type = structure.name.text
    access = Self.access(of: structure)
    self.properties = properties
  }

  private static func access(of structure: StructDeclSyntax) -> String {
    for modifier in structure.modifiers {
      switch modifier.name.tokenKind {
      case .keyword(.public): return "public "
      case .keyword(.package): return "package "
      case .keyword(.fileprivate), .keyword(.private): return "fileprivate "
      default: continue
      }
    }
    return ""
  }

  /// The conformance and the initialisers, in which no type has to be written.
  func `extension`(of name: String) -> String {
    """
    extension \(name): MillraceRows.Row {
      \(access)init(decoding reader: inout MillraceRows.ByteReader) throws(MillraceRows.MillraceError) {
    \(lines("    ") { "self.\($0.name) = try MillraceRows.RowCoding.decode(\\\(name).\($0.name), &reader)" })
      }

      \(access)init(_ view: View) {
    \(lines("    ") { "self.\($0.name) = view.\($0.name)" })
      }
    }
    """
  }

  var members: [String] {
    [
      "\(access)typealias Reader = Columns",
      """
      \(access)static var fields: [MillraceRows.Field] {
        [
      \(lines("    ") { "MillraceRows.RowCoding.field(\"\($0.column)\", (\($0.type)).self)," })
        ]
      }
      """,
      "\(access)static var eventTimeField: Int? { \(properties.firstIndex(where: \.isEventTime).map { "\($0)" } ?? "nil") }",
      """
      \(access)static func eventTime(of row: \(type)) -> MillraceRows.Timestamp? {
        \(properties.first(where: \.isEventTime).map { "row.\($0.name)" } ?? "nil")
      }
      """,
      """
      \(access)static func field(of property: PartialKeyPath<\(type)>) -> Int? {
      \(indexed("  ") { "if property == \\\(type).\($1.name) { return \($0) }" })
        return nil
      }
      """,
      """
      \(access)static func append(_ row: \(type), to builders: [MillraceRows.ColumnBuilder], at first: Int) {
      \(indexed("  ") { "MillraceRows.RowCoding.append(row.\($1.name), to: builders[first + \($0)])" })
      }
      """,
      """
      \(access)static func appendFiller(to builders: [MillraceRows.ColumnBuilder], at first: Int) {
      \(indexed("  ") { "MillraceRows.RowCoding.appendFiller((\($1.type)).self, to: builders[first + \($0)])" })
      }
      """,
      """
      \(access)func encode(into writer: inout MillraceRows.ByteWriter) {
      \(lines("  ") { "MillraceRows.RowCoding.encode(self.\($0.name), into: &writer)" })
      }
      """,
      """
      \(access)struct Columns: MillraceRows.RowColumns {
      \(lines("  ") { "\(access)let \($0.name): MillraceRows.ReaderOf<\($0.type)>" })
        \(access)init(
          _ columns: [MillraceRows.Column], at first: Int, within parent: MillraceRows.Bitmap?
        ) throws(MillraceRows.MillraceError) {
          let source = MillraceRows.RowSource(columns, at: first, within: parent, row: "\(type)")
      \(indexed("    ") { "self.\($1.name) = try source.reader((\($1.type)).self, \($0), \"\($1.column)\")" })
        }
        \(access)func view(at row: Int) -> View { View(_columns: self, _row: row) }
        \(access)subscript(row: Int) -> \(type) { \(type)(View(_columns: self, _row: row)) }
      }
      """,
      """
      \(access)struct View: MillraceRows.RowView {
        \(access)let _columns: Columns
        \(access)let _row: Int
        \(access)init(_columns: Columns, _row: Int) {
          self._columns = _columns
          self._row = _row
        }
        \(access)var _value: \(type) { \(type)(self) }
      \(lines("  ") { "\(access)var \($0.name): \($0.type) { _columns.\($0.name)[_row] }" })
      }
      """,
    ]
  }

  private func lines(_ margin: String, _ line: (RowProperty) -> String) -> String {
    properties.map { margin + line($0) }.joined(separator: "\n")
  }

  private func indexed(_ margin: String, _ line: (Int, RowProperty) -> String) -> String {
    properties.enumerated().map { margin + line($0, $1) }.joined(separator: "\n")
  }
}
