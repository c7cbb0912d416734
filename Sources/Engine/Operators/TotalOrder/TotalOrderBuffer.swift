import MillraceColumns
import MillraceTypes

/// Holds rows of one or more ports until the watermark passes them and releases them in the total order: event time, then the
/// port's place in the instant, then the order bytes, then the port.
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

  private struct Port {
    let schema: Schema
    /// Within one instant ports of a lower place come first, whatever their order bytes.
    let place: Int
    var pending: [Batch] = []
    var earliest = EventTime.end
    var hasPending = false
  }

  private var ports: [Port]

  /// - Parameter places: per port its place within an instant; 0 for all unless a port must come after the others.
  public init(schemas: [Schema], places: [Int]? = nil) {
    ports = schemas.enumerated().map { Port(schema: $1, place: places?[$0] ?? 0) }
  }

  /// Rows held at present.
  public var rowCount: Int { ports.reduce(0) { $0 + $1.pending.reduce(0) { $0 + $1.rowCount } } }

  public func push(_ batch: Batch, port: Int) throws(MillraceError) {
    guard batch.rowCount > 0 else { return }
    guard let times = batch.eventTimes, batch.order != nil else {
      throw MillraceError(
        .invalidInput, "rows without event time reached an operator that needs their order",
        hint: "declare WATERMARK FOR on the table they come from")
    }
    var earliest = EventTime.end
    let pointer = times.pointer(Int64.self)
    for i in 0..<batch.rowCount { earliest = min(earliest, pointer[i]) }
    ports[port].earliest = min(ports[port].earliest, earliest)
    ports[port].pending.append(batch)
    ports[port].hasPending = true
  }

  /// Releases every row whose event time is below the watermark; nil when there is none.
  public func release(before watermark: EventTime) -> Released? {
    guard ports.contains(where: { $0.hasPending && ($0.earliest < watermark || watermark == .end) }) else { return nil }
    var batches: [Batch] = []
    for index in ports.indices { batches.append(takeReady(&ports[index], watermark)) }
    return Released(batches: batches, sequence: interleave(batches))
  }

  /// Rows that are still held, per port, in the order they came: for snapshots.
  public func pending(port: Int) -> Batch { Batch.concat(ports[port].pending, schema: ports[port].schema) }

  private func takeReady(_ port: inout Port, _ watermark: EventTime) -> Batch {
    guard port.hasPending, port.earliest < watermark || watermark == .end else {
      return Batch.concat([], schema: port.schema).withHiddenOrder()
    }
    let all = Batch.concat(port.pending, schema: port.schema)
    guard let times = all.eventTimes?.pointer(Int64.self), let order = all.order else { return all }
    var ready: [Int32] = []
    var rest: [Int32] = []
    ready.reserveCapacity(all.rowCount)
    var earliest = EventTime.end
    for i in 0..<all.rowCount {
      if times[i] < watermark || watermark == .end {
        ready.append(Int32(truncatingIfNeeded: i))
      } else {
        rest.append(Int32(truncatingIfNeeded: i))
        earliest = min(earliest, times[i])
      }
    }
    port.pending = rest.isEmpty ? [] : [rest.withUnsafeBufferPointer(all.take)]
    port.hasPending = !rest.isEmpty
    port.earliest = earliest
    let comparator = RowOrder(times: times, order: order)
    var isSorted = true
    for i in 1..<max(1, ready.count) where comparator.isBefore(Int(ready[i]), Int(ready[i - 1])) {
      isSorted = false
      break
    }
    if isSorted && rest.isEmpty { return all }
    if !isSorted { ready.sort { comparator.isBefore(Int($0), Int($1)) || (!comparator.isBefore(Int($1), Int($0)) && $0 < $1) } }
    return withExtendedLifetime(all) { ready.withUnsafeBufferPointer(all.take) }
  }

  private func interleave(_ batches: [Batch]) -> [UInt8] {
    let total = batches.reduce(0) { $0 + $1.rowCount }
    if batches.count == 1 { return [UInt8](repeating: 0, count: total) }
    var sequence: [UInt8] = []
    sequence.reserveCapacity(total)
    var at = [Int](repeating: 0, count: batches.count)
    let rows: [RowOrder?] = batches.map { batch in
      guard batch.rowCount > 0, let times = batch.eventTimes, let order = batch.order else { return nil }
      return RowOrder(times: times.pointer(Int64.self), order: order)
    }
    let places = ports.map(\.place)
    withExtendedLifetime(batches) {
      for _ in 0..<total {
        var best = -1
        for p in batches.indices where at[p] < batches[p].rowCount {
          guard best >= 0, let candidate = rows[p], let current = rows[best] else {
            best = p
            continue
          }
          let a = candidate.times[at[p]]
          let b = current.times[at[best]]
          if a != b {
            if a < b { best = p }
          } else if places[p] != places[best] {
            if places[p] < places[best] { best = p }
          } else if candidate.compareOrder(at[p], current, at[best]) < 0 {
            best = p
          }
        }
        sequence.append(UInt8(truncatingIfNeeded: best))
        at[best] &+= 1
      }
    }
    return sequence
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

  @inline(__always) func isBefore(_ a: Int, _ b: Int) -> Bool {
    if times[a] != times[b] { return times[a] < times[b] }
    return compareOrder(a, self, b) < 0
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
  /// An empty batch with the hidden columns that ordered rows have.
  fileprivate func withHiddenOrder() -> Batch {
    var copy = self
    copy.eventTimes = copy.eventTimes ?? .nulls(.int64, count: 0).withValidity(nil)
    copy.order = copy.order ?? .nulls(.bytes, count: 0).withValidity(nil)
    return copy
  }
}
