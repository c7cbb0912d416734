import MillraceColumns
import MillraceTypes

/// CAST and TRY_CAST.
///
/// Integers wrap when narrowed and floats saturate, as in Java; a decimal that does not fit becomes null; text that cannot be read
/// puts the row in fault, or makes it null for TRY_CAST.
enum CastKernels {
  static func kernel(from: DataType, to: DataType, isTry: Bool, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    let kernel: Kernel?
    if from == to {
      kernel = { v, _ in v[0] }
    } else if from == .text {
      kernel = TextCastKernels.reading(to, isTry: isTry, reason: "the text cannot be read as \(to), in \(context.text)")
    } else if to == .text {
      kernel = TextCastKernels.writing(from)
    } else if from.isNumeric && to.isNumeric {
      kernel = numeric(from, to)
    } else if from == .boolean {
      kernel = fromBoolean(to)
    } else if to == .boolean {
      kernel = toBoolean(from)
    } else if let points = point(from, to) {
      kernel = points
    } else {
      kernel = try nested(from, to, isTry: isTry, context)
    }
    return kernel.map { KernelTable.strict(to, $0) }
  }

  private static func numeric(_ from: DataType, _ to: DataType) -> Kernel? {
    switch Physical(from) {
    case .int8: return integer(from: Int8.self, to)
    case .int16: return integer(from: Int16.self, to)
    case .int32: return integer(from: Int32.self, to)
    case .int64: return integer(from: Int64.self, to)
    case .float: return float(from: Float.self, to)
    case .double: return float(from: Double.self, to)
    default:
      guard case .decimal(let p, let s) = from else { return nil }
      return decimal(p, s, to)
    }
  }

