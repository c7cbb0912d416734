import SwiftCompilerPlugin
import SwiftSyntaxMacros

/// The compiler's door to the macros.
@main
struct MacroPlugin: CompilerPlugin {
  let providingMacros: [any Macro.Type] = [RowMacro.self, PropertyMarkMacro.self]
}
