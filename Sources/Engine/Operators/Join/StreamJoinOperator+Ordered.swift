import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Which rows of the other side match some rows: `rows[starts[i]..<starts[i + 1]]` for the i-th of them.
private struct MatchLists {
  private(set) var starts: [Int32]
  private(set) var rows: [Int32]

  /// - Parameter pairs: place among the asked rows and matching row, ascending by place.
  init(count: Int, places: [Int32], rows: [Int32]) {
    starts = [Int32](repeating: 0, count: count + 1)
    for place in places { starts[Int(place) + 1] += 1 }
    for i in 0..<count { starts[i + 1] += starts[i] }
    self.rows = rows
  }

  subscript(_ place: Int) -> ArraySlice<Int32> { rows[Int(starts[place])..<Int(starts[place + 1])] }
}

/// Rows that change in a batch, each once, with their matches.
private struct Touched {
  /// Row numbers of the batch's rows, in their order.
  var numbers: [Int32]
  /// For each of them its place in `lists`.
  var places: [Int32]
  var lists: MatchLists
}

/// Changes of the result on their way out: -1 for no row on a side.
private struct JoinChanges {
  var left: [Int32] = []
  var right: [Int32] = []
  var weights: [Int64] = []
  var instants: [Int64] = []
  private var instantStart = 0

  mutating func add(_ l: Int32, _ r: Int32, _ weight: Int64) {
    left.append(l)
    right.append(r)
    weights.append(weight)
  }

  /// Closes an instant: what cancels out goes, equal changes become one.
  mutating func endInstant(_ instant: Int64) {
    let count = left.count - instantStart
    if count > 1 { consolidate() }
    while instants.count < left.count { instants.append(instant) }
    instantStart = left.count
  }

  private mutating func consolidate() {
    let range = instantStart..<left.count
    let sorted = range.sorted { (left[$0], right[$0], $0) < (left[$1], right[$1], $1) }
    var kept: [(Int32, Int32, Int64)] = []
    for at in sorted {
      if let last = kept.last, last.0 == left[at], last.1 == right[at] {
        kept[kept.count - 1].2 += weights[at]
      } else {
        if kept.last?.2 == 0 { kept.removeLast() }
        kept.append((left[at], right[at], weights[at]))
      }
    }
    if kept.last?.2 == 0 { kept.removeLast() }
    left.removeSubrange(range)
    right.removeSubrange(range)
    weights.removeSubrange(range)
    for (l, r, weight) in kept { add(l, r, weight) }
  }
}

extension StreamJoinOperator {
  private var keepsLeft: Bool { join.kind == .left || join.kind == .full }
  private var keepsRight: Bool { join.kind == .right || join.kind == .full }
  /// The weights of a left row's matches decide what is shown of it.
  private var countsLeft: Bool { keepsLeft || join.kind.isLeftOnly }

  /// Takes rows of both inputs one by one, in the total order where they have one, and emits the changes of each instant. Without
  /// order all rows are one instant.
  func takeInstants(
    _ released: TotalOrderBuffer.Released, isOrdered: Bool, into output: inout OperatorOutput
  ) throws(MillraceError) {
    let touched = try touch(released.batches)
    let weights = released.batches.map { $0.weights?.pointer(Int64.self) }
    let times = released.batches.map { $0.eventTimes?.pointer(Int64.self) }
    let now = unorderedInstant
    var changes = JoinChanges()
    var at = [0, 0]
    var current: Int64?
    for port in released.sequence.map(Int.init) {
      let row = at[port]
      at[port] += 1
      let instant = isOrdered ? times[port]?[row] ?? 0 : now
      if let open = current, open != instant { changes.endInstant(open) }
      current = instant
      let weight = weights[port]?[row] ?? 1
      let matches = touched[port].lists[Int(touched[port].places[row])]
      if port == 0 {
        try takeLeft(touched[0].numbers[row], weight, matches, at: instant, into: &changes)
      } else {
        try takeRight(touched[1].numbers[row], weight, matches, at: instant, into: &changes)
      }
    }
    if let open = current { changes.endInstant(open) }
    withExtendedLifetime(released) {}
    try emit(changes, withTimes: isOrdered, into: &output)
  }

