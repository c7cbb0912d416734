import MillraceColumns
import MillraceTypes

/// The functions that a user has registered, by upper-case name.
struct UserFunctions: Sendable {
  var scalars: [String: UserScalarReference] = [:]
  var aggregates: [String: UserAggregateReference] = [:]
  var tables: [String: any UserTableFunction] = [:]

  var names: [String] { scalars.keys.filter { !$0.hasPrefix("$") } + Array(aggregates.keys) + Array(tables.keys) }
}

extension FunctionRegistry {
  /// Makes a function callable by its name.
  ///
  /// - Throws: `invalid-input` when the name is taken or is none.
  public mutating func register(_ function: any UserScalarFunction) throws(MillraceError) {
    user.scalars[try freeName(function.name)] = UserScalarReference(function)
  }

  public mutating func register(_ function: any UserAggregateFunction) throws(MillraceError) {
    user.aggregates[try freeName(function.name)] = UserAggregateReference(function)
  }

  public mutating func register(_ function: any UserTableFunction) throws(MillraceError) {
    let name = try freeName(function.name)
    user.tables[name] = function
    user.scalars[TableFunctionRows.hiddenName(name)] = UserScalarReference(TableFunctionRows(function: function))
  }

  /// The scalar function that gives a table function's rows as an array; nil when no table function has the name, whatever the case.
  public func rowsFunction(ofTableFunction name: String) -> String? {
    user.tables[name.uppercased()] == nil ? nil : TableFunctionRows.hiddenName(name)
  }

  private func freeName(_ name: String) throws(MillraceError) -> String {
    let upper = name.uppercased()
    let isName =
      upper.utf8.allSatisfy { $0 == 95 || (65...90).contains($0) || (48...57).contains($0) } && upper.utf8.first.map { $0 > 57 } ?? false
    guard isName else {
      throw MillraceError(.invalidInput, "'\(name)' is no name for a function", hint: "use letters, digits and underscores")
    }
    guard !isScalar(upper), !isAggregate(upper), user.tables[upper] == nil else {
      throw MillraceError(.invalidInput, "there is a function \(upper) already", hint: "choose another name")
    }
    return upper
  }

  /// The call of a user's scalar function; nil when none has the name.
  func resolveUser(_ name: String, _ arguments: [Expression]) throws(MillraceError) -> Expression? {
    guard let reference = user.scalars[name] else { return nil }
    var operands = arguments
    let type: DataType
    do throws(MillraceError) {
      type = try reference.function.resultType(of: arguments.map(\.type))
    } catch {
      throw Self.named(error, reference.function.name.uppercased())
    }
    if let row = reference.function as? RowFunction {
      operands = zip(arguments, row.parameterTypes).map { $0.cast(to: $1) }
    }
    return Expression(.user(reference, operands), type: type, isNullable: true)
  }

  /// The call of a user's aggregate function; nil when none has the name.
  func resolveUserAggregate(
    _ name: String, _ arguments: [Expression], filter: Expression?, distinct: Bool
  ) throws(MillraceError) -> AggregateCall? {
    guard let reference = user.aggregates[name.uppercased()] else { return nil }
    let type: DataType
    do throws(MillraceError) {
      type = try reference.function.resultType(of: arguments.map(\.type))
    } catch {
      throw Self.named(error, name.uppercased())
    }
    let row = Expression.call(
      "ROW", arguments, .row(arguments.enumerated().map { Field("EXPR$\($0)", $1.type, isNullable: $1.isNullable) }), isNullable: false)
    var call = AggregateCall(.user, [row], filter: filter, isDistinct: distinct, type: type, isNullable: true)
    call.user = reference
    return call
  }

  static func named(_ error: MillraceError, _ name: String) -> MillraceError {
    if error.message.contains(name) { return error }
    var error = error
    error.message = "function \(name): \(error.message)"
    return error
  }
}

/// The kernel of a user's scalar function. An error puts the rows of the batch in fault, so it counts only where a value is needed.
enum UserKernels {
  static func kernel(_ reference: UserScalarReference, _ context: KernelContext) -> Kernel {
    let function = reference.function
    let type = context.type
    return { v, n in
      let arguments = v.map { $0.expanded(n) }
      do throws(MillraceError) {
        let column = try function.call(arguments, rowCount: n)
        guard column.count == n, column.type == type else {
          throw MillraceError(
            .invalidInput, "it returned \(column.count) values of \(column.type) for \(n) rows, not \(type)", hint: "correct the function")
        }
        return Loops.adding(Loops.faults(v), to: Vector(column: column))
      } catch {
        let all = Bitmap(repeating: true, count: n)
        let reason = FunctionRegistry.named(error, function.name).message
        return Loops.adding(RowFaults(rows: all, sites: [.init(rows: all, reason: reason)]), to: Vector(column: .nulls(type, count: n)))
      }
    }
  }
}
