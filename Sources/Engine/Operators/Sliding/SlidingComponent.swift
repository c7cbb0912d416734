import CMillraceKernels
import MillraceColumns
import MillraceTypes

/// What happens to the keys of one branch, in the total order: rows that enter, and rows that ask.
struct SlidingSteps {
  var count: Int
  /// Dense key id, or -1 for a key that has nothing (asks only).
  var keys: UnsafePointer<Int32>
  /// Of an entering row its mark: event time, or its ordinal among the key's rows. Of an asking row "now" in the same measure: a
  /// window of length w holds the entries with now - w <= mark. Never falls for one key.
  var marks: UnsafePointer<Int64>
  /// Index of an entering row in its batch; of an asking row `~i`, i being the place of its result.
  var rows: UnsafePointer<Int32>
}

/// The aggregates of a lane that share one structure, for every key.
///
/// A lane is the rows of a branch for which an argument is not null and a filter true. Components know keys as dense ids and
/// see entries of one key in order of marks. A value is a pure function of the entries in its window: neither evictions nor
/// snapshots nor what came before the window may change a bit of it.
class SlidingComponent {
  /// Lengths of the windows, ascending; empty when all are unbounded.
  let lengths: [Int64]
  /// Whether windows have no bound: such a component has no `lengths` and keeps what never expires.
  let isUnbounded: Bool
  let outputs: [SlidingOutput]
  /// `outputs` as plain memory for the run at hand.
  let targets: UnsafeMutablePointer<ResultTarget>
  var longest: Int64 { lengths.last ?? 0 }

  init(lengths: [Int64], outputs: [SlidingOutput]) {
    self.lengths = lengths
    self.outputs = outputs
    isUnbounded = lengths.isEmpty
    targets = .allocate(capacity: max(1, outputs.count))
  }

  deinit { targets.deallocate() }

  /// Points the targets at this run's results.
  final func aim() {
    for (index, output) in outputs.enumerated() {
      (targets + index).initialize(
        to: ResultTarget(
          function: output.function, form: output.result.form, length: output.length, index: index, words: output.result.words,
          wides: output.result.wides, valid: output.result.valid))
    }
  }

  @inline(__always) final func emitNull(_ target: ResultTarget, _ row: Int) {
    if target.form == .bytes {
      outputs[target.index].result.builder?.appendNull()
    } else {
      target.setNull(row)
    }
  }

  /// Emits a value that is held as lanes hold them.
  @inline(__always) final func emit(stored: UnsafePointer<Int64>, _ target: ResultTarget, _ row: Int) {
    switch target.form {
    case .none, .word: target.set(stored[0], row)
    case .wide: target.set(wide: WideWords.load(stored), row)
    case .bytes: outputs[target.index].result.builder?.append(bytes: Blob.bytes(stored[0]))
    }
  }

  /// What every output is over no rows at all.
  final func emitNothing(_ row: Int) {
    for index in 0..<outputs.count {
      if targets[index].function.isCount { targets[index].set(0, row) } else { emitNull(targets[index], row) }
    }
  }

  /// Bytes reserved for what keys have.
  var heldBytes: Int { 0 }

  /// Makes ids below `bound` usable.
  func grow(to bound: Int) {}

  /// Feeds entering rows and answers asking ones.
  func run(_ steps: SlidingSteps, _ rows: LaneRows) {}

  /// Drops what no window at or after `now` can hold; true when the key has nothing left.
  func sweep(_ key: Int32, now: Int64) -> Bool { true }

  /// Forgets a key.
  func clear(_ key: Int32) {}

  /// Writes what a key has; `read` loads it into a key that has nothing.
  func write(_ key: Int32, into writer: inout ByteWriter) {}
  func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {}

  static func damaged(_ what: String) -> MillraceError {
    MillraceError(.checkpointInvalid, "stored window state is damaged: \(what)", hint: "restore from an older checkpoint")
  }

  /// `now - length`, saturating.
  @inline(__always) static func bound(_ now: Int64, _ length: Int64) -> Int64 {
    let (value, overflow) = now.subtractingReportingOverflow(length)
    return overflow ? .min : value
  }

  /// First index in `low..<high` whose mark is at or above `bound`; entries are `stride` words, the mark first.
  @inline(__always) static func lowerBound(
    _ entries: UnsafePointer<Int64>, stride: Int, _ low: Int, _ high: Int, _ bound: Int64
  ) -> Int {
    var low = low
    var count = high &- low
    while count > 0 {
      let half = count >> 1
      if entries[(low &+ half) &* stride] < bound {
        low = low &+ half &+ 1
        count = count &- half &- 1
      } else {
        count = half
      }
    }
    return low
  }
}

/// What a component computes for one aggregate call.
enum SlidingFunction: UInt8 {
  case count
  case integerSum, integerAverage
  case decimalSum, decimalAverage
  case floatSum, floatAverage
  case variancePopulation, varianceSample, deviationPopulation, deviationSample
  case first, last, minimum, maximum
  case distinct, approximateDistinct

  var isCount: Bool { self == .count || self == .distinct || self == .approximateDistinct }
}

/// One aggregate call that a component answers.
struct SlidingOutput {
  var function: SlidingFunction
  /// Index into the component's lengths; 0 when unbounded.
  var length: Int
  var result: SlidingResult
}

/// Where the values of one output go.
struct ResultTarget {
  let function: SlidingFunction
  let form: ValueForm
  let length: Int
  let index: Int
  let words: UnsafeMutablePointer<Int64>
  let wides: UnsafeMutablePointer<Int128>
  let valid: UnsafeMutablePointer<UInt8>

  @inline(__always) func setNull(_ row: Int) {
    valid[row] = 0
    if form == .wide { wides[row] = 0 } else { words[row] = 0 }
  }

  @inline(__always) func set(_ word: Int64, _ row: Int) {
    words[row] = word
    valid[row] = 1
  }

  @inline(__always) func set(float value: Double, _ row: Int) { set(Int64(bitPattern: value.bitPattern), row) }

  @inline(__always) func set(wide: Int128, _ row: Int) {
    wides[row] = wide
    valid[row] = 1
  }
}

/// Values as they are stored in an entry: words, or a block of bytes behind a word.
enum StoredValue {
  /// Copies a row's value to where an entry keeps it.
  @inline(__always) static func store(_ rows: LaneRows, _ row: Int, _ target: UnsafeMutablePointer<Int64>) {
    switch rows.form {
    case .none: break
    case .word: target[0] = rows.words[row]
    case .wide: WideWords.store(rows.wides[row], target)
    case .bytes: target[0] = Blob.make(rows.slice(row))
    }
  }

  static func write(_ form: ValueForm, _ words: UnsafePointer<Int64>, into writer: inout ByteWriter) {
    switch form {
    case .none: break
    case .word: writer.write(words[0])
    case .wide:
      writer.write(words[0])
      writer.write(words[1])
    case .bytes: writer.write(block: Blob.bytes(words[0]))
    }
  }

  static func read(_ form: ValueForm, _ words: UnsafeMutablePointer<Int64>, from reader: inout ByteReader) throws(MillraceError) {
    switch form {
    case .none: break
    case .word: words[0] = try reader.readInt64()
    case .wide:
      words[0] = try reader.readInt64()
      words[1] = try reader.readInt64()
    case .bytes: words[0] = try reader.readBlock().withUnsafeBytes { Blob.make($0) }
    }
  }

  /// Least bytes that a stored value takes.
  static func leastBytes(_ form: ValueForm) -> Int { form == .none ? 0 : form == .wide ? 16 : 8 }
}
