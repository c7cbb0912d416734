import MillraceColumns
import MillraceTypes

/// A scalar function written in Swift. It must be deterministic: the same arguments give the same value, whenever and wherever it runs.
public protocol UserScalarFunction: Sendable {
  /// As SQL calls it, whatever the case.
  var name: String { get }

  /// The type of its value. Values may be null.
  ///
  /// - Throws: when it does not accept arguments of these types.
  func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType

  /// One value per row, computed from columns of `rowCount` rows; nulls are passed on. Called from one thread at a time per use in a
  /// query, but from several for several.
  ///
  /// - Throws: an error that fails the query; it is given the name of the function.
  func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> Column
}

/// A scalar function made of a closure that is called row by row.
public struct RowFunction: UserScalarFunction {
  public let name: String
  private let parameters: [DataType]
  private let type: DataType
  private let takesNulls: Bool
  private let body: @Sendable ([Value]) throws(MillraceError) -> Value

  /// - Parameters:
  ///   - takesNulls: whether it is called for rows with a null argument; else its value is null for them.
  public init(
    _ name: String, _ parameters: [DataType], returns type: DataType, takesNulls: Bool = false,
    body: @escaping @Sendable ([Value]) throws(MillraceError) -> Value
  ) {
    self.name = name
    self.parameters = parameters
    self.type = type
    self.takesNulls = takesNulls
    self.body = body
  }

  public func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType {
    guard arguments.count == parameters.count, zip(arguments, parameters).allSatisfy({ TypeCoercion.isImplicit($0, $1) }) else {
      throw MillraceError(
        .invalidSQL, "\(name) does not accept (\(arguments.map(\.description).joined(separator: ", ")))",
        hint: "it takes (\(parameters.map(\.description).joined(separator: ", ")))")
    }
    return type
  }

  var parameterTypes: [DataType] { parameters }

  public func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> Column {
    let builder = ColumnBuilder(type, capacity: rowCount)
    for row in 0..<rowCount {
      let values = arguments.map { $0[row] }
      try builder.append(!takesNulls && values.contains(where: \.isNull) ? .null : try body(values))
    }
    return builder.finish()
  }
}

/// A table function written in Swift: any number of rows for each row of its arguments.
public protocol UserTableFunction: Sendable {
  var name: String { get }

  /// The columns of its rows.
  ///
  /// - Throws: when it does not accept arguments of these types.
  func schema(of arguments: [DataType]) throws(MillraceError) -> Schema

  /// The rows for all rows of the arguments, and per row the number of the row that it belongs to, ascending.
  func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> (rows: Batch, parents: [Int32])
}

/// An aggregate function written in Swift. Its value must depend on the set of rows alone, not on their order.
public protocol UserAggregateFunction: Sendable {
  var name: String { get }
  /// Whether rows with a null argument are given to it.
  var takesNulls: Bool { get }
  /// Whether rows can be taken back, with a negative weight; else it is refused over inputs that do.
  var canRetract: Bool { get }

  /// The type of its value. Values may be null.
  ///
  /// - Throws: when it does not accept arguments of these types.
  func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType

  /// The state of a group without rows.
  func makeState() -> any UserAggregateState

  /// The state that `encoded` wrote.
  func state(decoding bytes: [UInt8]) throws(MillraceError) -> any UserAggregateState
}

extension UserAggregateFunction {
  public var takesNulls: Bool { false }
  public var canRetract: Bool { false }
}

/// What an aggregate function remembers of the rows of a group. Used by one thread.
public protocol UserAggregateState: AnyObject {
  /// Takes in a row so many times, or takes it back.
  func add(_ arguments: [Value], weight: Int64) throws(MillraceError)
  /// Takes in the rows of another state of the function.
  func merge(_ other: any UserAggregateState) throws(MillraceError)
  func result() throws(MillraceError) -> Value
  /// The state as bytes, for checkpoints.
  func encoded() -> [UInt8]
}

/// A user's scalar function as part of an expression. Equal when it is the same registration.
public final class UserScalarReference: Sendable, Hashable {
  public let function: any UserScalarFunction
  init(_ function: any UserScalarFunction) { self.function = function }
  public static func == (a: UserScalarReference, b: UserScalarReference) -> Bool { a === b }
  public func hash(into hasher: inout Hasher) { hasher.combine(function.name) }
}

/// A user's aggregate function as part of a plan. Equal when it is the same registration.
public final class UserAggregateReference: Sendable, Hashable {
  public let function: any UserAggregateFunction
  init(_ function: any UserAggregateFunction) { self.function = function }
  public static func == (a: UserAggregateReference, b: UserAggregateReference) -> Bool { a === b }
  public func hash(into hasher: inout Hasher) { hasher.combine(function.name) }
}
