import MillraceColumns
import MillraceTypes

/// The session's time zone: functions and casts that read a TIMESTAMP_LTZ as a local time, or a local time as one, get it as an operand.
///
/// `LOCAL_TIME_IN(instant, zone)` is the TIMESTAMP on the wall at an instant, `INSTANT_IN(timestamp, zone)` the way back, and
/// `INSTANT_OF(text, zone, is try)` reads a text, which may name its own offset.
extension FunctionRegistry {
  /// Sets the zone by its name; UTC needs none.
  ///
  /// - Throws: `invalid-sql` naming a zone that is not known.
  public mutating func setTimeZone(_ name: String) throws(MillraceError) {
    localZone = TimeZoneName.fixedOffset(name) == 0 ? nil : try TimeZoneName.literal(name, zoneFiles)
  }

  /// A call whose zone names are literals: CONVERT_TZ and TO_TIMESTAMP_LTZ(text, pattern, zone) become the steps they stand for.
  func converted(_ call: Expression) throws(MillraceError) -> Expression {
    guard case .call(let name, let operands) = call.kind, name == "CONVERT_TZ" || name == "TO_TIMESTAMP_IN" else { return call }
    var zones: [Expression] = []
    for operand in operands.dropFirst(name == "CONVERT_TZ" ? 1 : 2) {
      guard case .text(let name)? = operand.literal else {
        if operand.isNullLiteral { return .null(call.type) }
        throw .notSupported("a time zone that is not a literal")
      }
      zones.append(try TimeZoneName.literal(name, zoneFiles))
    }
    let type = DataType.timestamp(precision: 3)
    if name == "TO_TIMESTAMP_IN" {
      return Self.instant(.call("TO_TIMESTAMP", Array(operands[..<2]), type, isNullable: true), zones[0])
    }
    let pattern = Expression.literal(.text("yyyy-MM-dd HH:mm:ss"), .text)
    let local = Expression.call("TO_TIMESTAMP", [operands[0], pattern], type, isNullable: true)
    let moved = Self.local(Self.instant(local, zones[0]), zones[1])
    return .call("DATE_FORMAT", [moved, pattern], .text)
  }

  private static func local(_ instant: Expression, _ zone: Expression) -> Expression {
    .call("LOCAL_TIME_IN", [instant, zone], .timestamp(precision: instant.type.timePrecision ?? 3), isNullable: instant.isNullable)
  }

  private static func instant(_ local: Expression, _ zone: Expression) -> Expression {
    .call("INSTANT_IN", [local, zone], .timestampLTZ(precision: local.type.timePrecision ?? 3), isNullable: local.isNullable)
  }

  /// The expression in the session's time zone. Parts that are so already stay as they are.
  func localised(_ expression: Expression) -> Expression {
    guard let zone = localZone else { return expression }
    return expression.transformed { node in
      switch node.kind {
      case .cast(let operand, let isTry): return Self.localised(node, operand, isTry, zone)
      case .call("EXTRACT", let operands) where operands[1].type.isZoned && operands[0].literal != .text("EPOCH"):
        return node.withOperands([operands[0], Self.local(operands[1], zone)])
      case .call("DATE_FORMAT", let operands) where operands[0].type.isZoned:
        return node.withOperands([Self.local(operands[0], zone), operands[1]])
      case .call("FLOOR", let operands), .call("CEIL", let operands):
        guard operands.count == 2, operands[0].type.isZoned, case .call(let name, _) = node.kind else { return node }
        let local = Self.local(operands[0], zone)
        return Self.instant(.call(name, [local, operands[1]], local.type, isNullable: node.isNullable), zone)
      case .call("TO_TIMESTAMP", let operands) where node.type.isZoned:
        return Self.instant(
          .call("TO_TIMESTAMP", operands, .timestamp(precision: node.type.timePrecision ?? 3), isNullable: node.isNullable), zone)
      default: return node
      }
    }
  }

  private static func localised(_ node: Expression, _ operand: Expression, _ isTry: Bool, _ zone: Expression) -> Expression {
    switch (operand.type, node.type) {
    case (.timestampLTZ, .timestamp), (.timestampLTZ, .date), (.timestampLTZ, .time), (.timestampLTZ, .text):
      return local(operand, zone).cast(to: node.type, isTry: isTry)
    case (.timestamp, .timestampLTZ(let precision)), (.date, .timestampLTZ(let precision)):
      return instant(operand.cast(to: .timestamp(precision: precision), isTry: isTry), zone)
    case (.text, .timestampLTZ):
      return .call("INSTANT_OF", [operand, zone, .literal(.bool(isTry), .boolean)], node.type, isNullable: node.isNullable)
    default: return node
    }
  }
}

extension DataType {
  var isZoned: Bool { if case .timestampLTZ = self { true } else { false } }
}

/// The kernels of time zones.
enum ZoneKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    guard name == "LOCAL_TIME_IN" || name == "INSTANT_IN" || name == "INSTANT_OF", let rules = TimeZoneName.rules(of: context.operands[1]),
      let unit = context.type.timeUnit
    else { return nil }
    let type = context.type
    let perSecond = unit.perSecond
    switch name {
    case "LOCAL_TIME_IN":
      return KernelTable.strict(type) { v, n in
        Loops.unary(v[0], n, type) { (x: Int64) in x &+ rules.offset(at: floorDivide(x, perSecond)) &* perSecond }
      }
    case "INSTANT_IN":
      return KernelTable.strict(type) { v, n in
        Loops.unary(v[0], n, type) { (x: Int64) in
          let second = floorDivide(x, perSecond)
          return rules.instant(ofLocal: second) &* perSecond &+ (x &- second &* perSecond)
        }
      }
    default:
      let isTry = context.operands[2].literal == .bool(true)
      let reason = "the text cannot be read as \(type), in \(context.text)"
      return KernelTable.strict(type) { v, n in
        let a = TextLane(v[0])
        var collector = FaultCollector(n)
        let result = Loops.rows([v[0]], n, type, zero: Int64(0)) { i -> Int64? in
          guard let read = TimestampText.parseTimestamp(UnsafeRawBufferPointer(a[i]), unit: unit) else {
            if !isTry { collector.mark(i) }
            return nil
          }
          if read.hasZone { return read.ticks }
          let second = floorDivide(read.ticks, perSecond)
          return rules.instant(ofLocal: second) &* perSecond &+ (read.ticks &- second &* perSecond)
        }
        return Loops.adding(collector.faults(reason), to: result)
      }
    }
  }
}
