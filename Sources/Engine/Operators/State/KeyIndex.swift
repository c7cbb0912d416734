import MillraceColumns
import MillraceTypes

/// Maps the key columns of rows to dense ids, a batch at a time: the index of all keyed state.
///
/// Two rows get one id exactly when their keys have equal `KeyEncoder` bytes (so nulls are equal, 0.0 is -0.0, one NaN is
/// another). Ids count from 0; those of removed keys are used again. An id says nothing about order and must never decide any
/// output: `sortedIDs` gives the canonical order. Owned by one operator.
public final class KeyIndex {
  public let types: [DataType]
  public let maxParallelism: Int

  private enum Storage {
    case integer(IntegerKeyTable)
    case bytes(BytesKeyTable)
  }
  private let storage: Storage

  public init(types: [DataType], maxParallelism: Int = KeyGroup.defaultMaxParallelism) {
    self.types = types
    self.maxParallelism = maxParallelism
    storage = types.count == 1 && IntegerKeyTable.accepts(types[0]) ? .integer(IntegerKeyTable()) : .bytes(BytesKeyTable())
  }

  /// Keys present.
  public var count: Int {
    switch storage {
    case .integer(let table): table.ids.count
    case .bytes(let table): table.ids.count
    }
  }

  /// Bytes reserved for keys.
  public var heldBytes: Int {
    switch storage {
    case .integer(let table): table.heldBytes
    case .bytes(let table): table.heldBytes
    }
  }

  /// Every id ever handed out is below this: the size for arrays by id.
  public var idBound: Int {
    switch storage {
    case .integer(let table): Int(table.ids.bound)
    case .bytes(let table): Int(table.ids.bound)
    }
  }

  /// The ids of `rowCount` keys.
  ///
  /// - Parameters:
  ///   - keys: one column per key, of the index's types.
  ///   - out: room for `rowCount` ids.
  ///   - insert: whether new keys are added; otherwise they give -1.
  public func ids(of keys: [Column], rowCount: Int, into out: UnsafeMutablePointer<Int32>, insert: Bool) {
    guard rowCount > 0 else { return }
    switch storage {
    case .integer(let table): table.lookUp(keys[0], rowCount: rowCount, into: out, insert: insert)
    case .bytes(let table):
      if keys.isEmpty {
        out.update(repeating: table.id(of: [], insert: insert), count: rowCount)
      } else {
        table.lookUp(KeyEncoder.encode(keys, rowCount: rowCount), rowCount: rowCount, into: out, insert: insert)
      }
    }
  }

  /// The ids of keys that are already encoded (a BYTES column without nulls).
  public func ids(ofEncoded keys: Column, into out: UnsafeMutablePointer<Int32>, insert: Bool) throws(MillraceError) {
    switch storage {
    case .bytes(let table): table.lookUp(keys, rowCount: keys.count, into: out, insert: insert)
    case .integer:
      let columns = try KeyDecoder.columns(keys, types: types)
      ids(of: columns, rowCount: keys.count, into: out, insert: insert)
    }
  }

  public func keyGroup(ofID id: Int32) -> Int {
    KeyGroup.of(hash: KeyEncoder.keyGroupHash(hash(ofID: id)), maxParallelism: maxParallelism)
  }

  private func hash(ofID id: Int32) -> UInt64 {
    switch storage {
    case .integer(let table):
      if id == table.nullID { return withUnsafePointer(to: UInt8(1)) { KeyEncoder.hash($0, count: 1) } }
      return KeyEncoder.hash(int64: table.key(ofID: id))
    case .bytes(let table): return table.hash(ofID: id)
    }
  }

  /// Appends the encoded key of an id.
  public func appendKey(ofID id: Int32, to out: inout [UInt8]) {
    switch storage {
    case .integer(let table):
      if id == table.nullID {
        out.append(1)
      } else {
        out.append(2)
        KeyEncoder.append(table.key(ofID: id), to: &out)
      }
    case .bytes(let table): out.append(contentsOf: table.key(ofID: id))
    }
  }

  /// Encoded keys of ids, each after `prefix`: a BYTES column.
  ///
  /// - Parameter keys: what `keyColumns` gave for the ids, if it is at hand.
  public func encodedKeys(_ ids: [Int32], keys: [Column]? = nil, prefix: [UInt8] = []) -> Column {
    switch storage {
    case .integer(let table): KeyEncoder.encode(keys ?? [integers(table, ids)], rowCount: ids.count, prefix: prefix)
    case .bytes(let table): table.keys(ofIDs: ids, prefix: prefix)
    }
  }

  /// The keys of ids as columns of the index's types. Values are canonical: 0.0 for -0.0, one NaN.
  public func keyColumns(_ ids: [Int32]) throws(MillraceError) -> [Column] {
    guard case .integer(let table) = storage else { return try KeyDecoder.columns(encodedKeys(ids), types: types) }
    return [integers(table, ids)]
  }

