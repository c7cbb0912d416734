import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// Code of the user's as a node of the plan: functions over rows, with or without keyed state. The engine makes an operator of it.
///
/// A keyed function sees the rows of each key in the total order, so that what it gives is a function of the set of input rows as long
/// as the code itself is one. Rows that it gives carry an event time that is not below that of their cause.
public struct UserFunction: Sendable, Hashable {
  /// How rows reach the code.
  public enum Order: Sendable, Hashable {
    /// As they come, each for itself: the function keeps nothing.
    case stateless
    /// Per key in the total order, when the watermark has passed them.
    case eventTime
    /// Per key as they come: what comes out depends on when they came.
    case arrival
  }

  public var inputs: [LogicalPlan]
  /// Names its state in checkpoints; one per job.
  public var id: String
  public var order: Order
  /// Per input the keys over its columns; empty for functions without keys.
  public var keys: [[Expression]]
  public var schema: Schema
  /// Columns that hold the event time of their rows. Of several outputs in one relation each may have one, good where its rows are.
  public var eventTimeColumns: [Int]
  /// The code takes retractions.
  public var acceptsUpdates: Bool
  /// What the code is made of besides: states, side outputs. Part of EXPLAIN and of what a checkpoint belongs to.
  public var details: String
  public var program: any FunctionProgram

  public init(
    inputs: [LogicalPlan], id: String, order: Order, keys: [[Expression]] = [], schema: Schema, eventTimeColumns: [Int] = [],
    acceptsUpdates: Bool = false, details: String = "", program: any FunctionProgram
  ) {
    self.inputs = inputs
    self.id = id
    self.order = order
    self.keys = keys
    self.schema = schema
    self.eventTimeColumns = eventTimeColumns
    self.acceptsUpdates = acceptsUpdates
    self.details = details
    self.program = program
  }

  /// Whether rows may be retracted.
  var isUpdating: Bool { (order == .stateless || acceptsUpdates) && inputs.contains(where: \.isUpdating) }

  public static func == (a: UserFunction, b: UserFunction) -> Bool {
    a.program === b.program && a.id == b.id && a.order == b.order && a.keys == b.keys && a.schema == b.schema
      && a.eventTimeColumns == b.eventTimeColumns && a.acceptsUpdates == b.acceptsUpdates && a.details == b.details && a.inputs == b.inputs
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(program))
    hasher.combine(id)
    hasher.combine(keys)
    hasher.combine(inputs)
  }
}

/// Compiled code of the user's, compared by identity. What it does is known to the layer that runs it.
public protocol FunctionProgram: AnyObject, Sendable {}
