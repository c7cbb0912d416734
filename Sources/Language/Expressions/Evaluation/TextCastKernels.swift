import MillraceColumns
import MillraceTypes

/// CAST from and to text, in Flink's forms: `TRUE`, `1.0E10`, `2020-01-01 00:00:00.000`, `+1-02` and `+1 02:03:04.000` for intervals.
enum TextCastKernels {
  static func reading(_ to: DataType, isTry: Bool, reason: String) -> Kernel? {
    switch to {
    case .bytes:
      return { v, _ in Vector(column: v[0].column.retyped(.bytes), isConstant: v[0].isConstant, faults: v[0].faults) }
    case .boolean:
      return { v, n in
        // 2 stands for text that is neither.
        let codes = parsed(v, n, .int8, isTry, reason, zero: Int8(0)) { truth($0) }
        let a = Lane<Int8>(codes)
        let bits = withExtendedLifetime(codes) { Loops.bits(n) { a[$0] != 0 } }
        return Loops.boolean(bits, validity: codes.column.validity, faults: codes.faults)
      }
    case .int8: return integers(to, isTry, reason, Int8.self)
    case .int16: return integers(to, isTry, reason, Int16.self)
    case .int32: return integers(to, isTry, reason, Int32.self)
    case .int64: return integers(to, isTry, reason, Int64.self)
    case .float64: return { v, n in parsed(v, n, to, isTry, reason, zero: Double(0)) { NumberText.parseDouble($0) } }
    case .float32: return { v, n in parsed(v, n, to, isTry, reason, zero: Float(0)) { NumberText.parseDouble($0).map { Float($0) } } }
    case .decimal(let precision, let scale):
      return { v, n in
        let a = TextLane(v[0])
        var collector = FaultCollector(n)
        let result = Loops.rows(v, n, to, zero: Int128(0)) { i in
          switch NumberText.parseDecimal(UnsafeRawBufferPointer(a[i]), precision: precision, scale: scale) {
          case .value(let value): return value
          case .overflow: return nil
          case .malformed:
            if !isTry { collector.mark(i) }
            return nil
          }
        }
        return Loops.adding(collector.faults(reason), to: result)
      }
    case .date: return { v, n in parsed(v, n, to, isTry, reason, zero: Int32(0)) { TimestampText.parseDate($0) } }
    case .time(let precision):
      let unit = TimeUnit(precision: precision)
      let cut = cut(precision)
      return { v, n in parsed(v, n, to, isTry, reason, zero: Int64(0)) { TimestampText.parseTime($0, unit: unit).map { $0 / cut * cut } } }
    case .timestamp(let precision), .timestampLTZ(let precision):
      let unit = TimeUnit(precision: precision)
      let cut = cut(precision)
      return { v, n in
        parsed(v, n, to, isTry, reason, zero: Int64(0)) {
          TimestampText.parseTimestamp($0, unit: unit).map { floorDivide($0.ticks, cut) &* cut }
        }
      }
    default: return nil
    }
  }

  /// Ticks of the last digit of a precision.
  private static func cut(_ precision: Int) -> Int64 {
    (precision..<max(precision, TimeUnit(precision: precision).digits)).reduce(Int64(1)) { cut, _ in cut * 10 }
  }

  @inline(__always)
  private static func parsed<R: BitwiseCopyable>(
    _ v: [Vector], _ n: Int, _ type: DataType, _ isTry: Bool, _ reason: String, zero: R, _ body: (UnsafeRawBufferPointer) -> R?
  ) -> Vector {
    let a = TextLane(v[0])
    var collector = FaultCollector(n)
    let result = Loops.rows(v, n, type, zero: zero) { i in
      if let value = body(UnsafeRawBufferPointer(a[i])) { return value }
      if !isTry { collector.mark(i) }
      return nil
    }
    return Loops.adding(collector.faults(reason), to: result)
  }

