import MillraceColumns
import MillracePlan
import MillraceTypes

/// A function of the user's that can be run: what a `UserFunction` node carries.
public protocol OperatorProgram: FunctionProgram {
  /// A fresh operator for one partition. Called from any thread.
  func makeOperator(_ function: UserFunction, context: OperatorContext) throws(MillraceError) -> any Operator
}

/// Errors of the user's code, with the function that threw them.
public enum FunctionFailure {
  public static func naming(_ error: any Error, _ id: String) -> MillraceError {
    guard var known = error as? MillraceError else {
      return MillraceError(.functionFailed, "\(error)", subject: "function \(id)")
    }
    known.subject = known.subject.map { "function \(id): \($0)" } ?? "function \(id)"
    return known
  }
}

extension MillraceError.Code {
  /// Code of the user's threw an error.
  public static let functionFailed = MillraceError.Code("function-failed")
}
