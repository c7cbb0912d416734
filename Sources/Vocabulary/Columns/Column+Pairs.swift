import MillraceTypes

extension Column {
  /// Compares each even row with the odd one behind it: clears `isEqual[i]` where rows 2i and 2i + 1 differ. A null equals a null; floats
  /// are equal when their bits are.
  ///
  /// - Parameter isEqual: half as many as the column has rows.
  public func comparePairs(_ isEqual: inout [UInt8]) {
    let pairs = count / 2
    if case .none = values { return }
    if let validity {
      for i in 0..<pairs where validity[2 &* i] != validity[2 &* i &+ 1] { isEqual[i] = 0 }
    }
    func compare<T: FixedWidthInteger>(_ values: UnsafePointer<T>) {
      if let validity {
        for i in 0..<pairs where validity[2 &* i] && values[2 &* i] != values[2 &* i &+ 1] { isEqual[i] = 0 }
      } else {
        for i in 0..<pairs { isEqual[i] &= values[2 &* i] == values[2 &* i &+ 1] ? 1 : 0 }
      }
    }
    switch values {
    case .fixed:
      switch type.fixedWidth ?? 8 {
      case 1: compare(pointer(UInt8.self))
      case 2: compare(pointer(UInt16.self))
      case 4: compare(pointer(UInt32.self))
      case 16: compare(pointer(UInt128.self))
      default: compare(pointer(UInt64.self))
      }
    default:
      let encoded = KeyEncoder.encode([self], rowCount: count)
      let (offsets, bytes) = encoded.variable
      for i in 0..<pairs where isEqual[i] != 0 {
        let (a, b, c) = (Int(offsets[2 &* i]), Int(offsets[2 &* i &+ 1]), Int(offsets[2 &* i &+ 2]))
        let same =
          b &- a == c &- b
          && UnsafeBufferPointer(start: bytes + a, count: b &- a).elementsEqual(UnsafeBufferPointer(start: bytes + b, count: c &- b))
        if !same { isEqual[i] = 0 }
      }
      withExtendedLifetime(encoded) {}
    }
  }
}