  @inline(__always)
  private static func integers<T: FixedWidthInteger & BitwiseCopyable & Sendable>(
    _ type: DataType, _ isTry: Bool, _ reason: String, _: T.Type
  ) -> Kernel {
    { v, n in parsed(v, n, type, isTry, reason, zero: T(0)) { NumberText.parseInteger($0).flatMap { T(exactly: $0) } } }
  }

  private static func truth(_ text: UnsafeRawBufferPointer) -> Int8? {
    switch String(decoding: text, as: UTF8.self).lowercased().split(separator: " ").first.map(String.init) ?? "" {
    case "t", "true", "y", "yes", "1": 1
    case "f", "false", "n", "no", "0": 0
    default: nil
    }
  }

  static func writing(_ from: DataType) -> Kernel? {
    switch from {
    case .bytes:
      return { v, n in
        let a = TextLane(v[0])
        return Loops.text(v, n) { i, out in
          if UTF8Slices.isASCII(a[i]) { out.append(a[i]) } else { out.append(String(decoding: a[i], as: UTF8.self)) }
          return true
        }
      }
    case .boolean:
      return { v, n in
        let bits = v[0].bits(n)
        return Loops.text(v, n) { i, out in
          out.append(bits[i] ? "TRUE" : "FALSE")
          return true
        }
      }
    case .int8: return integers(Int8.self)
    case .int16: return integers(Int16.self)
    case .int32: return integers(Int32.self)
    case .int64: return integers(Int64.self)
    case .float32: return { v, n in written(v, n, Float.self) { NumberText.write($0, to: $1) } }
    case .float64: return { v, n in written(v, n, Double.self) { NumberText.write($0, to: $1) } }
    case .decimal(_, let scale): return { v, n in written(v, n, Int128.self) { NumberText.write(decimal: $0, scale: scale, to: $1) } }
    case .date: return { v, n in written(v, n, Int32.self) { TimestampText.write(date: Int($0), to: $1) } }
    case .time(let precision):
      return { v, n in written(v, n, Int64.self) { TimestampText.write(time: $0, precision: precision, to: $1) } }
    case .timestamp(let precision), .timestampLTZ(let precision):
      return { v, n in written(v, n, Int64.self) { TimestampText.write(timestamp: $0, precision: precision, to: $1) } }
    case .intervalMonths:
      return { v, n in
        strings(v, n, Int64.self) { "\($0 < 0 ? "-" : "+")\($0.magnitude / 12)-\($0.magnitude % 12 < 10 ? "0" : "")\($0.magnitude % 12)" }
      }
    case .intervalMillis:
      return { v, n in
        strings(v, n, Int64.self) {
          let time = TimestampText.string(Int64($0.magnitude % 86_400_000), .time(precision: 3)) ?? ""
          return "\($0 < 0 ? "-" : "+")\($0.magnitude / 86_400_000) \(time)"
        }
      }
    default: return nil
    }
  }

  private static func integers<T: FixedWidthInteger & BitwiseCopyable & Sendable>(_: T.Type) -> Kernel {
    { v, n in written(v, n, T.self) { NumberText.write(Int64(truncatingIfNeeded: $0), to: $1) } }
  }

  /// `body` writes into room for 64 bytes and gives the length.
  @inline(__always)
  private static func written<T: BitwiseCopyable>(
    _ v: [Vector], _ n: Int, _: T.Type, _ body: (T, UnsafeMutablePointer<UInt8>) -> Int
  ) -> Vector {
    let x = Lane<T>(v[0])
    return Loops.text(v, n) { i, out in
      out.advance(body(x[i], out.room(NumberText.byteCountMax)))
      return true
    }
  }

  @inline(__always)
  private static func strings<T: BitwiseCopyable>(_ v: [Vector], _ n: Int, _: T.Type, _ body: (T) -> String) -> Vector {
    let x = Lane<T>(v[0])
    return Loops.text(v, n) { i, out in
      out.append(body(x[i]))
      return true
    }
  }
}
