import MillraceColumns
import MillraceTypes

/// When each key was last updated, and which keys are to be forgotten: those without an update for the time to live.
///
/// The instants are event times where rows have them, so that what is forgotten depends on the rows alone, else the clock's. A row at
/// exactly the last update plus the time to live finds nothing any more.
final class KeyExpiry {
  /// Rows that are taken together: no key of theirs runs out between two of them.
  struct Piece {
    var rows: [Int32]
    /// Keys to be forgotten before the rows are taken.
    var expired: [Int32] = []
  }

  static let never = Int64.min

  private let ttlMicros: Int64
  private let lastUpdates = DenseArray<Int64>(fill: never)
  /// Keys at which it pays to look for those that have run out.
  private var sweepCount = 1024

  init(ttlMicros: Int64) { self.ttlMicros = ttlMicros }

  /// Makes keys below `bound` usable.
  func grow(to bound: Int) { lastUpdates.grow(to: bound) }

  subscript(_ id: Int32) -> Int64 {
    @inline(__always) get { lastUpdates.base[Int(id)] }
    @inline(__always) set { lastUpdates.base[Int(id)] = newValue }
  }

  @inline(__always) func isExpired(_ id: Int32, at instant: Int64) -> Bool {
    Self.isExpired(since: lastUpdates.base[Int(id)], at: instant, ttlMicros)
  }

  @inline(__always) static func isExpired(since update: Int64, at instant: Int64, _ ttlMicros: Int64) -> Bool {
    if update == never { return false }
    let (age, overflow) = instant.subtractingReportingOverflow(update)
    return overflow ? instant > update : age >= ttlMicros
  }

  /// Cuts rows between instants so that a key that runs out is forgotten in between, and notes the updates. Retractions of keys
  /// without rows, whose insertions are forgotten, are left out.
  ///
  /// - Parameters:
  ///   - instants: ascending; nil when all rows are of one.
  ///   - now: the instant without `instants`.
  ///   - count: rows that a key has.
  func pieces(
    _ ids: [Int32], instants: UnsafePointer<Int64>?, now: Int64, weights: UnsafePointer<Int64>?, count: (Int32) -> Int64
  ) -> [Piece] {
    var pieces: [Piece] = []
    var piece = Piece(rows: [])
    var touched: Set<Int32> = []
    var counts: [Int32: Int64] = [:]
    var start = 0
    while start < ids.count {
      let instant = instants?[start] ?? now
      var end = start + 1
      while end < ids.count, instants.map({ $0[end] == instant }) ?? true { end += 1 }
      // Keys that run out here, each before its first row of the instant.
      var gone: Set<Int32> = []
      for row in start..<end where isExpired(ids[row], at: instant) { gone.insert(ids[row]) }
      if !gone.isDisjoint(with: touched) {
        pieces.append(piece)
        piece = Piece(rows: [])
        touched = []
      }
      for id in gone.sorted() {
        piece.expired.append(id)
        counts[id] = 0
        self[id] = Self.never
      }
      for row in start..<end {
        let (id, weight) = (ids[row], weights?[row] ?? 1)
        if weights != nil {
          let old = counts[id] ?? count(id)
          if weight < 0 && old <= 0 { continue }
          counts[id] = old &+ weight
        }
        self[id] = instant
        touched.insert(id)
        piece.rows.append(Int32(truncatingIfNeeded: row))
      }
      start = end
    }
    pieces.append(piece)
    return pieces
  }

  /// Keys among these that no row from `instant` on can find; none while it does not pay to look.
  func sweep(_ ids: () -> [Int32], keyCount: Int, at instant: Int64) -> [Int32] {
    guard keyCount > sweepCount else { return [] }
    let gone = ids().filter { isExpired($0, at: instant) }
    sweepCount = max(1024, 2 * (keyCount - gone.count))
    return gone
  }

  func write(_ ids: [Int32], into writer: inout ByteWriter) { for id in ids { writer.write(self[id]) } }
  func read(_ ids: [Int32], from reader: inout ByteReader) throws(MillraceError) { for id in ids { self[id] = try reader.readInt64() } }
}
