import MillraceColumns
import MillraceTypes

/// What makes a checkpoint complete: everything of it but operator state, and where that lies.
struct CheckpointManifest: Sendable, Equatable {
  /// The bytes of one key group in a state file.
  struct Block: Sendable, Equatable {
    var keyGroup: Int
    var offset: Int64
    var byteCount: Int
    var checksum: UInt64
  }

  /// What one checkpoint wrote of an operator instance: its whole state, or what had changed since the layer before.
  struct Layer: Sendable, Equatable {
    /// The checkpoint in whose folder the state file lies.
    var checkpoint: Int64
    var blocks: [Block]
    var byteCount: Int64 { blocks.reduce(0) { $0 + Int64($1.byteCount) } }
  }

  var id: Int64
  var identity: CheckpointIdentity
  /// The job has ended: all its output is in `sinks` and no operator has state.
  var isEnd: Bool
  /// operator id -> partition that wrote -> layers, a whole one first.
  var operators: [String: [Int: [Layer]]] = [:]
  var sources: [String: [String: [UInt8]]] = [:]
  var sinks: [String: [Int: [UInt8]]] = [:]
  var lateRows: [String: Int64] = [:]

  init(id: Int64, identity: CheckpointIdentity, isEnd: Bool) {
    self.id = id
    self.identity = identity
    self.isEnd = isEnd
  }

  /// Bytes of state that the checkpoint consists of.
  var stateBytes: Int64 { allLayers.reduce(0) { $0 + $1.byteCount } }

  /// Checkpoints whose state files are needed.
  var references: Set<Int64> { Set(allLayers.lazy.filter { !$0.blocks.isEmpty }.map(\.checkpoint)) }

  var allLayers: [Layer] {
    operators.keys.sorted().flatMap { id in (operators[id] ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value) }
  }

  static func checksum(_ bytes: [UInt8], from start: Int = 0) -> UInt64 {
    bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { KeyEncoder.hash($0 + start, count: buffer.count - start) } ?? 0
    }
  }

  // MARK: bytes

  private static let format = 2
  private static let title = "millrace checkpoint "

  /// A line with the format's number, a checksum of the rest, then everything in sorted order: equal manifests have equal bytes.
  func encoded() -> [UInt8] {
    var out = ByteWriter()
    out.write(id)
    out.write(UInt8(isEnd ? 1 : 0))
    identity.write(into: &out)
    writeTables(sources, &out) { $1.write($0) }
    writeTables(sinks, &out) { $1.write(count: $0) }
    out.write(count: lateRows.count)
    for name in lateRows.keys.sorted() {
      out.write(name)
      out.write(lateRows[name] ?? 0)
    }
    out.write(count: operators.count)
    for name in operators.keys.sorted() {
      out.write(name)
      let writers = operators[name] ?? [:]
      out.write(count: writers.count)
      for partition in writers.keys.sorted() {
        out.write(count: partition)
        let layers = writers[partition] ?? []
        out.write(count: layers.count)
        for layer in layers { Self.write(layer, &out) }
      }
    }
    var whole = ByteWriter()
    for byte in "\(Self.title)\(Self.format)\n".utf8 { whole.write(byte) }
    whole.write(Self.checksum(out.bytes))
    return whole.bytes + out.bytes
  }

  private static func write(_ layer: Layer, _ out: inout ByteWriter) {
    out.write(layer.checkpoint)
    out.write(count: layer.blocks.count)
    for block in layer.blocks {
      out.write(count: block.keyGroup)
      out.write(block.offset)
      out.write(count: block.byteCount)
      out.write(block.checksum)
    }
  }

  private func writeTables<Key: Comparable>(
    _ tables: [String: [Key: [UInt8]]], _ out: inout ByteWriter, _ writeKey: (Key, inout ByteWriter) -> Void
  ) {
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

  /// - Throws: `checkpointInvalid` when the bytes are not a manifest, are damaged, or are of another format.
  init(decoding bytes: [UInt8], path: String) throws(MillraceError) {
    func invalid(_ why: String) -> MillraceError { MillraceError(.checkpointInvalid, why, subject: path, hint: Self.otherWays) }
    guard let end = bytes.firstIndex(of: 10), end < 64,
      case let line = String(decoding: bytes[..<end], as: UTF8.self), line.hasPrefix(Self.title),
      let format = Int(line.dropFirst(Self.title.count))
    else { throw invalid("this is not a checkpoint manifest") }
    guard format == Self.format else {
      throw MillraceError(
        .checkpointInvalid, "checkpoint format \(format) is not the one this build reads (\(Self.format))", subject: path,
        hint: "restore it with the Millrace version that wrote it")
    }
    var reader = ByteReader(Array(bytes[(end + 1)...]))
    guard bytes.count - end - 1 >= 8, try reader.readUInt64() == Self.checksum(bytes, from: end + 9) else {
      throw invalid("the manifest is damaged: its checksum is another")
    }
    id = try reader.readInt64()
    isEnd = try reader.readUInt8() != 0
    identity = try CheckpointIdentity(&reader)
    sources = try Self.readTables(&reader) { reader throws(MillraceError) in try reader.readText() }
    sinks = try Self.readTables(&reader) { reader throws(MillraceError) in try reader.readCount() }
    for _ in 0..<(try reader.readCount(unit: 8)) {
      let name = try reader.readText()
      lateRows[name] = try reader.readInt64()
    }
    for _ in 0..<(try reader.readCount(unit: 8)) {
      let name = try reader.readText()
      for _ in 0..<(try reader.readCount(unit: 8)) {
        let partition = try reader.readCount()
        var layers: [Layer] = []
        for _ in 0..<(try reader.readCount(unit: 16)) { layers.append(try Self.readLayer(&reader)) }
        operators[name, default: [:]][partition] = layers
      }
    }
    guard reader.isAtEnd else { throw invalid("the manifest is damaged: bytes are left over") }
  }

  static let otherWays = "restore an older checkpoint with --restore-from <folder>, or start anew with another --checkpoint-dir"

  private static func readLayer(_ reader: inout ByteReader) throws(MillraceError) -> Layer {
    var layer = Layer(checkpoint: try reader.readInt64(), blocks: [])
    for _ in 0..<(try reader.readCount(unit: 32)) {
      layer.blocks.append(
        Block(
          keyGroup: try reader.readCount(), offset: try reader.readInt64(), byteCount: try reader.readCount(),
          checksum: try reader.readUInt64()))
    }
    return layer
  }

  private static func readTables<Key: Hashable>(
    _ reader: inout ByteReader, _ readKey: (inout ByteReader) throws(MillraceError) -> Key
  ) throws(MillraceError) -> [String: [Key: [UInt8]]] {
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
}
