import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// Bytewise comparison of runs of bytes: the order of encoded keys.
enum ByteOrder {
  /// Negative, zero or positive; a prefix comes before what it begins.
  @inline(__always) static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
    if let x = a.baseAddress, let y = b.baseAddress {
      let order = millrace_compare_bytes(x, y, min(a.count, b.count))
      if order != 0 { return Int(order) }
    }
    return a.count &- b.count
  }
}

/// A stored BYTES column without nulls: offsets, then bytes.
enum EncodedBlock {
  static func write(_ column: Column, into writer: inout ByteWriter) {
    let (offsets, bytes) = column.variable
    writer.write(block: UnsafeRawBufferPointer(start: offsets, count: (column.count + 1) * 4))
    writer.write(block: UnsafeRawBufferPointer(start: bytes, count: Int(offsets[column.count])))
    withExtendedLifetime(column) {}
  }

  /// - Throws: `checkpointInvalid` when offsets and bytes do not fit together.
  static func read(_ reader: inout ByteReader, count: Int) throws(MillraceError) -> Column {
    let offsetBytes = try reader.readBlock()
    let bytes = try reader.readBlock()
    func invalid() -> MillraceError {
      MillraceError(.checkpointInvalid, "stored keys are damaged", hint: "restore from an older checkpoint")
    }
    guard offsetBytes.count == (count + 1) * 4 else { throw invalid() }
    let offsets = Buffer(offsetBytes)
    let values = offsets.pointer(Int32.self)
    guard values[0] == 0, Int(values[count]) == bytes.count else { throw invalid() }
    for i in 0..<count where values[i] > values[i + 1] { throw invalid() }
    return Column(type: .bytes, count: count, values: .variable(offsets: offsets, bytes: Buffer(bytes)))
  }
}
