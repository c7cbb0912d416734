import MillraceColumns
import MillraceTypes

/// The sessions of many keys that may still grow, each under a dense number: per key disjoint stretches of time.
///
/// A row at `t` stands for the stretch from t to t + gap; rows whose stretches meet or touch are in one session (Flink's merging
/// windows). Rows may come in any order: a row between two sessions joins them. As rows that come before the watermark never
/// come late, the sessions are a function of the rows.
final class OpenSessions {
  private struct Session: BitwiseCopyable {
    var start: Int64
    /// A gap after its last row.
    var end: Int64
    /// -1 when it was joined with another and waits to be taken from the queue.
    var key: Int32
    /// The session of the same key before it; -1 for none.
    var earlier: Int32
  }

  let index: KeyIndex
  private let gap: Int64
  private let sessions = DenseArray(fill: Session(start: 0, end: 0, key: -1, earlier: -1))
  private var numbers = IDAllocator()
  /// By key id: the latest session, -1 for none.
  private let latest = DenseArray<Int32>(fill: -1)
  private var queue: DueQueue

  init(keyTypes: [DataType], gapMicros: Int64, maxParallelism: Int) {
    index = KeyIndex(types: keyTypes, maxParallelism: maxParallelism)
    gap = gapMicros
    queue = DueQueue(widthMicros: gapMicros / 8)
  }

  /// Every number ever handed out is below this: the size for arrays by session.
  var bound: Int { Int(numbers.bound) }

  var heldBytes: Int {
    index.heldBytes + sessions.heldBytes + numbers.heldBytes + latest.heldBytes + queue.heldBytes
  }

  func start(_ session: Int32) -> Int64 { sessions[Int(session)].start }
  func end(_ session: Int32) -> Int64 { sessions[Int(session)].end }
  func key(_ session: Int32) -> Int32 { sessions[Int(session)].key }

  /// Two sessions that a row between them has made one: `from` is gone.
  struct Merge {
    var into: Int32
    var from: Int32
  }

  /// Puts rows into sessions.
  ///
  /// - Parameters:
  ///   - keys: the rows' ids in `index`; replaced by the numbers of their sessions.
  ///   - times: in microseconds.
  /// - Returns: sessions that became one on the way; each `from` once, `into` is one that stays. Numbers of merged sessions are
  ///   not handed out again before the next call.
  func assign(_ keys: UnsafeMutablePointer<Int32>, _ times: UnsafePointer<Int64>, _ count: Int) -> [Merge] {
    latest.grow(to: index.idBound)
    var merges: [Merge] = []
    let newest = latest.base
    for i in 0..<count {
      let (key, time) = (keys[i], times[i])
      let first = newest[Int(key)]
      if first >= 0 {
        let session = sessions.base + Int(first)
        if time >= session.pointee.start && time <= session.pointee.end {
          session.pointee.end = max(session.pointee.end, time &+ gap)
          keys[i] = first
          continue
        }
      }
      keys[i] = place(key, time, &merges)
    }
    return settled(merges, keys, count)
  }

  /// The session of a row that is not simply inside the latest one or right behind it.
  private func place(_ key: Int32, _ time: Int64, _ merges: inout [Merge]) -> Int32 {
    var later: Int32 = -1
    var at = latest[Int(key)]
    while at >= 0 && sessions[Int(at)].start > time &+ gap {
      later = at
      at = sessions[Int(at)].earlier
    }
    guard at >= 0, sessions[Int(at)].end >= time else {
      let number = insert(Session(start: time, end: time &+ gap, key: key, earlier: at))
      if later >= 0 { sessions.base[Int(later)].earlier = number } else { latest[Int(key)] = number }
      return number
    }
    let session = sessions.base + Int(at)
    session.pointee.end = max(session.pointee.end, time &+ gap)
    guard time < session.pointee.start else { return at }
    session.pointee.start = time
    // A session is a gap long at least, so no more than one before it can be touched as well.
    let before = session.pointee.earlier
    guard before >= 0, sessions[Int(before)].end >= time else { return at }
    session.pointee.start = sessions[Int(before)].start
    session.pointee.earlier = sessions[Int(before)].earlier
    sessions.base[Int(before)].key = -1
    merges.append(Merge(into: at, from: before))
    return at
  }

  private func insert(_ session: Session) -> Int32 {
    let number = numbers.allocate()
    sessions.grow(to: bound)
    sessions[Int(number)] = session
    queue.add(number, at: session.end)
    return number
  }

