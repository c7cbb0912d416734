import MillraceColumns
import MillraceEnvironment
import MillraceFormats
import MillracePlan
import MillraceTypes

/// Makes rows from their numbers; see `DatagenConnector`.
final class DatagenReader: SourceReader {
  private let plan: DatagenPlan
  private let stamper: RowStamper
  private var nextRow: Int64 = 0
  private let startMicros: Int64

  init(_ request: SourceRequest, split: SourceSplit, plan: DatagenPlan, position: [UInt8]?) throws(MillraceError) {
    self.plan = plan
    stamper = try RowStamper(request, split: split, name: "datagen \(request.table.name)")
    if let position {
      var reader = ByteReader(position)
      guard try reader.readUInt8() == 1 else {
        throw MillraceError(.checkpointInvalid, "the generator's position was written by another version", subject: request.table.name)
      }
      nextRow = try reader.readInt64()
      startMicros = try reader.readInt64()
      stamper.clock = try reader.readInt64()
    } else {
      startMicros = plan.startMicros ?? request.environment.clock.nowMicros
    }
  }

  var position: [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(nextRow)
    writer.write(startMicros)
    writer.write(stamper.clock)
    return writer.bytes
  }

  func next(maxRows: Int) throws(MillraceError) -> SourceEvent {
    let left = plan.rowCount.map { $0 - nextRow } ?? .max
    guard left > 0 else { return .end }
    let count = Int(min(Int64(max(1, maxRows)), left))
    var columns: [Column] = []
    for index in stamper.needed { columns.append(try column(plan.columns[index], index, count)) }
    let first = nextRow
    nextRow += Int64(count)
    let lines = Column.int64s((0..<count).map { first &+ Int64($0) &+ 1 })
    guard let batch = try stamper.stamp(DecodedRows(columns: columns, rowCount: count, lines: lines)) else { return .idle }
    return .batch(batch, watermark: stamper.clock)
  }

  /// 64 bits that belong to a row of a column, and to nothing else.
  @inline(__always) private func bits(_ row: Int64, _ salt: UInt64) -> UInt64 {
    SeededGenerator.mix(SeededGenerator.mix(plan.seed &+ salt &* 0x9E37_79B9_7F4A_7C15) ^ UInt64(bitPattern: row) &* 0xD1B5_4A32_D192_ED03)
  }

  private func column(_ column: DatagenPlan.Column, _ index: Int, _ count: Int) throws(MillraceError) -> Column {
    let salt = UInt64(truncatingIfNeeded: index &* 4 &+ 1)
    let result: Column
    switch column.type {
    case .int64 where column.nullRate == 0:
      // The one that benchmarks use.
      let buffer = Buffer(uninitialized: count * 8)
      let out = buffer.pointer(Int64.self)
      if column.isSequence {
        for i in 0..<count { out[i] = column.start &+ nextRow &+ Int64(i) }
      } else {
        let (low, span) = range(column, .min, .max)
        for i in 0..<count { out[i] = pick(bits(nextRow &+ Int64(i), salt), low, span) }
      }
      result = Column(type: .int64, count: count, values: .fixed(buffer))
    default:
      let builder = ColumnBuilder(column.type, capacity: count)
      for i in 0..<count {
        let row = nextRow &+ Int64(i)
        if column.nullRate > 0 && unit(bits(row, salt &+ 1)) < column.nullRate {
          builder.appendNull()
        } else {
          try builder.append(value(column, column.type, row, bits(row, salt)))
        }
      }
      result = builder.finish()
    }
    return result
  }

  /// A number from 0 up to, not including, 1.
  private func unit(_ bits: UInt64) -> Double { Double(bits >> 11) * 0x1p-53 }

  /// The least number and how many there are (0 standing for 2^64).
  private func range(_ column: DatagenPlan.Column, _ typeMin: Int64, _ typeMax: Int64) -> (Int64, UInt64) {
    let low = max(typeMin, column.minimumInteger ?? column.minimum.map { Int64(exactly: $0.rounded(.up)) ?? typeMin } ?? typeMin)
    let high = min(typeMax, column.maximumInteger ?? column.maximum.map { Int64(exactly: $0.rounded(.down)) ?? typeMax } ?? typeMax)
    return (low, UInt64(bitPattern: max(low, high) &- low) &+ 1)
  }

  @inline(__always) private func pick(_ bits: UInt64, _ low: Int64, _ span: UInt64) -> Int64 {
    low &+ Int64(bitPattern: span == 0 ? bits : bits.multipliedFullWidth(by: span).high)
  }

