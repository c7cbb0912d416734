import MillraceColumns
import MillraceTypes

/// Rows that wait for the watermark, by key group: the part of a snapshot that operators over ordered rows share.
enum PendingRows {
  /// The rows of a batch by the key group of their key, an empty key being all in group 0.
  ///
  /// - Parameter keys: the batch's key columns.
  static func byKeyGroup(_ batch: Batch, keys: [Column], maxParallelism: Int) -> [Int: Batch] {
    guard batch.rowCount > 0 else { return [:] }
    if keys.isEmpty { return [0: batch] }
    var hashes = [Int32](repeating: 0, count: batch.rowCount)
    hashes.withUnsafeMutableBufferPointer { out in
      if let base = out.baseAddress { KeyHasher.hashes(of: keys, rowCount: batch.rowCount, into: base) }
    }
    var rows: [Int: [Int32]] = [:]
    for (row, hash) in hashes.enumerated() {
      rows[KeyGroup.of(hash: hash, maxParallelism: maxParallelism), default: []].append(Int32(row))
    }
    return rows.mapValues { $0.withUnsafeBufferPointer(batch.take) }
  }

  /// Rows may not be retracted here, nor stand for several.
  static func requireInsertions(_ batch: Batch, _ what: String) throws(MillraceError) {
    guard let weights = batch.weights, batch.rowCount > 0 else { return }
    let values = weights.pointer(Int64.self)
    for i in 0..<batch.rowCount where values[i] != 1 {
      throw .notSupported("\(what) over an updating input", hint: "ask it of the rows before they are aggregated or joined")
    }
  }
}
