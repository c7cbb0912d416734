import MillraceColumns
import MillraceTypes

/// Functions of dates, times, timestamps and intervals, in UTC.
enum TimeKernels {
  static func kernel(_ name: String, _ context: KernelContext) throws(MillraceError) -> Kernel? {
    let operands = context.operands
    let type = context.type
    let kernel: Kernel?
    switch (name, operands.count) {
    case ("EXTRACT", 2):
      guard case .text(let unit)? = operands[0].literal else { return nil }
      kernel = extract(unit, operands[1].type)
    case ("FLOOR", 2), ("CEIL", 2):
      guard case .text(let unit)? = operands[1].literal, let scale = TimeScale(type) else { return nil }
      let isCeiling = name == "CEIL"
      kernel = points(type, at: 0) { isCeiling ? scale.ceil($0, to: unit) : scale.floor($0, to: unit) }
    case ("TIMESTAMPADD", 3):
      guard case .text(let unit)? = operands[0].literal, let scale = TimeScale(type) else { return nil }
      kernel = add(unit, scale, type)
    case ("TIMESTAMPDIFF", 3):
      guard case .text(let unit)? = operands[0].literal else { return nil }
      kernel = difference(unit, operands[1].type)
    case ("DATE_FORMAT", 2): kernel = try format(context)
    case ("TO_TIMESTAMP", _), ("TO_DATE", _): kernel = try parse(context)
    case ("TO_TIMESTAMP_LTZ", 2):
      kernel = epoch(operands[0].type, inSeconds: operands[1].literal == .int(0), type)
    default: return nil
    }
    return kernel.map { KernelTable.strict(type, $0) }
  }

  /// Seconds or milliseconds since 1970 as milliseconds; null outside the years 0000 to 9999, as in Flink. Fractions of seconds count,
  /// those of milliseconds are cut off.
  private static func epoch(_ operand: DataType, inSeconds: Bool, _ type: DataType) -> Kernel {
    let factor: Int64 = inSeconds ? 1_000 : 1
    let years: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999
    let wide = years.lowerBound / factor...years.upperBound / factor
    if operand == .float64 {
      let wideFloat = Double(wide.lowerBound)...Double(wide.upperBound)
      return { v, n in
        let x = Lane<Double>(v[0])
        return Loops.rows([v[0]], n, type, zero: Int64(0)) { i in
          if inSeconds && !wideFloat.contains(x[i]) { return nil }
          let millis = Int64(saturating: x[i] * Double(factor))
          return years.contains(millis) ? millis : nil
        }
      }
    }
    return { v, n in
      let x = v[0].column.pointer(Int64.self)
      var (least, greatest) = (Int64.max, Int64.min)
      withExtendedLifetime(v) {
        for i in 0..<n {
          least = min(least, x[i])
          greatest = max(greatest, x[i])
        }
      }
      if least >= wide.lowerBound && greatest <= wide.upperBound { return Loops.unary(v[0], n, type) { (x: Int64) in x &* factor } }
      return Loops.rows([v[0]], n, type, zero: Int64(0)) { i in wide.contains(x[i]) ? x[i] &* factor : nil }
    }
  }

  /// A kernel over the Int64 (or a date's Int32) of one operand, giving the same type of point.
  private static func points(_ type: DataType, at operand: Int, _ body: @escaping @Sendable (Int64) -> Int64) -> Kernel {
    { v, n in
      if type == .date { return Loops.unary(v[operand], n, type) { (x: Int32) in Int32(truncatingIfNeeded: body(Int64(x))) } }
      return Loops.unary(v[operand], n, type) { (x: Int64) in body(x) }
    }
  }

