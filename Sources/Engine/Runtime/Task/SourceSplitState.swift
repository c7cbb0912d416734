import MillraceColumns
import MillraceConnectors
import MillraceTypes

/// Where the reading of one split is.
struct SourceSplitState {
  let split: SourceSplit
  /// nil once the split has ended in an earlier life of the job.
  private(set) var reader: (any SourceReader)?
  /// The clock of the rows so far, or what it follows while idle.
  var watermark = EventTime.beginning
  var isEnded = false
  /// While idle the split has followed others up to here: older rows are late. It no longer matters once its own clock is there.
  var followed = EventTime.beginning
  /// Since when every read has brought nothing, and when the last one did.
  var quietSinceMicros: Int64?
  var lastReadMicros: Int64 = 0
  var isIdle = false
  /// Its place among the clocks of the job; nil for a table without event time.
  var slot: Int?

  /// Opens a split, where a checkpoint left it if there is one.
  init(
    _ split: SourceSplit, saved: [UInt8]?, open: ([UInt8]?) throws(MillraceError) -> any SourceReader
  ) throws(MillraceError) {
    self.split = split
    guard let saved else {
      reader = try open(nil)
      return
    }
    var stored = ByteReader(saved)
    watermark = try stored.readInt64()
    isEnded = try stored.readUInt8() != 0
    let position = try stored.readBlock()
    if !stored.isAtEnd { followed = try stored.readInt64() }
    if !isEnded { reader = try open(position) }
  }

  /// What a checkpoint keeps of it.
  var saved: [UInt8] {
    var out = ByteWriter()
    out.write(watermark)
    out.write(isEnded ? UInt8(1) : 0)
    out.write(block: isEnded ? [] : reader?.position ?? [])
    out.write(followed)
    return out.bytes
  }
}
