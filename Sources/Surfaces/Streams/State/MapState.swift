import MillraceOperators
import MillraceRows
import MillraceTypes

/// Values by a key of their own, per key of the function. Entries are listed in the order of their keys; with a life time each has its own.
public final class MapState<EntryKey: RowValue & Hashable & Comparable, Value: RowValue>: StateCell, KeyedState {
  private struct Entry {
    var value: Value
    var written: Int64
  }
  /// By key id.
  private var maps: [[EntryKey: Entry]] = []

  /// - Parameter name: unique in its function; names the state in checkpoints.
  public init(_ name: String, keys: EntryKey.Type = EntryKey.self, values: Value.Type = Value.self, timeToLive: TimeToLive? = nil) {
    super.init(name, timeToLive)
  }

  /// Of the current key; setting nil removes an entry.
  public subscript(entry: EntryKey) -> Value? {
    get {
      let key = key
      guard key < maps.count, let found = maps[key][entry], !isOver(found.written) else { return nil }
      if timeToLive?.refreshesOnRead == true { stamp(key, entry) }
      return found.value
    }
    set {
      let key = slot()
      guard let newValue else {
        maps[key][entry] = nil
        return
      }
      maps[key][entry] = Entry(value: newValue, written: now)
      note(key, written: now)
    }
  }

  public subscript(entry: EntryKey, default value: Value) -> Value {
    get { self[entry] ?? value }
    set { self[entry] = newValue }
  }

  /// Ascending.
  public var keys: [EntryKey] {
    guard key < maps.count else { return [] }
    return maps[key].compactMap { isOver($0.value.written) ? nil : $0.key }.sorted()
  }

  /// By key, ascending.
  public var entries: [(key: EntryKey, value: Value)] { keys.compactMap { entry in self[entry].map { (entry, $0) } } }
  public var count: Int {
    guard key < maps.count else { return 0 }
    return isTimed ? keys.count : maps[key].count
  }
  public var isEmpty: Bool { count == 0 }

  public func clear() { if key < maps.count { maps[key] = [:] } }

  private func stamp(_ key: Int, _ entry: EntryKey) {
    maps[key][entry]?.written = now
    note(key, written: now)
  }

  private func slot() -> Int {
    let key = key
    while maps.count <= key { maps.append([:]) }
    return key
  }

  // MARK: for the operator

  public var form: String { "MAP \(Self.typeText(EntryKey.self)) TO \(Self.typeText(Value.self))\(timeText)" }
  public func isEmpty(_ id: Int32) -> Bool { Int(id) >= maps.count || maps[Int(id)].isEmpty }

  public func write(_ id: Int32, into writer: inout ByteWriter) {
    let map = Int(id) < maps.count ? maps[Int(id)] : [:]
    writer.write(count: map.count)
    for (key, entry) in map.sorted(by: { $0.key < $1.key }) {
      key.encode(into: &writer)
      if isTimed { writer.write(entry.written) }
      entry.value.encode(into: &writer)
    }
  }

  public func read(_ id: Int32, from reader: inout ByteReader) throws(MillraceError) {
    while maps.count <= Int(id) { maps.append([:]) }
    for _ in 0..<(try reader.readCount(unit: 1)) {
      let key = try EntryKey(decoding: &reader)
      let written = isTimed ? try reader.readInt64() : 0
      maps[Int(id)][key] = Entry(value: try Value(decoding: &reader), written: written)
      note(Int(id), written: written)
    }
    sortDue()
  }

  public func expire() -> [Int32] {
    let found = takeDue()
    for id in found where Int(id) < maps.count { maps[Int(id)] = maps[Int(id)].filter { !isOver($0.value.written) } }
    return found
  }
}
