import MillraceOperators
import MillraceTypes

/// Finds the states of a function: stored properties, so that none can be forgotten.
enum FunctionStates {
  /// In the order in which they are declared, those of superclasses first.
  ///
  /// - Throws: `invalidOption` when two have one name.
  static func of(_ function: AnyObject) throws(MillraceError) -> [any KeyedState] {
    var found: [any KeyedState] = []
    var mirror: Mirror? = Mirror(reflecting: function)
    while let current = mirror {
      found = current.children.compactMap { $0.value as? any KeyedState } + found
      mirror = current.superclassMirror
    }
    var names: Set<String> = []
    for state in found where !names.insert(state.name).inserted {
      throw MillraceError(
        .invalidOption, "two states are named '\(state.name)'", subject: "\(type(of: function))",
        hint: "the name of a state is unique in its function")
    }
    return found
  }

  /// For EXPLAIN, and for what a checkpoint belongs to.
  static func text(of function: AnyObject, _ layout: OutputLayout) throws(MillraceError) -> String {
    let states = try of(function).map { "\($0.name) \($0.form)" }
    return (states + (layout.text.isEmpty ? [] : [layout.text])).joined(separator: ", ")
  }
}
