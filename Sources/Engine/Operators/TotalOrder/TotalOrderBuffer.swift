import MillraceColumns
import MillraceTypes

/// Holds rows of one or more ports until the watermark passes them and releases them in the total order: event time, then the
/// port's place in the instant, then the order bytes, then the port. Rows of one port that tie even so (a UNION ALL of two ways
/// through one table, an `order.by` that is not unique) go by their values, so that no tie is left to arrival.
///
/// The head of every operator whose result depends on order. Rows must carry `eventTimes` and `order`.
public final class TotalOrderBuffer {
  /// Rows ready to be processed. Row k of port p is consumed at the k-th occurrence of p in `sequence`.
  public struct Released {
    /// One batch per port, its rows in the total order.
    public var batches: [Batch]
    /// The port of each row, in the total order over all ports.
    public var sequence: [UInt8]
  }

  /// Rows of one arrival in their order; those before `start` have left.
  private struct HeldRun {
    let batch: Batch
    var start = 0

    var rowCount: Int { batch.rowCount - start }
    var times: UnsafePointer<Int64>? { batch.eventTimes?.pointer(Int64.self) }

    /// The rows from `start` to before `end`, copied unless they are the whole batch.
    func rows(to end: Int) -> Batch { batch.slice(start..<end) }
  }

  private struct Port {
    let schema: Schema
    /// Within one instant ports of a lower place come first, whatever their order bytes.
    let place: Int
    /// As they came. A run is in order; runs may overlap.
    var runs: [HeldRun] = []
    var earliest = EventTime.end
  }

  /// A run of fewer rows than this is joined to the one before it, where it follows that.
  private static let shortRun = 64

  private var ports: [Port]
  /// Rows of one instant go by their order bytes; otherwise they stay as they came.
  private let ordersTies: Bool

  /// - Parameters:
  ///   - places: per port its place within an instant; 0 for all unless a port must come after the others.
  ///   - ordersTies: false where the order of the rows of an instant does not matter; they need no order bytes then.
  public init(schemas: [Schema], places: [Int]? = nil, ordersTies: Bool = true) {
    self.ordersTies = ordersTies
    ports = schemas.enumerated().map { Port(schema: $1, place: places?[$0] ?? 0) }
  }

  /// Rows held at present.
  public var rowCount: Int { ports.reduce(0) { $0 + $1.runs.reduce(0) { $0 + $1.rowCount } } }

  /// Bytes of the batches that held rows lie in.
  public var heldBytes: Int { ports.reduce(0) { $0 + $1.runs.reduce(0) { $0 + $1.batch.heldBytes } } }