  private func integers(_ table: IntegerKeyTable, _ ids: [Int32]) -> Column {
    if (types[0].fixedWidth ?? 8) == 8 && (table.nullID < 0 || !ids.contains(table.nullID)) {
      let out = Buffer(uninitialized: ids.count * 8)
      table.keys(ofIDs: ids, into: out.pointer(Int64.self))
      return Column(type: types[0], count: ids.count, values: .fixed(out))
    }
    let builder = ColumnBuilder(types[0], capacity: ids.count)
    for id in ids {
      if id == table.nullID { builder.appendNull() } else { builder.append(integer: table.key(ofID: id)) }
    }
    return builder.finish()
  }

  /// Forgets keys; their ids may be handed out again.
  public func remove(_ ids: [Int32]) {
    for id in ids {
      switch storage {
      case .integer(let table): table.remove(id)
      case .bytes(let table): table.remove(id)
      }
    }
  }

  /// All ids present, in no particular order.
  public func allIDs() -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(count)
    switch storage {
    case .integer(let table): table.forEachID { ids.append($0) }
    case .bytes(let table): table.forEachID { ids.append($0) }
    }
    return ids
  }

  /// The given ids in canonical order: bytewise by encoded key.
  public func sorted(_ ids: [Int32]) -> [Int32] {
    switch storage {
    case .integer(let table):
      let null = table.nullID
      let others = null < 0 ? ids : ids.filter { $0 != null }
      let sorted = RadixSort.sorted(others, keys: others.map { table.key(ofID: $0) })
      return (others.count < ids.count ? [null] : []) + sorted
    case .bytes(let table):
      return ids.sorted { Self.precedes(table.key(ofID: $0), table.key(ofID: $1)) }
    }
  }

  /// Two lists in canonical order as one; cheap when one of them is short.
  func merged(_ long: [Int32], _ short: [Int32]) -> [Int32] {
    if long.count < short.count { return merged(short, long) }
    if short.isEmpty { return long }
    var out: [Int32] = []
    out.reserveCapacity(long.count + short.count)
    var at = 0
    for id in short {
      // Double the stride until past the id, then halve it.
      var stride = 1
      var low = at
      while low + stride < long.count && precedes(long[low + stride], id) {
        low += stride
        stride *= 2
      }
      var high = min(long.count, low + stride)
      while low < high {
        let middle = (low + high) / 2
        if precedes(long[middle], id) { low = middle + 1 } else { high = middle }
      }
      out.append(contentsOf: long[at..<low])
      out.append(id)
      at = low
    }
    out.append(contentsOf: long[at...])
    return out
  }

  /// Whether one id comes before another in canonical order.
  func precedes(_ a: Int32, _ b: Int32) -> Bool {
    switch storage {
    case .integer(let table):
      if a == table.nullID || b == table.nullID { return a == table.nullID && b != table.nullID }
      return table.key(ofID: a) < table.key(ofID: b)
    case .bytes(let table): return Self.precedes(table.key(ofID: a), table.key(ofID: b))
    }
  }

  /// Ids by key group, each list in canonical order; key groups without keys are left out.
  public func idsByKeyGroup() -> [(keyGroup: Int, ids: [Int32])] {
    var groups = [[Int32]](repeating: [], count: maxParallelism)
    for id in allIDs() { groups[keyGroup(ofID: id)].append(id) }
    return groups.enumerated().compactMap { $1.isEmpty ? nil : ($0, sorted($1)) }
  }

  /// Bytewise order.
  static func precedes(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    ByteOrder.compare(a, b) < 0
  }

  // MARK: snapshots

  /// Writes the keys of ids; `readKeys` gives them back in the same order.
  public func writeKeys(_ ids: [Int32], into writer: inout ByteWriter) {
    let keys = encodedKeys(ids)
    writer.write(count: ids.count)
    let (offsets, bytes) = keys.variable
    writer.write(block: UnsafeRawBufferPointer(start: offsets, count: (ids.count + 1) * 4))
    writer.write(block: UnsafeRawBufferPointer(start: bytes, count: Int(offsets[ids.count])))
    withExtendedLifetime(keys) {}
  }

  /// Adds keys that `writeKeys` wrote and returns their ids in the order written.
  ///
  /// - Throws: `checkpointInvalid` when the bytes are not such keys.
  public func readKeys(_ reader: inout ByteReader) throws(MillraceError) -> [Int32] {
    let count = try reader.readCount(unit: 4)
    let keys = try EncodedBlock.read(&reader, count: count)
    var ids = [Int32](repeating: -1, count: count)
    // Decoding checks the bytes; a key that does not decode to the types must not enter the index.
    let columns = try KeyDecoder.columns(keys, types: types)
    ids.withUnsafeMutableBufferPointer { out in
      if let base = out.baseAddress { self.ids(of: columns, rowCount: count, into: base, insert: true) }
    }
    return ids
  }
}
