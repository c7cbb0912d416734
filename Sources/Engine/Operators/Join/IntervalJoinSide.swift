import MillraceColumns
import MillraceTypes

/// One input of an interval join: its live rows in the total order, chained per key from the newest to the oldest.
final class IntervalJoinSide {
  private struct Entry: BitwiseCopyable {
    /// The time column, in microseconds.
    var time: Int64
    /// Number of the row before it with the same key; -1 for none (or one long gone).
    var previous: Int
    /// -1 for a null key, which matches nothing.
    var id: Int32
    var isMatched: Bool
  }

  private(set) var log: RowLog
  /// Entry of row `number` at `number - base`.
  private var entries: [Entry] = []
  private var eventTimes: [Int64] = []
  private var base = 0
  /// Newest row of each key, by id; -1 for none.
  private let newest = DenseArray<Int>(fill: -1)
  /// event time - time column lies between these.
  let offsetMin: Int64
  let offsetMax: Int64

  init(schema: Schema, offsets: (min: Int64, max: Int64)) {
    log = RowLog(schema: schema)
    (offsetMin, offsetMax) = offsets
  }

  var end: Int { log.end }
  var start: Int { log.start }
  var heldBytes: Int { log.heldBytes + entries.heldSlots + eventTimes.heldSlots + newest.heldBytes }

  func time(_ number: Int) -> Int64 { entries[number - base].time }
  func eventTime(_ number: Int) -> Int64 { eventTimes[number - base] }
  func id(_ number: Int) -> Int32 { entries[number - base].id }
  func isMatched(_ number: Int) -> Bool { entries[number - base].isMatched }
  func setMatched(_ number: Int) { entries[number - base].isMatched = true }

  /// Adds rows that are in the total order and after all before them.
  func append(_ batch: Batch, times: UnsafePointer<Int64>, ids: [Int32], idBound: Int) {
    newest.grow(to: idBound)
    let instants = batch.eventTimes?.pointer(Int64.self)
    for row in 0..<batch.rowCount {
      let number = log.end + row
      let id = ids[row]
      entries.append(Entry(time: times[row], previous: id >= 0 ? newest[Int(id)] : -1, id: id, isMatched: false))
      eventTimes.append(instants?[row] ?? times[row])
      if id >= 0 { newest[Int(id)] = number }
    }
    log.append(batch)
  }

  /// Calls `body` with each live row of the key, before `limit`, whose time lies in the range; newest first.
  func forEach(
    id: Int32, from lower: Int64, through upper: Int64, before limit: Int, _ body: (Int) -> Void
  ) {
    guard id >= 0, Int(id) < newest.capacity else { return }
    var number = newest[Int(id)]
    while number >= log.start {
      let entry = entries[number - base]
      if number < limit {
        // Event times fall along the chain, and the column is at most event time - offsetMin.
        if eventTimes[number - base].subtractingReportingOverflow(offsetMin).partialValue < lower { return }
        if entry.time >= lower && entry.time <= upper { body(number) }
      }
      number = entry.previous
    }
  }

  /// Forgets the oldest rows while `isDead`; calls `forgotten` with the key id of each.
  func drop(while isDead: (_ number: Int) -> Bool, forgotten: (Int32) -> Void) {
    var number = log.start
    while number < log.end && isDead(number) {
      let id = entries[number - base].id
      if id >= 0 {
        if newest[Int(id)] == number { newest[Int(id)] = -1 }
        forgotten(id)
      }
      number += 1
    }
    log.drop(before: number)
    if number - base > 1024 && (number - base) * 2 > entries.count {
      entries.removeFirst(number - base)
      eventTimes.removeFirst(number - base)
      base = number
    }
  }
}
