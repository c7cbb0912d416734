import MillraceTypes

extension KeyEncoder {
  /// Encodes the key of each row, as a BYTES column without nulls.
  ///
  /// - Parameter prefix: bytes put before each key (a rank, say).
  public static func encode(_ columns: [Column], rowCount: Int, prefix: [UInt8] = []) -> Column {
    guard columns.allSatisfy(isFlat) else { return encodeByRow(columns, rowCount: rowCount, prefix: prefix) }
    // Lengths first, column by column, then the bytes into their places.
    let offsets = Buffer(uninitialized: (rowCount + 1) * 4)
    let starts = offsets.pointer(Int32.self)
    starts[0] = 0
    let ends = starts + 1
    ends.update(repeating: Int32(truncatingIfNeeded: prefix.count), count: rowCount)
    for column in columns { addLengths(of: column, rowCount, to: ends) }
    var total: Int32 = 0
    for row in 0..<rowCount {
      total &+= ends[row]
      ends[row] = total
    }
    let bytes = Buffer(uninitialized: Int(total))
    let out = bytes.pointer(UInt8.self)
    // Where the next byte of each row goes.
    let cursors = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, rowCount))
    defer { cursors.deallocate() }
    cursors.update(from: starts, count: rowCount)
    for (i, byte) in prefix.enumerated() { for row in 0..<rowCount { out[Int(cursors[row]) &+ i] = byte } }
    if !prefix.isEmpty { for row in 0..<rowCount { cursors[row] &+= Int32(truncatingIfNeeded: prefix.count) } }
    for column in columns { write(column, rowCount, out, cursors) }
    return Column(type: .bytes, count: rowCount, values: .variable(offsets: offsets, bytes: bytes))
  }

  private static func isFlat(_ column: Column) -> Bool {
    switch column.values {
    case .none, .bits, .fixed, .variable: true
    case .list, .fields: false
    }
  }

  private static func encodeByRow(_ columns: [Column], rowCount: Int, prefix: [UInt8]) -> Column {
    var out: [UInt8] = []
    out.reserveCapacity(rowCount * (prefix.count + columns.count * 12))
    var offsets = [Int32](repeating: 0, count: rowCount + 1)
    for row in 0..<rowCount {
      out.append(contentsOf: prefix)
      for column in columns { append(column, row, to: &out) }
      offsets[row + 1] = Int32(truncatingIfNeeded: out.count)
    }
    return Column(type: .bytes, count: rowCount, values: .variable(offsets: Buffer(offsets), bytes: Buffer(out)))
  }

  private static func addLengths(of column: Column, _ rowCount: Int, to lengths: UnsafeMutablePointer<Int32>) {
    switch column.values {
    case .variable(let offsets, let bytes):
      let (o, source) = (offsets.pointer(Int32.self), bytes.pointer(UInt8.self))
      if !hasZero(column) {
        if let validity = column.validity {
          for row in 0..<rowCount { lengths[row] &+= validity[row] ? o[row &+ 1] &- o[row] &+ 3 : 1 }
        } else {
          for row in 0..<rowCount { lengths[row] &+= o[row &+ 1] &- o[row] &+ 3 }
        }
        return
      }
      for row in 0..<rowCount {
        if let validity = column.validity, !validity[row] {
          lengths[row] &+= 1
          continue
        }
        var zeros: Int32 = 0
        for at in Int(o[row])..<Int(o[row &+ 1]) { zeros &+= source[at] == 0 ? 1 : 0 }
        lengths[row] &+= o[row &+ 1] &- o[row] &+ zeros &+ 3
      }
    case .none: for row in 0..<rowCount { lengths[row] &+= 1 }
    case .bits, .fixed, .list, .fields:
      let width: Int32 = if case .bits = column.values { 1 } else { column.type.isDecimal ? 16 : 8 }
      if let validity = column.validity {
        for row in 0..<rowCount { lengths[row] &+= validity[row] ? 1 &+ width : 1 }
      } else {
        for row in 0..<rowCount { lengths[row] &+= 1 &+ width }
      }
    }
  }

  /// Whether some byte has to be escaped.
  private static func hasZero(_ column: Column) -> Bool {
    let (offsets, bytes) = column.variable
    var least: UInt8 = 1
    for at in Int(offsets[0])..<Int(offsets[column.count]) { least = min(least, bytes[at]) }
    return least == 0
  }

  private static func write(
    _ column: Column, _ rowCount: Int, _ out: UnsafeMutablePointer<UInt8>, _ cursors: UnsafeMutablePointer<Int32>
  ) {
    switch column.values {
    case .none, .list, .fields:
      for row in 0..<rowCount {
        out[Int(cursors[row])] = 1
        cursors[row] &+= 1
      }
    case .bits(let bits):
      place(column.validity, rowCount, out, cursors, width: 1) { target, row in target.pointee = bits[row] ? 1 : 0 }
    case .fixed(let buffer):
      switch column.type {
      case .int8: integers(buffer.pointer(Int8.self), column.validity, rowCount, out, cursors)
      case .int16: integers(buffer.pointer(Int16.self), column.validity, rowCount, out, cursors)
      case .int32, .date: integers(buffer.pointer(Int32.self), column.validity, rowCount, out, cursors)
      case .float32:
        let values = buffer.pointer(Float.self)
        place(column.validity, rowCount, out, cursors, width: 8) { store(orderedBits(Double(values[$1])), $0) }
      case .float64:
        let values = buffer.pointer(Double.self)
        place(column.validity, rowCount, out, cursors, width: 8) { store(orderedBits(values[$1]), $0) }
      case .decimal:
        let values = buffer.pointer(Int128.self)
        place(column.validity, rowCount, out, cursors, width: 16) { target, row in
          let bits = UInt128(bitPattern: values[row]) ^ (1 << 127)
          store(UInt64(truncatingIfNeeded: bits >> 64), target)
          store(UInt64(truncatingIfNeeded: bits), target + 8)
        }
      default: integers(buffer.pointer(Int64.self), column.validity, rowCount, out, cursors)
      }
    case .variable(let offsets, let bytes):
      let (o, source) = (offsets.pointer(Int32.self), bytes.pointer(UInt8.self))
      let escapes = hasZero(column)
      for row in 0..<rowCount {
        var at = Int(cursors[row])
        if let validity = column.validity, !validity[row] {
          out[at] = 1
          cursors[row] &+= 1
          continue
        }
        out[at] = 2
        at &+= 1
        if escapes {
          for from in Int(o[row])..<Int(o[row &+ 1]) {
            out[at] = source[from]
            at &+= 1
            if source[from] == 0 {
              out[at] = 0xFF
              at &+= 1
            }
          }
        } else {
          let count = Int(o[row &+ 1] &- o[row])
          (out + at).copyShort(from: source + Int(o[row]), count: count)
          at &+= count
        }
        out[at] = 0
        out[at &+ 1] = 1
        cursors[row] = Int32(truncatingIfNeeded: at &+ 2)
      }
    }
    withExtendedLifetime(column) {}
  }

  @inline(__always) private static func integers<T: FixedWidthInteger>(
    _ values: UnsafePointer<T>, _ validity: Bitmap?, _ rowCount: Int, _ out: UnsafeMutablePointer<UInt8>,
    _ cursors: UnsafeMutablePointer<Int32>
  ) {
    place(validity, rowCount, out, cursors, width: 8) { target, row in
      store(UInt64(bitPattern: Int64(truncatingIfNeeded: values[row])) ^ (1 << 63), target)
    }
  }

  @inline(__always) private static func store(_ value: UInt64, _ target: UnsafeMutablePointer<UInt8>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value.bigEndian, as: UInt64.self)
  }

  @inline(__always) private static func place(
    _ validity: Bitmap?, _ rowCount: Int, _ out: UnsafeMutablePointer<UInt8>, _ cursors: UnsafeMutablePointer<Int32>, width: Int,
    _ body: (UnsafeMutablePointer<UInt8>, Int) -> Void
  ) {
    let step = Int32(truncatingIfNeeded: width &+ 1)
    for row in 0..<rowCount {
      let target = out + Int(cursors[row])
      if let validity, !validity[row] {
        target.pointee = 1
        cursors[row] &+= 1
      } else {
        target.pointee = 2
        body(target + 1, row)
        cursors[row] &+= step
      }
    }
  }
}