  /// nil for the retraction of a row whose insertion is forgotten.
  private func newWeight(
    _ side: StreamJoinSide, _ row: Int32, _ change: Int64, at instant: Int64
  ) throws(MillraceError) -> (old: Int64, new: Int64)? {
    let old = side.weight(row, at: instant)
    if side.ttlMicros != nil && change < 0 && old &+ change < 0 { return nil }
    side.setUpdate(row, instant)
    let (new, overflow) = old.addingReportingOverflow(change)
    guard new >= 0, !overflow else {
      throw MillraceError(.invalidInput, "a row was retracted more often than it was inserted", subject: "input of a join")
    }
    return (old, new)
  }

  private func takeLeft(_ l: Int32, _ change: Int64, _ matches: ArraySlice<Int32>, at instant: Int64, into changes: inout JoinChanges)
    throws(MillraceError)
  {
    let (left, right) = (sides[0], sides[1])
    guard let (old, new) = try newWeight(left, l, change, at: instant) else { return }
    if !join.kind.isLeftOnly {
      for r in matches where right.weight(r, at: instant) != 0 { changes.add(l, r, change &* right.weight(r, at: instant)) }
    }
    if countsLeft {
      if old == 0 { left.setMatchWeight(l, matches.reduce(0) { $0 &+ right.weight($1, at: instant) }) }
      let isMatched = left.matchWeight(l) != 0
      if join.kind == .semi ? isMatched : !isMatched { changes.add(l, -1, change) }
    }
    left.setWeight(l, new)
    guard keepsRight else { return }
    for r in matches where right.weight(r, at: instant) != 0 {
      let before = right.matchWeight(r)
      right.setMatchWeight(r, before &+ change)
      if before == 0 && change != 0 { changes.add(-1, r, 0 &- right.weight(r, at: instant)) }
      if before != 0 && before &+ change == 0 { changes.add(-1, r, right.weight(r, at: instant)) }
    }
  }

  private func takeRight(_ r: Int32, _ change: Int64, _ matches: ArraySlice<Int32>, at instant: Int64, into changes: inout JoinChanges)
    throws(MillraceError)
  {
    let (left, right) = (sides[0], sides[1])
    guard let (old, new) = try newWeight(right, r, change, at: instant) else { return }
    if !join.kind.isLeftOnly {
      for l in matches where left.weight(l, at: instant) != 0 { changes.add(l, r, change &* left.weight(l, at: instant)) }
    }
    if keepsRight {
      if old == 0 { right.setMatchWeight(r, matches.reduce(0) { $0 &+ left.weight($1, at: instant) }) }
      if right.matchWeight(r) == 0 { changes.add(-1, r, change) }
    }
    right.setWeight(r, new)
    guard countsLeft else { return }
    // What a left row gains when its first match comes, and loses with its last.
    let sign: Int64 = join.kind == .semi ? 1 : -1
    for l in matches where left.weight(l, at: instant) != 0 {
      let before = left.matchWeight(l)
      left.setMatchWeight(l, before &+ change)
      if before == 0 && change != 0 { changes.add(l, -1, sign &* left.weight(l, at: instant)) }
      if before != 0 && before &+ change == 0 { changes.add(l, -1, 0 &- sign &* left.weight(l, at: instant)) }
    }
  }

  // MARK: matches

  /// Puts the rows into the sides (with no weight as yet) and finds the matches of each.
  private func touch(_ batches: [Batch]) throws(MillraceError) -> [Touched] {
    var numbers: [[Int32]] = []
    for port in 0...1 {
      let batch = batches[port]
      guard batch.rowCount > 0 else {
        numbers.append([])
        continue
      }
      let ids = pairs.ids(try pairs.keys(batch, isLeft: port == 0), rowCount: batch.rowCount, in: index, insert: true)
      for side in sides { side.growKeys(to: index.idBound) }
      numbers.append(try sides[port].numbers(of: batch, ids: ids))
    }
    var touched: [Touched] = []
    for port in 0...1 {
      var placeOf: [Int32: Int32] = [:]
      var asked: [Int32] = []
      let places = numbers[port].map { number -> Int32 in
        if let place = placeOf[number] { return place }
        let place = Int32(truncatingIfNeeded: asked.count)
        placeOf[number] = place
        asked.append(number)
        return place
      }
      touched.append(Touched(numbers: numbers[port], places: places, lists: try matchLists(asked, port)))
    }
    return touched
  }

