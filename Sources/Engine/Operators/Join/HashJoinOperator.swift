import MillraceColumns
import MillraceExpressions
import MillracePlan
import MillraceTypes

/// Inner, left, right, full, semi and anti join of bounded inputs. Port 0 is the left input, port 1 the right one.
///
/// Rows of both sides are held, in whatever order they come, and joined at the end of input: left rows in their order (total order,
/// then values), each with its matches in theirs; right rows without a match last. Retractions cancel out first, and weights of
/// a pair multiply. Null keys match nothing.
public final class HashJoinOperator: Operator {
  private static let version: UInt8 = 1
  /// Candidate pairs looked at together.
  private static let pairsAtOnce = 65_536

  private let join: Join
  private let context: OperatorContext
  private let pairs: JoinPairs
  private var held: [[Batch]] = [[], []]
  private var isFinished = false

  public init(_ join: Join, context: OperatorContext) throws(MillraceError) {
    self.join = join
    self.context = context
    pairs = try JoinPairs(join)
  }

  private func schema(_ port: Int) -> Schema { port == 0 ? join.left.schema : join.right.schema }

  public var stateSize: StateSize { StateSize(keys: 0, bytes: held.reduce(0) { $0 + $1.reduce(0) { $0 + $1.heldBytes } }) }

  public func process(_ batch: Batch, port: Int, into output: inout OperatorOutput) throws(MillraceError) {
    if batch.rowCount > 0 { held[port].append(batch) }
  }

  public func advance(to watermark: EventTime, into output: inout OperatorOutput) throws(MillraceError) -> EventTime {
    guard watermark == .end else { return .beginning }
    guard !isFinished else { return .end }
    isFinished = true
    var sides: [Batch] = []
    for port in 0...1 {
      let all = try Batch.concat(held[port], schema: schema(port)).consolidated("input of a join")
      sides.append(all.take(rows: all.rowsInOrder()))
    }
    held = [[], []]
    try joinSides(sides[0], sides[1], into: &output)
    return .end
  }

  private func joinSides(_ left: Batch, _ right: Batch, into output: inout OperatorOutput) throws(MillraceError) {
    let index = KeyIndex(types: pairs.keyTypes, maxParallelism: context.maxParallelism)
    let rightIDs = pairs.ids(try pairs.keys(right, isLeft: false), rowCount: right.rowCount, in: index, insert: true)
    let leftIDs = pairs.ids(try pairs.keys(left, isLeft: true), rowCount: left.rowCount, in: index, insert: false)
    // Right rows of each key, ascending.
    var first = [Int32](repeating: -1, count: index.idBound)
    var next = [Int32](repeating: -1, count: right.rowCount)
    for row in stride(from: right.rowCount - 1, through: 0, by: -1) where rightIDs[row] >= 0 {
      next[row] = first[Int(rightIDs[row])]
      first[Int(rightIDs[row])] = Int32(truncatingIfNeeded: row)
    }
    let keepsLeft = join.kind == .left || join.kind == .full
    let keepsRight = join.kind == .right || join.kind == .full
    var rightMatched = [Bool](repeating: false, count: keepsRight ? right.rowCount : 0)

    var row = 0
    while row < left.rowCount {
      let begin = row
      var candidates: [(left: Int, right: Int)] = []
      while row < left.rowCount && candidates.count < Self.pairsAtOnce {
        var match = leftIDs[row] >= 0 ? first[Int(leftIDs[row])] : -1
        while match >= 0 {
          candidates.append((row, Int(match)))
          match = next[Int(match)]
        }
        row += 1
      }
      let matches = try pairs.matching(candidates, chunk: context.batchRows) { part in
        (
          left.take(rows: part.map { Int32(truncatingIfNeeded: $0.left) }),
          right.take(rows: part.map { Int32(truncatingIfNeeded: $0.right) })
        )
      }
      if keepsRight { for match in matches { rightMatched[match.right] = true } }
      if join.kind.isLeftOnly {
        emit(leftOnly(matches, begin..<row, wanted: join.kind == .semi), left, into: &output)
      } else {
        emit(keepsLeft ? withUnmatched(matches, begin..<row) : matches, left, right, into: &output)
      }
    }
    if keepsRight {
      emit(rightMatched.indices.filter { !rightMatched[$0] }.map { (-1, $0) }, left, right, into: &output)
    }
  }

