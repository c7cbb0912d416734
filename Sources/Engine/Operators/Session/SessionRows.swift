import MillraceColumns
import MillraceTypes

/// The rows of open sessions: each session's rows in a chain, so that taking out a session costs what it has.
struct SessionRows {
  private struct Chain: BitwiseCopyable {
    var first: Int32
    var last: Int32
  }
  /// More dead rows than this, and than there are live ones, are cleared away.
  private static let deadRowsMax = 65_536

  private let schema: Schema
  private var log: RowLog
  /// By row: the next one of the same session, -1 for none.
  private var next: [Int32] = []
  /// By session; first is -1 when it has no rows.
  private let chains = DenseArray(fill: Chain(first: -1, last: -1))
  private var liveRows = 0

  init(schema: Schema) {
    self.schema = schema
    log = RowLog(schema: schema)
  }

  /// Rows kept, also those that wait to be cleared away.
  var heldRows: Int { next.count }

  var heldBytes: Int { log.heldBytes + next.heldSlots + chains.heldBytes }

  /// Adds rows; row i is of session `sessions[i]`.
  mutating func append(_ batch: Batch, sessions: [Int32]) {
    chains.grow(to: Int(sessions.max() ?? 0) + 1)
    for (i, session) in sessions.enumerated() { link(Int32(truncatingIfNeeded: log.end + i), to: session) }
    log.append(batch)
    liveRows += batch.rowCount
  }

  private mutating func link(_ row: Int32, to session: Int32) {
    next.append(-1)
    let chain = chains.base + Int(session)
    if chain.pointee.first < 0 { chain.pointee.first = row } else { next[Int(chain.pointee.last)] = row }
    chain.pointee.last = row
  }

  /// The rows of one session become another's.
  mutating func move(from: Int32, to: Int32) {
    chains.grow(to: Int(max(from, to)) + 1)
    let moved = chains[Int(from)]
    guard moved.first >= 0 else { return }
    let chain = chains.base + Int(to)
    if chain.pointee.first < 0 { chain.pointee.first = moved.first } else { next[Int(chain.pointee.last)] = moved.first }
    chain.pointee.last = moved.last
    chains[Int(from)] = Chain(first: -1, last: -1)
  }

  private func numbers(_ sessions: [Int32], _ body: (Int32, Int) -> Void) -> [Int] {
    var result: [Int] = []
    for session in sessions {
      let before = result.count
      var row = Int(session) < chains.capacity ? chains[Int(session)].first : -1
      while row >= 0 {
        result.append(Int(row))
        row = next[Int(row)]
      }
      body(session, result.count - before)
    }
    return result
  }

  /// The rows of some sessions, session by session.
  func peek(_ sessions: [Int32]) -> Batch { log.gather(numbers(sessions) { _, _ in }) }

  /// Takes out the rows of some sessions, session by session; calls `body` with each and the number of its rows.
  mutating func take(_ sessions: [Int32], _ body: (Int32, Int) -> Void) -> Batch {
    let batch = log.gather(numbers(sessions, body))
    for session in sessions where Int(session) < chains.capacity { chains[Int(session)] = Chain(first: -1, last: -1) }
    liveRows -= batch.rowCount
    if next.count - liveRows > Self.deadRowsMax + liveRows { compact() }
    return batch
  }

  private mutating func compact() {
    var owners: [(row: Int32, session: Int32)] = []
    owners.reserveCapacity(liveRows)
    for session in 0..<chains.capacity {
      var row = chains[session].first
      while row >= 0 {
        owners.append((row, Int32(truncatingIfNeeded: session)))
        row = next[Int(row)]
      }
      chains[session] = Chain(first: -1, last: -1)
    }
    owners.sort { $0.row < $1.row }
    let kept = log.gather(owners.map { Int($0.row) })
    log = RowLog(schema: schema)
    next = []
    liveRows = 0
    if kept.rowCount > 0 { append(kept, sessions: owners.map(\.session)) }
  }
}
