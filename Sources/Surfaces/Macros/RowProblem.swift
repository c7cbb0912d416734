import SwiftDiagnostics
import SwiftSyntax

/// What can be wrong with a row.
struct RowProblem: DiagnosticMessage {
  let message: String
  let id: String
  var diagnosticID: MessageID { MessageID(domain: "Millrace", id: id) }
  var severity: DiagnosticSeverity { .error }

  private init(_ id: String, _ message: String) {
    self.id = id
    self.message = message
  }

  static let notStruct = RowProblem("not-struct", "@Row is for structs: a row is a value with stored properties")
  static let generic = RowProblem("generic", "@Row does not take generic structs: the columns of a row have one type each")
  static let pattern = RowProblem("pattern", "a column needs a plain name")
  static func noType(_ name: String) -> RowProblem {
    RowProblem("no-type", "write the type of '\(name)': @Row reads types as they are written, as in `var \(name): Int64`")
  }
  static func type(_ name: String, _ type: String, _ reason: String) -> RowProblem {
    RowProblem("type", "'\(name)' of type \(type) cannot be a column: \(reason)")
  }
  static func constant(_ name: String) -> RowProblem {
    RowProblem("constant", "'\(name)' is a constant with a value, which a row that is read cannot change; write `var`, or `static let`")
  }
  static func twoTimes(_ names: [String]) -> RowProblem {
    RowProblem("two-times", "a row has one event time, not \(names.count): \(names.joined(separator: ", "))")
  }
  static func timeType(_ name: String, _ type: String) -> RowProblem {
    RowProblem("time-type", "@EventTime '\(name)' is a \(type); event time is a Timestamp, and never absent")
  }
  static func sameColumn(_ name: String) -> RowProblem {
    RowProblem("same-column", "two properties would be the column '\(name)'; give one another name with @Column(\"...\")")
  }
  static func empty(_ name: String) -> RowProblem { RowProblem("empty", "\(name) has no stored properties: a row has at least one column") }
}

/// What was found wrong, with its places.
final class RowProblems {
  private(set) var found: [Diagnostic] = []

  func add(_ node: some SyntaxProtocol, _ problem: RowProblem) { found.append(Diagnostic(node: Syntax(node), message: problem)) }
}
