import MillraceColumns
import MillraceTypes

/// Rows copied out of an operator's state at a barrier, in parts. They are split by key group when they are encoded.
struct FrozenRows: Sendable {
  private struct Part: Sendable {
    let rows: Batch
    let keys: [Column]
  }
  /// Most rows of a part: the bytes of a text column of one must not pass 2 GB.
  private static let partRows = 1 << 17
  private var parts: [Part] = []
  private let maxParallelism: Int

  /// - Parameters:
  ///   - numbers: rows of the store.
  ///   - weights: per row of the store; nil when rows have none.
  ///   - keys: the key columns of some rows.
  init(
    _ store: RowStore, _ numbers: [Int32], weights: UnsafePointer<Int64>? = nil, maxParallelism: Int,
    keys: (Batch) throws(MillraceError) -> [Column]
  ) throws(MillraceError) {
    self.maxParallelism = maxParallelism
    for start in stride(from: 0, to: numbers.count, by: Self.partRows) {
      let part = Array(numbers[start..<min(numbers.count, start + Self.partRows)])
      var rows = store.gather(part)
      if let weights { rows.weights = .int64s(part.map { weights[Int($0)] }) }
      parts.append(Part(rows: rows, keys: try keys(rows)))
    }
  }

  /// Rows that are batches already and never change.
  init(
    _ batches: [Batch], maxParallelism: Int, keys: (Batch) throws(MillraceError) -> [Column]
  ) throws(MillraceError) {
    self.maxParallelism = maxParallelism
    for rows in batches where rows.rowCount > 0 { parts.append(Part(rows: rows, keys: try keys(rows))) }
  }

  /// Sorts the rows into key groups.
  func split() -> Split { Split(parts: parts.map { ($0.rows, $0.rows.rowsByKeyGroup($0.keys, maxParallelism: maxParallelism)) }) }

  struct Split: Sendable {
    fileprivate let parts: [(rows: Batch, byKeyGroup: [[Int32]])]

    func hasRows(_ keyGroup: Int) -> Bool { parts.contains { !$0.byKeyGroup[keyGroup].isEmpty } }

    /// Key groups with rows.
    var keyGroups: Set<Int> {
      var found: Set<Int> = []
      for part in parts { for (keyGroup, rows) in part.byKeyGroup.enumerated() where !rows.isEmpty { found.insert(keyGroup) } }
      return found
    }

    /// Writes the rows of a key group; `FrozenRows.read` gives them back.
    func write(_ keyGroup: Int, into writer: inout ByteWriter) {
      let filled = parts.filter { !$0.byKeyGroup[keyGroup].isEmpty }
      writer.write(count: filled.count)
      for part in filled { BatchCodec.write(part.rows.take(rows: part.byKeyGroup[keyGroup]), into: &writer) }
    }
  }

  /// - Throws: `checkpointInvalid` when the bytes are not rows of that schema.
  static func read(_ reader: inout ByteReader, schema: Schema) throws(MillraceError) -> [Batch] {
    var batches: [Batch] = []
    for _ in 0..<(try reader.readCount(unit: 8)) { batches.append(try BatchCodec.decode(try reader.readBlock(), schema: schema)) }
    return batches
  }
}

/// The key groups of whose waiting rows the last snapshot told: an increment must say of each of them what waits now, if only that
/// nothing does.
struct WaitingKeyGroups {
  private var told: Set<Int> = []

  /// Key groups whose waiting rows the snapshot at hand has to tell.
  ///
  /// - Parameter waiting: key groups with waiting rows now.
  mutating func next(_ waiting: Set<Int>, isIncrement: Bool) -> Set<Int> {
    let all = isIncrement ? told.union(waiting) : waiting
    told = waiting
    return all
  }
}
