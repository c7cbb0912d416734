import MillraceOperators
import MillraceRows
import MillraceTypes

/// A list of values per key, in the order in which they were appended. With a life time each element has its own.
public final class ListState<Element: RowValue>: StateCell, KeyedState {
  private struct Entry {
    var element: Element
    var written: Int64
  }
  /// By key id.
  private var lists: [[Entry]] = []

  /// - Parameter name: unique in its function; names the state in checkpoints.
  public init(_ name: String, of type: Element.Type = Element.self, timeToLive: TimeToLive? = nil) { super.init(name, timeToLive) }

  /// The elements of the current key.
  public var elements: [Element] {
    get { live.map(\.element) }
    set { replace(newValue.map { Entry(element: $0, written: now) }) }
  }

  public var count: Int { isTimed ? live.count : key < lists.count ? lists[key].count : 0 }
  public var isEmpty: Bool { count == 0 }

  public func append(_ element: Element) {
    let key = slot()
    lists[key].append(Entry(element: element, written: now))
    note(key, written: now)
  }

  /// Calls the closure with each element, in order.
  public func forEach(_ body: (Element) throws -> Void) rethrows { for entry in live { try body(entry.element) } }

  public func removeAll(where isRemoved: (Element) throws -> Bool) rethrows {
    let key = slot()
    // Out of its place while the closure runs, so that nothing is copied.
    var list: [Entry] = []
    swap(&list, &lists[key])
    defer { swap(&list, &lists[key]) }
    try list.removeAll { try isOver($0.written) || isRemoved($0.element) }
  }

  public func clear() { if key < lists.count { lists[key] = [] } }

  private var live: ArraySlice<Entry> {
    let key = key
    guard key < lists.count else { return [] }
    // Elements were written one after the other.
    guard isTimed else { return lists[key][...] }
    if timeToLive?.refreshesOnRead == true {
      lists[key].removeAll { isOver($0.written) }
      for i in lists[key].indices { lists[key][i].written = now }
      if !lists[key].isEmpty { note(key, written: now) }
    }
    return lists[key].drop { isOver($0.written) }
  }

  private func replace(_ entries: [Entry]) {
    let key = slot()
    lists[key] = entries
    if !entries.isEmpty { note(key, written: now) }
  }

  private func slot() -> Int {
    let key = key
    while lists.count <= key { lists.append([]) }
    return key
  }

  // MARK: for the operator

  public var form: String { "LIST \(Self.typeText(Element.self))\(timeText)" }
  public func isEmpty(_ id: Int32) -> Bool { Int(id) >= lists.count || lists[Int(id)].isEmpty }

  public func write(_ id: Int32, into writer: inout ByteWriter) {
    let entries = Int(id) < lists.count ? lists[Int(id)] : []
    writer.write(count: entries.count)
    for entry in entries {
      if isTimed { writer.write(entry.written) }
      entry.element.encode(into: &writer)
    }
  }

  public func read(_ id: Int32, from reader: inout ByteReader) throws(MillraceError) {
    while lists.count <= Int(id) { lists.append([]) }
    for _ in 0..<(try reader.readCount(unit: 1)) {
      let written = isTimed ? try reader.readInt64() : 0
      lists[Int(id)].append(Entry(element: try Element(decoding: &reader), written: written))
      note(Int(id), written: written)
    }
    sortDue()
  }

  public func expire() -> [Int32] {
    let found = takeDue()
    for id in found where Int(id) < lists.count { lists[Int(id)].removeAll { isOver($0.written) } }
    return found
  }
}