  @inline(__always)
  private static func integer<T: FixedWidthInteger & BitwiseCopyable & Sendable>(from: T.Type, _ to: DataType) -> Kernel? {
    switch to {
    case .int8: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int8(truncatingIfNeeded: x) } }
    case .int16: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int16(truncatingIfNeeded: x) } }
    case .int32: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int32(truncatingIfNeeded: x) } }
    case .int64: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int64(truncatingIfNeeded: x) } }
    case .float32: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Float(x) } }
    case .float64: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Double(x) } }
    case .decimal(let precision, let scale):
      let factor = Int128.powerOfTen(scale)
      if Int128(T.max) < Int128.powerOfTen(precision - scale) {
        return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int128(x) &* factor } }
      }
      return { v, n in
        let x = Lane<T>(v[0])
        return Loops.rows(v, n, to, zero: Int128(0)) { DecimalMath.rescale(Int128(x[$0]), from: 0, to: scale, precision: precision) }
      }
    default: return nil
    }
  }

  @inline(__always)
  private static func float<T: BinaryFloatingPoint & BitwiseCopyable & Sendable>(from: T.Type, _ to: DataType) -> Kernel? {
    switch to {
    case .int8: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int8(truncatingIfNeeded: Int32(saturating: Double(x))) } }
    case .int16: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int16(truncatingIfNeeded: Int32(saturating: Double(x))) } }
    case .int32: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int32(saturating: Double(x)) } }
    case .int64: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Int64(saturating: Double(x)) } }
    case .float32: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Float(x) } }
    case .float64: return { v, n in Loops.unary(v[0], n, to) { (x: T) in Double(x) } }
    case .decimal(let precision, let scale):
      return { v, n in
        let x = Lane<T>(v[0])
        return Loops.rows(v, n, to, zero: Int128(0)) { DecimalMath.decimal(Double(x[$0]), precision: precision, scale: scale) }
      }
    default: return nil
    }
  }

  private static func decimal(_ precision: Int, _ scale: Int, _ to: DataType) -> Kernel? {
    let unit = Int128.powerOfTen(scale)
    switch to {
    case .int8: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in Int8(truncatingIfNeeded: x / unit) } }
    case .int16: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in Int16(truncatingIfNeeded: x / unit) } }
    case .int32: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in Int32(truncatingIfNeeded: x / unit) } }
    case .int64: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in Int64(truncatingIfNeeded: x / unit) } }
    case .float32: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in Float(DecimalMath.double(x, scale: scale)) } }
    case .float64: return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in DecimalMath.double(x, scale: scale) } }
    case .decimal(let p, let s):
      if s >= scale && p - s >= precision - scale {
        let factor = Int128.powerOfTen(s - scale)
        return { v, n in Loops.unary(v[0], n, to) { (x: Int128) in x &* factor } }
      }
      return { v, n in
        let x = Lane<Int128>(v[0])
        return Loops.rows(v, n, to, zero: Int128(0)) { DecimalMath.rescale(x[$0], from: scale, to: s, precision: p) }
      }
    default: return nil
    }
  }

  private static func fromBoolean(_ to: DataType) -> Kernel? {
    guard to.isNumeric, let fromInt = numeric(.int8, to) else { return to == .int8 ? bytes() : nil }
    let asBytes = bytes()
    return to == .int8 ? asBytes : { v, n in fromInt([asBytes(v, n)], n) }
  }

  private static func bytes() -> Kernel {
    { v, n in
      let out = Buffer(uninitialized: n)
      v[0].bits(n).unpack(into: out.pointer(UInt8.self))
      return Vector(column: Column(type: .int8, count: n, validity: v[0].validity, values: .fixed(out)), faults: v[0].faults)
    }
  }

  private static func toBoolean(_ from: DataType) -> Kernel? {
    func test<T: Numeric & BitwiseCopyable & Sendable>(_: T.Type) -> Kernel {
      { v, n in
        let x = Lane<T>(v[0])
        return Loops.boolean(Loops.bits(n) { x[$0] != 0 }, validity: v[0].validity, faults: v[0].faults)
      }
    }
    switch Physical(from) {
    case .int8: return test(Int8.self)
    case .int16: return test(Int16.self)
    case .int32: return test(Int32.self)
    case .int64: return from.isInteger ? test(Int64.self) : nil
    case .float: return test(Float.self)
    case .double: return test(Double.self)
    case .decimal: return test(Int128.self)
    default: return nil
    }
  }

  /// Between dates, times and timestamps; digits beyond the new precision are cut off.
  private static func point(_ from: DataType, _ to: DataType) -> Kernel? {
    guard let source = TimeScale(from), let target = TimeScale(to) else { return nil }
    switch (from, to) {
    case (.date, .time): return nil
    case (.date, _): return { v, n in Loops.unary(v[0], n, to) { (x: Int32) in Int64(x) &* target.day } }
    case (.time, .date): return nil
    case (_, .date): return { v, n in Loops.unary(v[0], n, to) { (x: Int64) in Int32(truncatingIfNeeded: source.days(x)) } }
    default:
      var cut: Int64 = 1
      if let precision = to.timePrecision, let unit = to.timeUnit { for _ in precision..<unit.digits { cut *= 10 } }
      let isTimeOfDay = if case .time = to { true } else { false }
      return { [cut] v, n in
        Loops.unary(v[0], n, to) { (x: Int64) in
          let value = isTimeOfDay ? source.ticksOfDay(x) : x
          let scaled =
            target.second >= source.second ? value &* (target.second / source.second) : floorDivide(value, source.second / target.second)
          return cut == 1 ? scaled : floorDivide(scaled, cut) &* cut
        }
      }
    }
  }

  /// Arrays, maps and rows convert their children; a child in fault puts its row in fault.
  private static func nested(_ from: DataType, _ to: DataType, isTry: Bool, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    let pairs: [(DataType, DataType)]
    switch (from, to) {
    case (.array(let x), .array(let y)): pairs = [(x.type, y.type)]
    case (.map(let k, let v), .map(let l, let w)): pairs = [(k.type, l.type), (v.type, w.type)]
    case (.row(let xs), .row(let ys)) where xs.count == ys.count: pairs = zip(xs, ys).map { ($0.type, $1.type) }
    default: return nil
    }
    var kernels: [Kernel] = []
    for (x, y) in pairs {
      guard let kernel = try Self.kernel(from: x, to: y, isTry: isTry, context) else { return nil }
      kernels.append(kernel)
    }
    return { [kernels] v, n in
      let column = v[0].column
      let children = zip(column.children, kernels).map { child, kernel in
        child.count == 0 ? Vector(column: kernel([Vector(column: child)], 0).expanded(0)) : kernel([Vector(column: child)], child.count)
      }
      var collector = FaultCollector(n)
      let values: Column.Values
      switch column.values {
      case .list(let offsets, _):
        let o = offsets.pointer(Int32.self)
        for child in children {
          guard let rows = child.faults?.rows else { continue }
          for i in 0..<n where (o[i]..<o[i + 1]).contains(where: { rows[Int($0)] }) { collector.mark(i) }
        }
        values = .list(offsets: offsets, children: children.map(\.column))
      default:
        for child in children {
          guard let rows = child.faults?.rows else { continue }
          for i in 0..<n where rows[i] { collector.mark(i) }
        }
        values = .fields(children.map { $0.expanded(n) })
      }
      let reason = children.compactMap { $0.faults?.sites.first?.reason }.first ?? "a value cannot be converted"
      let result = Vector(column: Column(type: to, count: n, validity: v[0].validity, values: values), faults: v[0].faults)
      return Loops.adding(collector.faults(reason), to: result)
    }
  }
}
