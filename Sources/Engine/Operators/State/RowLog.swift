import MillraceColumns
import MillraceTypes

/// Rows kept in the order they were appended, named by a number that never changes, and forgotten from the front.
///
/// Rows lie in a few segments whose sizes fall from front to back: small neighbours are joined, so a row is copied about
/// log(n) times in its life and gathering rows touches few segments.
struct RowLog {
  private struct Segment {
    var start: Int
    var rows: Batch
    var end: Int { start + rows.rowCount }
  }
  private let schema: Schema
  private var segments: [Segment] = []
  /// Rows before this number are gone (or may go any time).
  private(set) var start = 0
  private(set) var end = 0

  init(schema: Schema) { self.schema = schema }

  var heldBytes: Int { segments.reduce(0) { $0 + $1.rows.heldBytes } }

  mutating func append(_ batch: Batch) {
    guard batch.rowCount > 0 else { return }
    segments.append(Segment(start: end, rows: batch))
    end += batch.rowCount
    while segments.count > 1, segments[segments.count - 2].rows.rowCount < 2 * segments[segments.count - 1].rows.rowCount {
      let last = segments.removeLast()
      let previous = segments.removeLast()
      let begin = max(previous.start, min(start, previous.end))
      let kept = previous.rows.slice((begin - previous.start)..<previous.rows.rowCount)
      segments.append(Segment(start: begin, rows: Batch.concat([kept, last.rows], schema: schema)))
    }
  }

  mutating func drop(before number: Int) {
    start = max(start, min(number, end))
    while let first = segments.first, first.end <= start { segments.removeFirst() }
  }

  /// Rows by number, in the order asked for; -1 gives a row of nulls (without hidden values: event time and weight are 0).
  func gather(_ numbers: [Int]) -> Batch {
    var bySegment = [[Int32]](repeating: [], count: segments.count)
    var places = [Int32](repeating: -1, count: numbers.count)
    var segmentOf = [Int32](repeating: -1, count: numbers.count)
    for (i, number) in numbers.enumerated() where number >= 0 {
      var low = 0
      var high = segments.count - 1
      while low < high {
        let middle = (low + high + 1) / 2
        if segments[middle].start <= number { low = middle } else { high = middle - 1 }
      }
      segmentOf[i] = Int32(truncatingIfNeeded: low)
      places[i] = Int32(truncatingIfNeeded: bySegment[low].count)
      bySegment[low].append(Int32(truncatingIfNeeded: number - segments[low].start))
    }
    var parts: [Batch] = []
    var offsets = [Int32](repeating: 0, count: segments.count)
    var total: Int32 = 0
    for s in segments.indices {
      offsets[s] = total
      guard !bySegment[s].isEmpty else { continue }
      parts.append(segments[s].rows.take(rows: bySegment[s]))
      total += Int32(truncatingIfNeeded: bySegment[s].count)
    }
    let all = Batch.concat(parts, schema: schema)
    for i in places.indices where segmentOf[i] >= 0 { places[i] += offsets[Int(segmentOf[i])] }
    if parts.count == 1 && all.rowCount == numbers.count && segmentOf.allSatisfy({ $0 >= 0 }) { return all }
    return all.take(rows: places)
  }

  /// Rows still kept, from `start` on.
  func all() -> Batch { gather(Array(start..<end)) }
}
