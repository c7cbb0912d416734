import MillraceTypes

/// The state of an operator instance by key group, or what has changed of it. Operators without keys use key group 0 of a single
/// partition.
///
/// An operator freezes its state at the barrier, as cheaply as it can, and leaves the rest to encodings that run later on another
/// thread.
public struct OperatorSnapshot: Sendable {
  /// Takes the bytes of a key group; an encoding calls it at most once for each.
  public typealias Emit = (_ keyGroup: Int, _ bytes: [UInt8]) throws(MillraceError) -> Void
  /// Makes bytes of what was frozen.
  public typealias Encoding = @Sendable (_ emit: Emit) throws(MillraceError) -> Void

  /// State that is ready, by key group.
  public var keyGroups: [Int: [UInt8]] = [:]
  /// The caller holds this instance's last snapshot and will lay this one over it: what has not changed since may be left out.
  public let allowsIncrement: Bool
  /// Set by an operator that left something out.
  public var isIncrement = false
  /// Rows (or keys) that the instance holds, and those that this snapshot writes: tells the caller when increments stop paying off.
  public var liveCount = 0
  public var writtenCount = 0
  private var encodings: [Encoding] = []

  public init(allowsIncrement: Bool = false) { self.allowsIncrement = allowsIncrement }

  /// Leaves work for later. It may only touch what nobody changes any more.
  public mutating func encodeLater(_ encoding: @escaping Encoding) { encodings.append(encoding) }

  /// There is nothing in it.
  public var isEmpty: Bool { keyGroups.isEmpty && encodings.isEmpty }

  /// Makes the bytes, a key group at a time. Does the work that was left for later, each time it is called.
  public func forEachKeyGroup(_ body: Emit) throws(MillraceError) {
    for keyGroup in keyGroups.keys.sorted() { try body(keyGroup, keyGroups[keyGroup] ?? []) }
    for encoding in encodings { try encoding(body) }
  }

  /// All bytes at once.
  public func encoded() throws(MillraceError) -> [Int: [UInt8]] {
    var all: [Int: [UInt8]] = [:]
    try forEachKeyGroup { keyGroup, bytes throws(MillraceError) in all[keyGroup] = bytes }
    return all
  }
}