  /// Rows that were put into a session which another took in later belong to that one.
  private func settled(_ merges: [Merge], _ rows: UnsafeMutablePointer<Int32>, _ count: Int) -> [Merge] {
    if merges.isEmpty { return merges }
    var into: [Int32: Int32] = [:]
    for merge in merges { into[merge.from] = merge.into }
    func last(_ number: Int32) -> Int32 {
      var number = number
      while let next = into[number] { number = next }
      return number
    }
    for i in 0..<count where into[rows[i]] != nil { rows[i] = last(rows[i]) }
    return merges.map { Merge(into: last($0.into), from: $0.from) }
  }

  /// The sessions that end before `bound`, by end and then canonical key. They stay known until `close` is called for them.
  func ended(before bound: Int64) -> [Int32] {
    var result: [Int32] = []
    for number in queue.take(before: bound) {
      let session = sessions[Int(number)]
      if session.key < 0 {
        numbers.release(number)
      } else if session.end < bound {
        result.append(number)
      } else {
        queue.add(number, at: session.end)
      }
    }
    return sorted(result)
  }

  private func sorted(_ numbers: [Int32]) -> [Int32] {
    if numbers.count < 256 {
      return numbers.sorted { end($0) != end($1) ? end($0) < end($1) : index.precedes(key($0), key($1)) }
    }
    let byEnd = RadixSort.sorted(numbers, keys: numbers.map { sessions[Int($0)].end })
    var result = byEnd
    var from = 0
    while from < byEnd.count {
      var to = from + 1
      while to < byEnd.count && end(byEnd[to]) == end(byEnd[from]) { to += 1 }
      // A key has one session of an end.
      if to - from > 64 {
        let session = Dictionary(uniqueKeysWithValues: byEnd[from..<to].map { (key($0), $0) })
        result.replaceSubrange(from..<to, with: index.sorted(byEnd[from..<to].map(key)).compactMap { session[$0] })
      } else if to - from > 1 {
        result.replaceSubrange(from..<to, with: byEnd[from..<to].sorted { index.precedes(key($0), key($1)) })
      }
      from = to
    }
    return result
  }

  /// Forgets sessions that have ended, and keys that have no other.
  func close(_ ended: [Int32]) {
    var gone: [Int32] = []
    for number in ended {
      let session = sessions[Int(number)]
      if latest[Int(session.key)] == number {
        latest[Int(session.key)] = session.earlier
      } else {
        var at = latest[Int(session.key)]
        while sessions[Int(at)].earlier != number { at = sessions[Int(at)].earlier }
        sessions.base[Int(at)].earlier = session.earlier
      }
      if latest[Int(session.key)] < 0 { gone.append(session.key) }
      numbers.release(number)
    }
    index.remove(gone)
  }

  // MARK: snapshots

  /// The open sessions of each key group, in canonical order of their keys, with what `write` is to be given.
  func byKeyGroup() -> [(keyGroup: Int, keys: [Int32], sessions: [Int32])] {
    index.idsByKeyGroup().map { keyGroup, keys in (keyGroup, keys, keys.flatMap(sessions(ofKey:))) }
  }

  private func sessions(ofKey key: Int32) -> [Int32] {
    var result: [Int32] = []
    var at = latest[Int(key)]
    while at >= 0 {
      result.append(at)
      at = sessions[Int(at)].earlier
    }
    return result.reversed()
  }

  func write(_ keys: [Int32], into writer: inout ByteWriter) {
    index.writeKeys(keys, into: &writer)
    for key in keys {
      let all = sessions(ofKey: key)
      writer.write(count: all.count)
      for session in all {
        writer.write(start(session))
        writer.write(end(session))
      }
    }
  }

  /// Adds sessions that `write` wrote and returns their numbers in the order written.
  ///
  /// - Throws: `checkpointInvalid` when the bytes are not such sessions.
  func read(_ reader: inout ByteReader) throws(MillraceError) -> [Int32] {
    let keys = try index.readKeys(&reader)
    latest.grow(to: index.idBound)
    var result: [Int32] = []
    for key in keys {
      for _ in 0..<(try reader.readCount(unit: 16)) {
        let (start, end) = (try reader.readInt64(), try reader.readInt64())
        let before = latest[Int(key)]
        guard start < end, before < 0 || sessions[Int(before)].end < start else {
          throw MillraceError(.checkpointInvalid, "a stored session is damaged", hint: "restore from an older checkpoint")
        }
        latest[Int(key)] = insert(Session(start: start, end: end, key: key, earlier: before))
        result.append(latest[Int(key)])
      }
    }
    return result
  }
}
