import SwiftDiagnostics
import SwiftSyntax
import SwiftSyntaxBuilder
import SwiftSyntaxMacros

/// `@Row`: makes a struct of stored properties a row of columns.
///
/// It adds a conformance to `Row`: the fields, an accessor of the columns of a batch (`Columns`), a view of one row that reads a
/// property from its column when asked (`View`), and the ways into columns and into the bytes of keyed state.
public struct RowMacro: ExtensionMacro {
  public static func expansion(
    of node: AttributeSyntax, attachedTo declaration: some DeclGroupSyntax, providingExtensionsOf type: some TypeSyntaxProtocol,
    conformingTo protocols: [TypeSyntax], in context: some MacroExpansionContext
  ) throws -> [ExtensionDeclSyntax] {
    guard let structure = declaration.as(StructDeclSyntax.self) else {
      context.diagnose(Diagnostic(node: Syntax(node), message: RowProblem.notStruct))
      return []
    }
    if let clause = structure.genericParameterClause {
      context.diagnose(Diagnostic(node: Syntax(clause), message: RowProblem.generic))
      return []
    }
    guard let properties = RowProperty.all(of: structure, in: context) else { return [] }
    let text = RowText(type: type.trimmedDescription, access: access(of: structure), properties: properties).text
    let declared = DeclSyntax(stringLiteral: text)
    return declared.as(ExtensionDeclSyntax.self).map { [$0] } ?? []
  }

  /// What the members of the extension begin with.
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
}

/// The text of the extension.
struct RowText {
  let type: String
  let access: String
  let properties: [RowProperty]

  var text: String {
    """
    extension \(type): MillraceRows.Row {
      \(access)typealias Reader = Columns

      \(access)static var fields: [MillraceRows.Field] {
        [
    \(lines("      ") { "MillraceRows.RowCoding.field(\"\($0.column)\", (\($0.type)).self)," })
        ]
      }

      \(access)static var eventTimeField: Int? { \(properties.firstIndex(where: \.isEventTime).map { "\($0)" } ?? "nil") }

      \(access)static func eventTime(of row: \(type)) -> MillraceRows.Timestamp? { \(properties.first(where: \.isEventTime).map { "row.\($0.name)" } ?? "nil") }

      \(access)static func field(of property: PartialKeyPath<\(type)>) -> Int? {
    \(properties.enumerated().map { "    if property == \\\(type).\($1.name) { return \($0) }" }.joined(separator: "\n"))
        return nil
      }

      \(access)static func append(_ row: \(type), to builders: [MillraceRows.ColumnBuilder], at first: Int) {
    \(indexed("    ") { "MillraceRows.RowCoding.append(row.\($1.name), to: builders[first + \($0)])" })
      }

      \(access)static func appendFiller(to builders: [MillraceRows.ColumnBuilder], at first: Int) {
    \(indexed("    ") { "MillraceRows.RowCoding.appendFiller((\($1.type)).self, to: builders[first + \($0)])" })
      }

      \(access)func encode(into writer: inout MillraceRows.ByteWriter) {
    \(lines("    ") { "MillraceRows.RowCoding.encode(self.\($0.name), into: &writer)" })
      }

      \(access)init(decoding reader: inout MillraceRows.ByteReader) throws(MillraceRows.MillraceError) {
    \(lines("    ") { "self.\($0.name) = try MillraceRows.RowCoding.decode((\($0.type)).self, &reader)" })
      }

      \(access)init(_ view: View) {
    \(lines("    ") { "self.\($0.name) = view.\($0.name)" })
      }

      \(access)struct Columns: MillraceRows.RowColumns {
    \(lines("    ") { "\(access)let \($0.name): MillraceRows.ReaderOf<\($0.type)>" })

        \(access)init(_ columns: [MillraceRows.Column], at first: Int, within parent: MillraceRows.Bitmap?) throws(MillraceRows.MillraceError) {
    \(indexed("      ") { "self.\($1.name) = try MillraceRows.RowCoding.reader((\($1.type)).self, columns, first + \($0), \"\($1.column)\", in: \"\(type)\", within: parent)" })
        }

        \(access)func view(at row: Int) -> View { View(_columns: self, _row: row) }

        \(access)subscript(row: Int) -> \(type) { \(type)(View(_columns: self, _row: row)) }
      }

      \(access)struct View: MillraceRows.RowView {
        \(access)let _columns: Columns
        \(access)let _row: Int
        \(access)init(_columns: Columns, _row: Int) {
          self._columns = _columns
          self._row = _row
        }
        \(access)var _value: \(type) { \(type)(self) }
    \(lines("    ") { "\(access)var \($0.name): \($0.type) { _columns.\($0.name)[_row] }" })
      }
    }
    """
  }

  private func lines(_ margin: String, _ line: (RowProperty) -> String) -> String {
    properties.map { margin + line($0) }.joined(separator: "\n")
  }

  private func indexed(_ margin: String, _ line: (Int, RowProperty) -> String) -> String {
    properties.enumerated().map { margin + line($0, $1) }.joined(separator: "\n")
  }
}
