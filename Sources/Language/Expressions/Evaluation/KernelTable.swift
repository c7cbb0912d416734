import MillraceColumns
import MillraceTypes

/// What a kernel is compiled from.
struct KernelContext {
  var expression: Expression
  /// Operands of the call; their literals may be compiled into the kernel.
  var operands: [Expression]
  /// Names of the input's columns, for error messages.
  var names: [String]

  var type: DataType { expression.type }
  var text: String { expression.sql(names) }
}

/// Finds the kernel of a node.
enum KernelTable {
  static func kernel(_ expression: Expression, _ names: [String]) throws(MillraceError) -> Kernel {
    let context = KernelContext(expression: expression, operands: expression.operands, names: names)
    let found: Kernel?
    switch expression.kind {
    case .column, .literal: found = nil
    case .cast(let operand, let isTry): found = try CastKernels.kernel(from: operand.type, to: expression.type, isTry: isTry, context)
    case .caseWhen: found = ConditionalKernels.caseWhen(context)
    case .field(_, let index): found = CollectionKernels.field(index, context)
    case .user(let reference, _): found = UserKernels.kernel(reference, context)
    case .call(let name, _):
      found = try function(name, context)
    }
    guard let found else {
      let types = context.operands.map(\.type.description).joined(separator: ", ")
      throw .notSupported("evaluating \(context.text) over (\(types))")
    }
    return found
  }

  private static func function(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    if let kernel = try ArithmeticKernels.kernel(name, context) { return kernel }
    if let kernel = try ComparisonKernels.kernel(name, context) { return kernel }
    if let kernel = LogicKernels.kernel(name, context) ?? ConditionalKernels.kernel(name, context) { return kernel }
    if let kernel = MathKernels.kernel(name, context) ?? TextKernels.kernel(name, context) { return kernel }
    if let kernel = try PatternKernels.kernel(name, context) { return kernel }
    if let kernel = try TimeKernels.kernel(name, context) { return kernel }
    if let kernel = ZoneKernels.kernel(name, context) { return kernel }
    if let kernel = try TextEditKernels.kernel(name, context) { return kernel }
    if let kernel = EncodingKernels.kernel(name, context) ?? ArrayKernels.kernel(name, context) { return kernel }
    if let kernel = try JSONKernels.kernel(name, context) { return kernel }
    if let kernel = MapKernels.kernel(name, context) ?? FormatKernels.kernel(name, context) { return kernel }
    return CollectionKernels.kernel(name, context)
  }

  /// A function of nulls: null when a constant operand is null, without looking at the rest.
  static func strict(_ type: DataType, _ kernel: @escaping Kernel) -> Kernel {
    { operands, rows in
      if operands.contains(where: \.isNullConstant) { return .null(type) }
      return kernel(operands, rows)
    }
  }
}

/// How values of a type lie in memory: picks the kernel's element type.
enum Physical {
  case int8, int16, int32, int64, float, double, decimal, bits, bytes, nested

  init(_ type: DataType) {
    switch type {
    case .int8: self = .int8
    case .int16: self = .int16
    case .int32, .date: self = .int32
    case .float32: self = .float
    case .float64: self = .double
    case .decimal: self = .decimal
    case .boolean, .null: self = .bits
    case .text, .bytes: self = .bytes
    case .array, .map, .row: self = .nested
    case .int64, .time, .timestamp, .timestampLTZ, .intervalMonths, .intervalMillis: self = .int64
    }
  }
}