  private static func extract(_ unit: String, _ type: DataType) -> Kernel? {
    if type == .intervalMonths {
      guard unit == "YEAR" || unit == "MONTH" || unit == "QUARTER" else { return nil }
      return { v, n in
        Loops.unary(v[1], n, .int64) { (x: Int64) in unit == "YEAR" ? x / 12 : unit == "MONTH" ? x % 12 : x % 12 / 3 + 1 }
      }
    }
    if type == .intervalMillis {
      let (divisor, limit): (Int64, Int64)
      switch unit {
      case "DAY": (divisor, limit) = (86_400_000, .max)
      case "HOUR": (divisor, limit) = (3_600_000, 24)
      case "MINUTE": (divisor, limit) = (60_000, 60)
      case "SECOND": (divisor, limit) = (1_000, 60)
      case "MILLISECOND": (divisor, limit) = (1, 60_000)
      case "EPOCH": (divisor, limit) = (1_000, .max)
      default: return nil
      }
      return { v, n in Loops.unary(v[1], n, .int64) { (x: Int64) in x / divisor % limit } }
    }
    guard let scale = TimeScale(type) else { return nil }
    if type == .date { return { v, n in Loops.unary(v[1], n, .int64) { (x: Int32) in scale.extract(unit, Int64(x)) } } }
    if let (divisor, limit) = scale.clockDigits(unit) {
      return { v, n in
        var start = Int64.max
        return Loops.unary(v[1], n, .int64) { (x: Int64) in
          var offset = x &- start
          if offset < 0 || offset >= scale.day {
            start = floorDivide(x, scale.day) &* scale.day
            offset = x &- start
          }
          return offset / divisor % limit
        }
      }
    }
    guard TimeScale.isOfDay(unit) else { return { v, n in Loops.unary(v[1], n, .int64) { (x: Int64) in scale.extract(unit, x) } } }
    return { v, n in
      // Rows near each other are of one day.
      var (start, value) = (Int64.max, Int64(0))
      return Loops.unary(v[1], n, .int64) { (x: Int64) in
        let offset = x &- start
        if offset < 0 || offset >= scale.day {
          start = floorDivide(x, scale.day) &* scale.day
          value = scale.extract(unit, x)
        }
        return value
      }
    }
  }

  private static func add(_ unit: String, _ scale: TimeScale, _ type: DataType) -> Kernel? {
    let months = TimeScale.months(of: unit)
    let ticks = scale.ticks(of: unit) ?? 0
    @Sendable func moved(_ value: Int64, _ count: Int64) -> Int64 {
      if let months { return scale.addingMonths(count.multipliedReportingOverflow(by: months).partialValue, to: value) }
      return value &+ count &* ticks
    }
    return { v, n in
      if type == .date {
        return Loops.binary(v[2], v[1], n, type) { (x: Int32, count: Int64) in Int32(truncatingIfNeeded: moved(Int64(x), count)) }
      }
      return Loops.binary(v[2], v[1], n, type) { (x: Int64, count: Int64) in moved(x, count) }
    }
  }

  private static func difference(_ unit: String, _ type: DataType) -> Kernel? {
    guard let scale = TimeScale(type) else { return nil }
    let months = TimeScale.months(of: unit)
    let ticks = scale.ticks(of: unit) ?? 0
    let perDay: Int64 = unit == "HOUR" ? 24 : unit == "MINUTE" ? 1_440 : unit == "SECOND" ? 86_400 : unit == "MILLISECOND" ? 86_400_000 : 1
    @Sendable func between(_ from: Int64, _ to: Int64) -> Int32 {
      if let months { return Int32(truncatingIfNeeded: scale.months(from: from, to: to) / months) }
      return Int32(truncatingIfNeeded: ticks == 0 ? (to &- from) &* perDay : (to &- from) / ticks)
    }
    return { v, n in
      if type == .date {
        return Loops.binary(v[1], v[2], n, .int32) { (a: Int32, b: Int32) in between(Int64(a), Int64(b)) }
      }
      return Loops.binary(v[1], v[2], n, .int32) { (a: Int64, b: Int64) in between(a, b) }
    }
  }

  private static func format(_ context: KernelContext) throws(MillraceError) -> Kernel? {
    let pattern = try literalPattern(context)
    guard let scale = TimeScale(context.operands[0].type) else { return nil }
    if context.operands[0].type == .date {
      return { v, n in
        let days = Lane<Int32>(v[0])
        return Loops.text([v[0]], n) { i, out in
          pattern.write(day: Int(days[i]), nanos: 0, to: out)
          return true
        }
      }
    }
    let perTick = 1_000_000_000 / scale.second
    // For so many ticks the text is the same, and rows near each other mostly share it.
    let span = max(1, pattern.constantNanos / perTick)
    return { v, n in
      let points = Lane<Int64>(v[0])
      var (start, place, count) = (Int64.max, 0, 0)
      return Loops.text([v[0]], n) { i, out in
        let value = points[i]
        let offset = value &- start
        if offset >= 0 && offset < span {
          out.repeatBytes(at: place, count: count)
          return true
        }
        place = out.byteCount
        pattern.write(day: scale.days(value), nanos: scale.ticksOfDay(value) &* perTick, to: out)
        count = out.byteCount &- place
        start = floorDivide(value, span) &* span
        return true
      }
    }
  }

