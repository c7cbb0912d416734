import MillraceOperators
import MillraceRows
import MillraceTypes

/// One value per key.
public final class ValueState<Value: RowValue>: StateCell, KeyedState {
  @usableFromInline let initial: Value
  /// By key id.
  @usableFromInline var values: [Value?] = []
  /// When each was written; for life times only.
  private var written: [Int64] = []

  /// - Parameters:
  ///   - name: unique in its function; names the state in checkpoints.
  ///   - value: what a key has that has none.
  public init(_ name: String, default value: Value, timeToLive: TimeToLive? = nil) {
    initial = value
    super.init(name, timeToLive)
  }

  /// Of the current key.
  @inlinable public var value: Value {
    get {
      if isTimed { return timedValue ?? initial }
      let key = key
      return key < values.count ? values[key] ?? initial : initial
    }
    set { self.set(newValue) }
    @inline(__always) _modify {
      var copy = value
      defer { self.set(copy) }
      yield &copy
    }
  }

  /// Whether the current key has a value of its own.
  public var isSet: Bool { isTimed ? timedValue != nil : key < values.count && values[key] != nil }

  public func clear() { if key < values.count { values[key] = nil } }

  @usableFromInline func set(_ value: Value) {
    let key = key
    while values.count <= key { values.append(nil) }
    values[key] = value
    if isTimed { stamp(key) }
  }

  @usableFromInline var timedValue: Value? {
    let key = key
    guard key < values.count, let value = values[key], !isOver(written[key]) else { return nil }
    if timeToLive?.refreshesOnRead == true { stamp(key) }
    return value
  }

  private func stamp(_ key: Int, at time: Int64? = nil) {
    while written.count <= key { written.append(.min) }
    let time = time ?? now
    guard written[key] != time || values[key] == nil else { return }
    written[key] = time
    note(key, written: time)
  }

  // MARK: for the operator

  public var form: String { "VALUE \(Self.typeText(Value.self))\(timeText)" }
  public func isEmpty(_ id: Int32) -> Bool { Int(id) >= values.count || values[Int(id)] == nil }

  public func write(_ id: Int32, into writer: inout ByteWriter) {
    guard Int(id) < values.count, let value = values[Int(id)] else {
      writer.write(UInt8(0))
      return
    }
    writer.write(UInt8(1))
    if isTimed { writer.write(written[Int(id)]) }
    value.encode(into: &writer)
  }

  public func read(_ id: Int32, from reader: inout ByteReader) throws(MillraceError) {
    guard try reader.readUInt8() != 0 else { return }
    let time = isTimed ? try reader.readInt64() : 0
    let value = try Value(decoding: &reader)
    while values.count <= Int(id) { values.append(nil) }
    if isTimed { stamp(Int(id), at: time) }
    values[Int(id)] = value
    sortDue()
  }

  public func expire() -> [Int32] {
    let found = takeDue()
    for id in found where Int(id) < values.count && values[Int(id)] != nil && isOver(written[Int(id)]) { values[Int(id)] = nil }
    return found
  }
}

extension ValueState {
  /// A value that is nil where a key has none.
  public convenience init<Wrapped: RowValue>(_ name: String, of type: Wrapped.Type = Wrapped.self, timeToLive: TimeToLive? = nil)
  where Value == Wrapped? { self.init(name, default: nil, timeToLive: timeToLive) }
}
