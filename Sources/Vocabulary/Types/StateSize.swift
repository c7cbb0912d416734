/// How much an operator keeps at a moment.
public struct StateSize: Sendable, Hashable {
  /// Keys that have state: groups, partitions, join keys. 0 where an operator keeps rows without knowing them by key.
  public var keys: Int
  /// Memory of the stores that state lies in, in bytes: what they have reserved, room to grow included, without the allocator's own
  /// and without scratch memory. A checkpoint is usually smaller.
  public var bytes: Int

  public static let none = StateSize(keys: 0, bytes: 0)

  public init(keys: Int, bytes: Int) {
    self.keys = keys
    self.bytes = bytes
  }

  public static func + (a: StateSize, b: StateSize) -> StateSize { StateSize(keys: a.keys + b.keys, bytes: a.bytes + b.bytes) }
}