  private static func literalPattern(_ context: KernelContext) throws(MillraceError) -> TimePattern {
    guard case .text(let text)? = context.operands[1].literal else {
      throw .notSupported("a date pattern that is not a literal, in \(context.text)")
    }
    var bytes = Array(text.utf8)
    let result = bytes.withUnsafeMutableBufferPointer { buffer in
      Result { () throws(MillraceError) in try TimePattern(UnsafeBufferPointer(buffer)) }
    }
    return try result.get()
  }

  /// Text that is no timestamp becomes null, as in Flink.
  private static func parse(_ context: KernelContext) throws(MillraceError) -> Kernel? {
    let type = context.type
    let pattern = context.operands.count == 2 ? try literalPattern(context) : nil
    if type == .date {
      return { v, n in
        let a = TextLane(v[0])
        return Loops.rows([v[0]], n, type, zero: Int32(0)) { i in
          if let pattern { return pattern.read(a[i]).map { Int32(truncatingIfNeeded: $0.day) } }
          return TimestampText.parseDate(UnsafeRawBufferPointer(a[i]))
        }
      }
    }
    guard let scale = TimeScale(type), let unit = type.timeUnit else { return nil }
    return { v, n in
      let a = TextLane(v[0])
      return Loops.rows([v[0]], n, type, zero: Int64(0)) { i in
        if let pattern {
          return pattern.read(a[i]).map { Int64($0.day) &* scale.day &+ $0.nanos / (1_000_000_000 / scale.second) }
        }
        return TimestampText.parseTimestamp(UnsafeRawBufferPointer(a[i]), unit: unit)?.ticks
      }
    }
  }

  /// A point in time plus or minus an interval, and the interval between two points.
  static func arithmetic(_ name: String, _ a: DataType, _ b: DataType, _ type: DataType) -> Kernel? {
    guard name == "+" || name == "-", let scale = TimeScale(a) else { return nil }
    let sign: Int64 = name == "-" ? -1 : 1
    if b == .intervalMillis {
      if case .time = a {
        return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int64, y: Int64) in scale.ticksOfDay(x &+ sign &* scale.ticks(millis: y)) }
        }
      }
      if a == .date {
        return { v, n in
          Loops.binary(v[0], v[1], n, type) { (x: Int32, y: Int64) in x &+ Int32(truncatingIfNeeded: sign &* scale.ticks(millis: y)) }
        }
      }
      return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int64, y: Int64) in x &+ sign &* scale.ticks(millis: y) } }
    }
    if b == .intervalMonths {
      if a == .date {
        return { v, n in
          Loops.binary(v[0], v[1], n, type) { (x: Int32, y: Int64) in
            Int32(truncatingIfNeeded: TimeScale.addingMonths(sign &* y, toDay: Int(x)))
          }
        }
      }
      return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int64, y: Int64) in scale.addingMonths(sign &* y, to: x) } }
    }
    guard a == b, type == .intervalMillis, name == "-" else { return nil }
    if a == .date { return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int32, y: Int32) in (Int64(x) - Int64(y)) * 86_400_000 } } }
    return { v, n in Loops.binary(v[0], v[1], n, type) { (x: Int64, y: Int64) in (x &- y) / (scale.second / 1_000) } }
  }
}

extension Int64 {
  /// The number cut toward zero, the nearest bound when out of range, 0 for NaN: Java's conversion.
  @inline(__always) init(saturating value: Double) {
    if value >= 9_223_372_036_854_775_808 {
      self = .max
    } else if value <= -9_223_372_036_854_775_808 {
      self = .min
    } else {
      self = value.isNaN ? 0 : Int64(value)
    }
  }
}

extension Int32 {
  /// As `Int64(saturating:)`.
  @inline(__always) init(saturating value: Double) {
    if value >= 2_147_483_647 {
      self = .max
    } else if value <= -2_147_483_648 {
      self = .min
    } else {
      self = value.isNaN ? 0 : Int32(value)
    }
  }
}