  /// The left rows of a range that have a match, or those that have none.
  private func leftOnly(_ matches: [(left: Int, right: Int)], _ rows: Range<Int>, wanted: Bool) -> [Int32] {
    var matched = [Bool](repeating: false, count: rows.count)
    for match in matches { matched[match.left - rows.lowerBound] = true }
    return rows.filter { matched[$0 - rows.lowerBound] == wanted }.map { Int32(truncatingIfNeeded: $0) }
  }

  private func emit(_ rows: [Int32], _ left: Batch, into output: inout OperatorOutput) {
    for start in stride(from: 0, to: rows.count, by: context.batchRows) {
      let kept = left.take(rows: Array(rows[start..<min(rows.count, start + context.batchRows)]))
      var batch = Batch(schema: join.schema, columns: kept.columns, rowCount: kept.rowCount)
      batch.order = kept.order
      batch.weights = kept.weights
      output.emit(batch)
    }
  }

  /// Puts in a pair with nothing for each left row that has none.
  private func withUnmatched(_ matches: [(left: Int, right: Int)], _ rows: Range<Int>) -> [(left: Int, right: Int)] {
    var result: [(left: Int, right: Int)] = []
    var at = 0
    for row in rows {
      if at == matches.count || matches[at].left != row { result.append((row, -1)) }
      while at < matches.count && matches[at].left == row {
        result.append(matches[at])
        at += 1
      }
    }
    return result
  }

  private func emit(_ rows: [(left: Int, right: Int)], _ left: Batch, _ right: Batch, into output: inout OperatorOutput) {
    for start in stride(from: 0, to: rows.count, by: context.batchRows) {
      let part = rows[start..<min(rows.count, start + context.batchRows)]
      let l = left.take(rows: part.map { Int32(truncatingIfNeeded: $0.left) })
      let r = right.take(rows: part.map { Int32(truncatingIfNeeded: $0.right) })
      var batch = pairs.joined(l, r)
      batch.order = JoinPairs.order(l, r)
      if join.kind == .inner { batch.eventTimes = StreamJoinOperator.later(l.eventTimes, r.eventTimes) }
      batch.arrivalTimes = JoinPairs.arrivalTimes(l, r)
      if left.weights != nil || right.weights != nil {
        func weight(_ weights: Column?, _ row: Int) -> Int64 { row < 0 ? 1 : weights.map { $0.pointer(Int64.self)[row] } ?? 1 }
        batch.weights = .int64s(part.map { weight(left.weights, $0.left) &* weight(right.weights, $0.right) })
      }
      output.emit(batch)
    }
  }

  public func snapshot(into snapshot: inout OperatorSnapshot) throws(MillraceError) {
    var states: [Int: ByteWriter] = [:]
    if isFinished {
      for keyGroup in KeyGroup.range(
        partition: context.partition, parallelism: context.parallelism, maxParallelism: context.maxParallelism)
      {
        snapshot.keyGroups[keyGroup] = [Self.version, 1]
      }
      return
    }
    for port in 0...1 {
      let all = Batch.concat(held[port], schema: schema(port))
      let groups = all.rowsByKeyGroup(try pairs.keys(all, isLeft: port == 0), maxParallelism: context.maxParallelism)
      for (keyGroup, rows) in groups.enumerated() where !rows.isEmpty {
        var writer = states[keyGroup] ?? ByteWriter()
        if writer.bytes.isEmpty {
          writer.write(Self.version)
          writer.write(UInt8(0))
        }
        writer.write(UInt8(port))
        writer.write(block: BatchCodec.encode(all.take(rows: rows)))
        states[keyGroup] = writer
      }
    }
    for (keyGroup, writer) in states { snapshot.keyGroups[keyGroup] = writer.bytes }
  }

  public func restore(keyGroup: Int, bytes: [UInt8]) throws(MillraceError) {
    var reader = ByteReader(bytes)
    try reader.expect(version: Self.version, of: "a join")
    if try reader.readUInt8() != 0 { isFinished = true }
    while !reader.isAtEnd {
      let port = Int(try reader.readUInt8())
      guard port <= 1 else { throw MillraceError(.checkpointInvalid, "the state of a join is damaged") }
      held[port].append(try BatchCodec.decode(try reader.readBlock(), schema: schema(port)))
    }
  }
}