  private func value(_ column: DatagenPlan.Column, _ type: DataType, _ row: Int64, _ bits: UInt64) -> Value {
    if column.isSequence {
      let number = column.start &+ row
      switch type {
      case .float32, .float64: return .float(Double(number))
      case .decimal(_, let scale):
        var unscaled = Int128(number)
        for _ in 0..<scale { unscaled = unscaled &* 10 }
        return .decimal(unscaled)
      case .text: return .text(String(number))
      default: return .int(number)
      }
    }
    func integer(_ low: Int64, _ high: Int64) -> Value {
      let (start, span) = range(column, low, high)
      return .int(pick(bits, start, span))
    }
    switch type {
    case .null: return .null
    case .boolean: return .bool(bits & 1 == 1)
    case .int8: return integer(Int64(Int8.min), Int64(Int8.max))
    case .int16: return integer(Int64(Int16.min), Int64(Int16.max))
    case .int32: return integer(Int64(Int32.min), Int64(Int32.max))
    case .int64: return integer(.min, .max)
    case .intervalMonths: return integer(0, 1200)
    case .intervalMillis: return integer(0, 86_400_000)
    case .float32, .float64:
      let limit = type == .float32 ? Double(Float.greatestFiniteMagnitude) : Double.greatestFiniteMagnitude
      let low = column.minimum ?? 0
      let share = unit(bits)
      // Weighted sum, since the difference of the bounds may overflow.
      return .float(low * (1 - share) + (column.maximum ?? limit) * share)
    case .decimal(let precision, let scale):
      var unit: Double = 1
      for _ in 0..<scale { unit *= 10 }
      var limit: Double = 1
      for _ in 0..<min(15, precision) { limit *= 10 }
      let low = column.minimum.map { max(-limit, $0 * unit) } ?? 0
      let high = column.maximum.map { min(limit - 1, $0 * unit) } ?? limit - 1
      let share = self.unit(bits)
      return .decimal(Int128((low * (1 - share) + high * share).rounded()))
    case .text: return .text(String(decoding: hex(column, bits), as: UTF8.self))
    case .bytes: return .bytes(hex(column, bits))
    case .date: return .int((instant(column, row, bits) / 86_400_000_000))
    case .time(let precision): return .int(Int64(bits >> 1) % (86_400 * TimeUnit(precision: precision).perSecond))
    case .timestamp(let precision), .timestampLTZ(let precision):
      let micros = instant(column, row, bits)
      switch TimeUnit(precision: precision) {
      case .millis: return .int(micros / 1000 &- (micros % 1000 < 0 ? 1 : 0))
      case .micros: return .int(micros)
      case .nanos: return .int(micros &* 1000)
      }
    case .array(let element):
      return .list((0..<length(column, bits)).map { value(column, element.type, row, SeededGenerator.mix(bits &+ UInt64($0) &+ 1)) })
    case .map(let key, let item):
      let parts = (0..<length(column, bits)).map { SeededGenerator.mix(bits &+ UInt64($0) &+ 1) }
      return .map(parts.map { value(column, key.type, row, $0) }, parts.map { value(column, item.type, row, ~$0) })
    case .row(let fields):
      return .row(fields.enumerated().map { value(column, $1.type, row, SeededGenerator.mix(bits &+ UInt64($0) &+ 1)) })
    }
  }

  private func instant(_ column: DatagenPlan.Column, _ row: Int64, _ bits: UInt64) -> Int64 {
    let offset = (Double(row) * 1_000_000 / plan.rowsPerSecond).rounded(.down)
    let past = column.maxPastMicros > 0 ? pick(bits, 0, UInt64(column.maxPastMicros) &+ 1) : 0
    return startMicros &+ (Int64(exactly: offset) ?? 0) &- past
  }

  private func length(_ column: DatagenPlan.Column, _ bits: UInt64) -> Int {
    column.hasVariableLength && column.length > 1 ? 1 + Int(SeededGenerator.mix(bits) % UInt64(column.length)) : column.length
  }

  private static let digits = Array("0123456789abcdef".utf8)

  /// Random text as Flink makes it: hexadecimal digits.
  private func hex(_ column: DatagenPlan.Column, _ bits: UInt64) -> [UInt8] {
    let count = length(column, bits)
    var out: [UInt8] = []
    out.reserveCapacity(count)
    var generator = SeededGenerator(seed: bits)
    while out.count < count {
      var word = generator.next()
      for _ in 0..<min(16, count - out.count) {
        out.append(Self.digits[Int(word & 15)])
        word >>= 4
      }
    }
    return out
  }
}
