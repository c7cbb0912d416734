import MillraceColumns
import MillraceTypes

extension KeyIndex {
  /// The ids of encoded keys (a BYTES column without nulls), each once; keys that are not here are left out.
  ///
  /// - Throws: `checkpointInvalid` when the bytes are not keys of the index.
  func knownIDs(ofEncoded keys: Column) throws(MillraceError) -> [Int32] {
    guard keys.count > 0 else { return [] }
    var ids = [Int32](repeating: -1, count: keys.count)
    let columns = try KeyDecoder.columns(keys, types: types)
    ids.withUnsafeMutableBufferPointer { out in
      if let base = out.baseAddress { self.ids(of: columns, rowCount: keys.count, into: base, insert: false) }
    }
    return Set(ids).subtracting([-1]).sorted()
  }
}
