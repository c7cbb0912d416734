import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// A join of two relations. Output: the left columns, then the right columns (nullable where the kind may leave them out);
/// of SEMI and ANTI joins the left columns alone.
public struct Join: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case inner = "INNER"
    case left = "LEFT"
    case right = "RIGHT"
    case full = "FULL"
    /// Left rows with a match, each once.
    case semi = "SEMI"
    /// Left rows without a match.
    case anti = "ANTI"

    /// The output has the left columns only.
    public var isLeftOnly: Bool { self == .semi || self == .anti }
  }

  /// `right.time BETWEEN left.time + lower AND left.time + upper`, both inclusive, in microseconds.
  public struct Interval: Sendable, Hashable {
    /// Position in the left input and in the right input.
    public var leftTime: Int
    public var rightTime: Int
    public var lowerMicros: Int64
    public var upperMicros: Int64
    public init(leftTime: Int, rightTime: Int, lowerMicros: Int64, upperMicros: Int64) {
      self.leftTime = leftTime
      self.rightTime = rightTime
      self.lowerMicros = lowerMicros
      self.upperMicros = upperMicros
    }
  }

  /// Rows of one window match each other only: both inputs say in which window of one kind each row is. Positions in the left
  /// input and in the right input.
  public struct Window: Sendable, Hashable {
    public var kind: WindowTable.Kind
    public var leftStart: Int
    public var leftEnd: Int
    public var rightStart: Int
    public var rightEnd: Int
    /// The greater of the inputs' `WindowAttribute.lagMicros`.
    public var lagMicros: Int64
    public init(kind: WindowTable.Kind, leftStart: Int, leftEnd: Int, rightStart: Int, rightEnd: Int, lagMicros: Int64) {
      self.kind = kind
      self.leftStart = leftStart
      self.leftEnd = leftEnd
      self.rightStart = rightStart
      self.rightEnd = rightEnd
      self.lagMicros = lagMicros
    }
  }

  public var kind: Kind
  public var left: LogicalPlan
  public var right: LogicalPlan
  /// Equal pairs: over the left input and over the right input, of equal types.
  public var leftKeys: [Expression]
  public var rightKeys: [Expression]
  /// Set for event-time interval joins of streams.
  public var interval: Interval?
  /// Set for joins of windows: their rows are joined once, when the window is over, and have window_time as event time. Not together
  /// with `interval`.
  public var window: Window?
  /// What else must be true; over left columns followed by right columns.
  public var residual: Expression?
  /// Rows of a side are forgotten when they have neither come nor gone for so long; 0 for never, nil where the job decides. Of joins
  /// without window and interval only.
  public var leftTTLMicros: Int64?
  public var rightTTLMicros: Int64?

  public init(
    kind: Kind, left: LogicalPlan, right: LogicalPlan, leftKeys: [Expression], rightKeys: [Expression], interval: Interval? = nil,
    window: Window? = nil, residual: Expression? = nil
  ) {
    self.window = window
    self.kind = kind
    self.left = left
    self.right = right
    self.leftKeys = leftKeys
    self.rightKeys = rightKeys
    self.interval = interval
    self.residual = residual
  }

  public var schema: Schema {
    func optional(_ fields: [Field], _ may: Bool) -> [Field] {
      fields.map { Field($0.name, $0.type, isNullable: $0.isNullable || may) }
    }
    if kind.isLeftOnly { return left.schema }
    return Schema(
      optional(left.schema.fields, kind == .right || kind == .full) + optional(right.schema.fields, kind == .left || kind == .full))
  }
}

/// The value of a feature view as of each input row. Output: the input's columns, then the view's keys and features.
///
/// Every input row gives exactly one output row. When `shiftMicros` is 0 the instant is the row's own place in the total order
/// (rows strictly before it count). Otherwise it is the row's event time plus the shift, after every row of that instant, and
/// the output row's event time moves there; such rows rank before the events of their instant (an outcome becoming known).
public struct AsOfJoin: Sendable, Hashable {
  public var input: LogicalPlan
  public var view: FeatureViewDefinition
  /// The asked keys, over the input, one per key of the view.
  public var keys: [Expression]
  public var shiftMicros: Int64

  public init(input: LogicalPlan, view: FeatureViewDefinition, keys: [Expression], shiftMicros: Int64 = 0) {
    self.input = input
    self.view = view
    self.keys = keys
    self.shiftMicros = shiftMicros
  }

  public var schema: Schema {
    Schema(input.schema.fields + view.keys.map { Field($0.name, $0.type) } + view.features.map(\.field))
  }
}

/// `ML_PREDICT`. Output: the input's columns, then the model's outputs.
public struct Predict: Sendable, Hashable {
  public var input: LogicalPlan
  public var model: ModelDefinition
  /// Model inputs in the model's order, over the input's columns.
  public var arguments: [Expression]
  public init(input: LogicalPlan, model: ModelDefinition, arguments: [Expression]) {
    self.input = input
    self.model = model
    self.arguments = arguments
  }
  public var schema: Schema { Schema(input.schema.fields + model.outputs) }
}
