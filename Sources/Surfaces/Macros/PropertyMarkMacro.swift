import SwiftSyntax
import SwiftSyntaxMacros

/// `@EventTime` and `@Column(...)`: they add nothing where they stand; `@Row` reads them.
public struct PropertyMarkMacro: PeerMacro {
  public static func expansion(
    of node: AttributeSyntax, providingPeersOf declaration: some DeclSyntaxProtocol, in context: some MacroExpansionContext
  ) throws -> [DeclSyntax] { [] }
}
