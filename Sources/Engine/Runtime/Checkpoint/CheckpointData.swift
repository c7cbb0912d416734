import MillraceColumns
import MillraceTypes

/// Everything a job needs to go on after a stop: source positions, operator state by key group, what sinks have promised.
public struct CheckpointData: Sendable, Equatable {
  public var id: Int64
  public var maxParallelism: Int
  /// Hash of the physical plan's operators; a checkpoint of another plan is refused.
  public var planFingerprint: UInt64
  /// operator id -> key group -> state.
  public var operators: [String: [Int: [UInt8]]] = [:]
  /// source id -> split id -> position.
  public var sources: [String: [String: [UInt8]]] = [:]
  /// sink id -> subtask -> what it prepared.
  public var sinks: [String: [Int: [UInt8]]] = [:]
  /// Late rows dropped so far, by source id.
  public var lateRows: [String: Int64] = [:]

  public init(id: Int64, maxParallelism: Int, planFingerprint: UInt64) {
    self.id = id
    self.maxParallelism = maxParallelism
    self.planFingerprint = planFingerprint
  }

  static let formatVersion: Int32 = 1

  /// The stored form: version, contents in sorted order, so equal checkpoints have equal bytes.
  public func encoded() -> [UInt8] {
    var out = ByteWriter()
    out.write(Self.formatVersion)
    out.write(id)
    out.write(count: maxParallelism)
    out.write(planFingerprint)
    func write<Key: Comparable>(_ tables: [String: [Key: [UInt8]]], _ writeKey: (Key, inout ByteWriter) -> Void) {
      out.write(count: tables.count)
      for name in tables.keys.sorted() {
        out.write(name)
        let entries = tables[name] ?? [:]
        out.write(count: entries.count)
        for key in entries.keys.sorted() {
          writeKey(key, &out)
          out.write(block: entries[key] ?? [])
        }
      }
    }
    write(operators) { $1.write(count: $0) }
    write(sources) { $1.write($0) }
    write(sinks) { $1.write(count: $0) }
    out.write(count: lateRows.count)
    for name in lateRows.keys.sorted() {
      out.write(name)
      out.write(lateRows[name] ?? 0)
    }
    return out.bytes
  }

  public init(decoding bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    let version = try reader.readInt32()
    guard version == Self.formatVersion else {
      throw MillraceError(
        .checkpointInvalid, "checkpoint format \(version) is not the one this build reads (\(Self.formatVersion))",
        hint: "restore it with the Millrace version that wrote it")
    }
    id = try reader.readInt64()
    maxParallelism = try reader.readCount()
    planFingerprint = try reader.readUInt64()
    func read<Key>(_ readKey: (inout ByteReader) throws(MillraceError) -> Key) throws(MillraceError) -> [String: [Key: [UInt8]]] {
      var tables: [String: [Key: [UInt8]]] = [:]
      for _ in 0..<(try reader.readCount(unit: 8)) {
        let name = try reader.readText()
        var entries: [Key: [UInt8]] = [:]
        for _ in 0..<(try reader.readCount(unit: 8)) {
          let key = try readKey(&reader)
          entries[key] = try reader.readBlock()
        }
        tables[name] = entries
      }
      return tables
    }
    operators = try read { reader throws(MillraceError) in try reader.readCount() }
    sources = try read { reader throws(MillraceError) in try reader.readText() }
    sinks = try read { reader throws(MillraceError) in try reader.readCount() }
    for _ in 0..<(try reader.readCount(unit: 8)) {
      let name = try reader.readText()
      lateRows[name] = try reader.readInt64()
    }
  }
}