  /// The rows of the other side, with or without weight, that match these.
  private func matchLists(_ asked: [Int32], _ port: Int) throws(MillraceError) -> MatchLists {
    let (mine, other) = (sides[port], sides[1 - port])
    var places: [Int32] = []
    var rows: [Int32] = []
    var keptPlaces: [Int32] = []
    var keptRows: [Int32] = []
    func flush() throws(MillraceError) {
      let (some, found) = try matching(mine, asked, places, rows, isLeft: port == 0)
      keptPlaces += some
      keptRows += found
      places.removeAll(keepingCapacity: true)
      rows.removeAll(keepingCapacity: true)
    }
    for (place, row) in asked.enumerated() {
      let id = mine.key(row)
      guard id >= 0 else { continue }
      var match = other.head(id)
      while match >= 0 {
        places.append(Int32(truncatingIfNeeded: place))
        rows.append(match)
        match = other.rowBefore(match)
      }
      if rows.count >= Self.pairsAtOnce { try flush() }
    }
    try flush()
    return MatchLists(count: asked.count, places: keptPlaces, rows: keptRows)
  }

  private func matching(
    _ mine: StreamJoinSide, _ asked: [Int32], _ places: [Int32], _ rows: [Int32], isLeft: Bool
  ) throws(MillraceError) -> ([Int32], [Int32]) {
    guard let residual, !rows.isEmpty else { return (places, rows) }
    let other = sides[isLeft ? 1 : 0]
    let own = mine.store.gather(places.map { asked[Int($0)] }, columns: isLeft ? residual.leftColumns : residual.rightColumns)
    let theirs = other.store.gather(rows, columns: isLeft ? residual.rightColumns : residual.leftColumns)
    let selection = try residual.matching(isLeft ? own : theirs, isLeft ? theirs : own, count: rows.count)
    if selection.isAll { return (places, rows) }
    let kept = Array(selection.indices)
    return (kept.map { places[Int($0)] }, kept.map { rows[Int($0)] })
  }

  /// Counts the matches of all rows anew, after a restore.
  func countMatches() throws(MillraceError) {
    for port in 0...1 where port == 0 ? countsLeft : keepsRight {
      let (side, other) = (sides[port], sides[1 - port])
      let rows = (0..<Int32(truncatingIfNeeded: side.count)).map { $0 }
      let lists = try matchLists(rows, port)
      for row in rows { side.setMatchWeight(row, lists[Int(row)].reduce(0) { $0 &+ other.weight($1) }) }
    }
  }

  // MARK: emitting

  private func emit(_ changes: JoinChanges, withTimes: Bool, into output: inout OperatorOutput) throws(MillraceError) {
    for start in stride(from: 0, to: changes.left.count, by: context.batchRows) {
      let range = start..<min(changes.left.count, start + context.batchRows)
      let left = sides[0].store.gather(Array(changes.left[range]))
      let right = join.kind.isLeftOnly ? nil : sides[1].store.gather(Array(changes.right[range]))
      var batch = Batch(schema: join.schema, columns: left.columns + (right?.columns ?? []), rowCount: range.count)
      let weights = Array(changes.weights[range])
      if weights.contains(where: { $0 != 1 }) { batch.weights = .int64s(weights) }
      if withTimes {
        batch.eventTimes = .int64s(Array(changes.instants[range]))
        batch.order = order(
          sides[0].orderColumn(Array(changes.left[range])),
          join.kind.isLeftOnly ? nil : sides[1].orderColumn(Array(changes.right[range])), weights)
      }
      if !isUpdating { batch.arrivalTimes = left.arrivalTimes }
      output.emit(batch)
    }
  }

  private func order(_ left: Column?, _ right: Column?, _ weights: [Int64]) -> Column? {
    guard isUpdating else { return left }
    var bytes: [UInt8] = []
    var offsets: [Int32] = [0]
    for row in weights.indices {
      bytes.append(128)
      bytes.append(255)
      bytes.append(weights[row] < 0 ? 0 : 1)
      if let left { bytes.append(contentsOf: left.slot(row)) }
      if let right { bytes.append(contentsOf: right.slot(row)) }
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
    }
    return Column(type: .bytes, count: weights.count, values: .variable(offsets: Buffer(offsets), bytes: Buffer(bytes)))
  }
}
