import SwiftDiagnostics
import SwiftSyntax
import SwiftSyntaxBuilder
import SwiftSyntaxMacros

/// `@Row`: makes a struct of stored properties a row of columns.
///
/// It adds a conformance to `Row`: the fields, an accessor of the columns of a batch (`Columns`), a view of one row that reads a
/// property from its column when asked (`View`), and the ways into columns and into the bytes of keyed state. What names types stands in
/// the struct, where they are known as they are written; initialisers stand in an extension, so that the struct keeps its own.
public struct RowMacro: MemberMacro, ExtensionMacro {
  public static func expansion(
    of node: AttributeSyntax, providingMembersOf declaration: some DeclGroupSyntax, conformingTo protocols: [TypeSyntax],
    in context: some MacroExpansionContext
  ) throws -> [DeclSyntax] {
    let problems = RowProblems()
    let text = RowText(of: declaration, marked: node, problems)
    for problem in problems.found { context.diagnose(problem) }
    return text?.members.map { DeclSyntax(stringLiteral: $0) } ?? []
  }

  public static func expansion(
    of node: AttributeSyntax, attachedTo declaration: some DeclGroupSyntax, providingExtensionsOf type: some TypeSyntaxProtocol,
    conformingTo protocols: [TypeSyntax], in context: some MacroExpansionContext
  ) throws -> [ExtensionDeclSyntax] {
    // What is wrong has been said where the members are made.
    guard let text = RowText(of: declaration, marked: node, RowProblems()) else { return [] }
    return DeclSyntax(stringLiteral: text.extension(of: type.trimmedDescription)).as(ExtensionDeclSyntax.self).map { [$0] } ?? []
  }
}
