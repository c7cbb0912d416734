import MillraceColumns
import MillraceTypes

/// One state of a keyed function: values by key id. Owned by the operator that runs the function.
public protocol KeyedState: AnyObject {
  /// Unique within its function.
  var name: String { get }
  /// Kind, types and life time, e.g. `VALUE BIGINT`: what stored bytes must have been written as.
  var form: String { get }
  func bind(_ core: FunctionCore)
  func isEmpty(_ id: Int32) -> Bool
  /// Writes what the key has.
  func write(_ id: Int32, into writer: inout ByteWriter)
  func read(_ id: Int32, from reader: inout ByteReader) throws(MillraceError)
  /// Drops what its life time is over for; returns keys that lost something.
  func expire() -> [Int32]
}