  public func push(_ batch: Batch, port: Int) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    guard batch.eventTimes != nil, !ordersTies || batch.order != nil else {
      throw MillraceError(
        .invalidInput, "rows without event time reached an operator that needs their order",
        hint: "declare WATERMARK FOR on the table they come from")
    }
    let run = HeldRun(batch: sorted(batch))
    guard let times = run.times else { return }
    ports[port].earliest = min(ports[port].earliest, times[0])
    if let last = ports[port].runs.last, last.rowCount < Self.shortRun, precedes(last, last.batch.rowCount - 1, run, 0) {
      let joined = Batch.concat([last.rows(to: last.batch.rowCount), run.batch], schema: ports[port].schema)
      ports[port].runs[ports[port].runs.count - 1] = HeldRun(batch: joined)
    } else {
      ports[port].runs.append(run)
    }
    withExtendedLifetime(run.batch) {}
  }

  /// Releases every row whose event time is below the watermark; nil when there is none.
  public func release(before watermark: EventTime) -> Released? {
    guard ports.contains(where: { !$0.runs.isEmpty && ($0.earliest < watermark || watermark == .end) }) else { return nil }
    var batches: [Batch] = []
    for index in ports.indices { batches.append(takeReady(&ports[index], watermark)) }
    return Released(batches: batches, sequence: interleave(batches))
  }

  /// Rows that are still held, per port, in the order they came: for snapshots.
  public func pending(port: Int) -> Batch {
    Batch.concat(ports[port].runs.map { $0.rows(to: $0.batch.rowCount) }, schema: ports[port].schema)
  }

  private func takeReady(_ port: inout Port, _ watermark: EventTime) -> Batch {
    var parts: [(run: HeldRun, end: Int)] = []
    var rest: [HeldRun] = []
    var earliest = EventTime.end
    for run in port.runs {
      let end = firstRow(of: run, notBefore: watermark)
      if end > run.start { parts.append((run, end)) }
      guard end < run.batch.rowCount, let times = run.times else { continue }
      var left = run
      left.start = end
      earliest = min(earliest, times[end])
      rest.append(left)
    }
    port.runs = rest
    port.earliest = earliest
    guard !parts.isEmpty else { return Batch.concat([], schema: port.schema).withHiddenOrder(ordersTies) }
    let isInOrder = parts.indices.dropFirst().allSatisfy { at in
      precedes(parts[at - 1].run, parts[at - 1].end - 1, parts[at].run, parts[at].run.start)
    }
    let ready = Batch.concat(parts.map { $0.run.rows(to: $0.end) }, schema: port.schema)
    return isInOrder ? ready : sorted(ready)
  }

  private func firstRow(of run: HeldRun, notBefore watermark: EventTime) -> Int {
    guard watermark != .end, let times = run.times else { return run.batch.rowCount }
    var (low, high) = (run.start, run.batch.rowCount)
    while low < high {
      let middle = (low + high) / 2
      if times[middle] < watermark { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether a row comes before a row of a later run for certain; rows that only their values tell apart do not.
  private func precedes(_ a: HeldRun, _ row: Int, _ b: HeldRun, _ other: Int) -> Bool {
    guard let times = a.times, let otherTimes = b.times else { return false }
    if times[row] != otherTimes[other] { return times[row] < otherTimes[other] }
    guard ordersTies else { return true }
    guard let order = a.batch.order, let otherOrder = b.batch.order else { return false }
    return RowOrder(times: times, order: order).compareOrder(row, RowOrder(times: otherTimes, order: otherOrder), other) < 0
  }

  private func sorted(_ batch: Batch) -> Batch {
    guard let times = batch.eventTimes?.pointer(Int64.self) else { return batch }
    return withExtendedLifetime(batch) {
      if ordersTies { return batch.inTotalOrder() }
      if (1..<max(1, batch.rowCount)).allSatisfy({ times[$0 &- 1] <= times[$0] }) { return batch }
      let rows = (0..<Int32(truncatingIfNeeded: batch.rowCount)).sorted { a, b in
        times[Int(a)] != times[Int(b)] ? times[Int(a)] < times[Int(b)] : a < b
      }
      return batch.take(rows: rows)
    }
  }

  private func interleave(_ batches: [Batch]) -> [UInt8] {
    let total = batches.reduce(0) { $0 + $1.rowCount }
    if batches.count == 1 { return [UInt8](repeating: 0, count: total) }
    let filled = batches.indices.filter { batches[$0].rowCount > 0 }
    if filled.count == 1 { return [UInt8](repeating: UInt8(truncatingIfNeeded: filled[0]), count: total) }
    let rows = filled.compactMap { port -> RowOrder? in
      guard let times = batches[port].eventTimes, let order = batches[port].order else { return nil }
      return RowOrder(times: times.pointer(Int64.self), order: order)
    }
    guard rows.count == filled.count else { return [UInt8](repeating: 0, count: total) }
    let runs = filled.indices.map { i in
      Run(
        rows: rows[i], count: batches[filled[i]].rowCount, place: ports[filled[i]].place, port: UInt8(truncatingIfNeeded: filled[i]))
    }
    return withExtendedLifetime(batches) {
      [UInt8](unsafeUninitializedCapacity: total) { out, count in
        if let base = out.baseAddress {
          if runs.count == 2 { Self.merge(runs[0], runs[1], into: base) } else { Self.merge(runs, into: base) }
        }
        count = total
      }
    }
  }

  /// The sorted rows of one port on their way into the sequence.
  private struct Run {
    let rows: RowOrder
    let count: Int
    let place: Int
    let port: UInt8
    var at = 0

    /// Whether the next row here comes before the next row of a run of a lower port.
    @inline(__always) func precedes(_ lower: Run) -> Bool {
      let (mine, theirs) = (rows.times[at], lower.rows.times[lower.at])
      if mine != theirs { return mine < theirs }
      if place != lower.place { return place < lower.place }
      return rows.compareOrder(at, lower.rows, lower.at) < 0
    }
  }

  private static func merge(_ first: Run, _ second: Run, into out: UnsafeMutablePointer<UInt8>) {
    var (first, second) = (first, second)
    var step = 0
    while first.at < first.count && second.at < second.count {
      if second.precedes(first) {
        out[step] = second.port
        second.at &+= 1
      } else {
        out[step] = first.port
        first.at &+= 1
      }
      step &+= 1
    }
    (out + step).update(repeating: first.port, count: first.count &- first.at)
    step &+= first.count &- first.at
    (out + step).update(repeating: second.port, count: second.count &- second.at)
  }

  private static func merge(_ runs: [Run], into out: UnsafeMutablePointer<UInt8>) {
    let total = runs.reduce(0) { $0 + $1.count }
    var runs = runs
    runs.withUnsafeMutableBufferPointer { runs in
      for step in 0..<total {
        var best = -1
        for r in 0..<runs.count where runs[r].at < runs[r].count {
          if best < 0 || runs[r].precedes(runs[best]) { best = r }
        }
        out[step] = runs[best].port
        runs[best].at &+= 1
      }
    }
  }
}

/// The total order's keys of a batch, over raw memory that the batch keeps alive.
struct RowOrder {
  let times: UnsafePointer<Int64>
  private let offsets: UnsafePointer<Int32>
  private let bytes: UnsafePointer<UInt8>

  init(times: UnsafePointer<Int64>, order: Column) {
    self.times = times
    (offsets, bytes) = order.variable
  }

  /// Whether the rows of the batch, which this is of, are in the total order.
  func isSorted(_ batch: Batch) -> Bool {
    for i in 1..<max(1, batch.rowCount) where compare(i &- 1, i, batch) > 0 { return false }
    return true
  }

  /// Event time, order bytes and, for rows that tie even so, their values.
  @inline(__always) func compare(_ a: Int, _ b: Int, _ batch: Batch) -> Int {
    if times[a] != times[b] { return times[a] < times[b] ? -1 : 1 }
    let order = compareOrder(a, self, b)
    return order != 0 ? order : batch.compareValues(a, b)
  }

  @inline(__always) func compareOrder(_ row: Int, _ other: RowOrder, _ otherRow: Int) -> Int {
    let start = Int(offsets[row])
    let count = Int(offsets[row &+ 1]) &- start
    let otherStart = Int(other.offsets[otherRow])
    let otherCount = Int(other.offsets[otherRow &+ 1]) &- otherStart
    let common = min(count, otherCount)
    var i = 0
    let a = bytes + start
    let b = other.bytes + otherStart
    while i &+ 8 <= common {
      let x = UnsafeRawPointer(a + i).loadUnaligned(as: UInt64.self)
      let y = UnsafeRawPointer(b + i).loadUnaligned(as: UInt64.self)
      if x != y { return x.byteSwapped < y.byteSwapped ? -1 : 1 }
      i &+= 8
    }
    while i < common {
      if a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
      i &+= 1
    }
    return count < otherCount ? -1 : count > otherCount ? 1 : 0
  }
}

extension Batch {
  /// The rows by event time, order bytes and, where those tie, values. Rows without event time or order stay as they are.
  func inTotalOrder() -> Batch {
    guard let times = eventTimes?.pointer(Int64.self), let order else { return self }
    return withExtendedLifetime(self) {
      let comparator = RowOrder(times: times, order: order)
      if comparator.isSorted(self) { return self }
      let rows = (0..<Int32(truncatingIfNeeded: rowCount)).sorted { a, b in
        let comparison = comparator.compare(Int(a), Int(b), self)
        return comparison < 0 || (comparison == 0 && a < b)
      }
      return take(rows: rows)
    }
  }

  /// Compares two rows by their visible values in canonical encoding. For ties only: it allocates.
  fileprivate func compareValues(_ a: Int, _ b: Int) -> Int {
    var (x, y): ([UInt8], [UInt8]) = ([], [])
    for column in columns {
      x.removeAll(keepingCapacity: true)
      y.removeAll(keepingCapacity: true)
      KeyEncoder.append(column, a, to: &x)
      KeyEncoder.append(column, b, to: &y)
      if x != y { return x.lexicographicallyPrecedes(y) ? -1 : 1 }
    }
    return 0
  }

  /// An empty batch with the hidden columns that ordered rows have.
  fileprivate func withHiddenOrder(_ hasOrder: Bool) -> Batch {
    var copy = self
    if !hasOrder {
      copy.eventTimes = copy.eventTimes ?? .nulls(.int64, count: 0).withValidity(nil)
      return copy
    }
    copy.eventTimes = copy.eventTimes ?? .nulls(.int64, count: 0).withValidity(nil)
    copy.order = copy.order ?? .nulls(.bytes, count: 0).withValidity(nil)
    return copy
  }
}
