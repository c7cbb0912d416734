import MillraceEnvironment

/// Divides the CPU time of one thread among the nodes it works for.
///
/// Asking a thread for its CPU time is a call into the system, which per batch and node would be felt. So the stretches of work are
/// taken by the monotonic clock, which is not, and about once in a millisecond of work the CPU time that the thread has used since is
/// shared out in proportion to them. A node that waits for something outside is charged what CPU time the stretch around
/// its wait took, and no more.
///
/// Used by the thread that drives the worker, from `start` on.
final class CPUMeter {
  private static let settlesAfterNanos: UInt64 = 1_000_000

  private let clock: any WallClock
  /// Per node of the plan, in nanoseconds: CPU time so far, and stretches of work that are not shared out yet.
  private var totals: [UInt64]
  private var spans: [UInt64]
  private var spanTotal: UInt64 = 0
  private var last: UInt64 = 0
  private var cpuAtStart: UInt64 = 0
  private var cpuAtSettle: UInt64 = 0

  init(clock: any WallClock, nodeCount: Int) {
    self.clock = clock
    totals = Array(repeating: 0, count: nodeCount)
    spans = totals
  }

  /// The calling thread is the one to be measured from now on.
  func start() {
    cpuAtStart = clock.threadCPUNanos
    cpuAtSettle = cpuAtStart
    begin()
  }

  /// Work begins; what went before belongs to no node.
  func begin() { last = clock.monotonicNanos }

  /// What went by since the last call was work for a node.
  func charge(_ node: Int) {
    let now = clock.monotonicNanos
    let span = now &- last
    spans[node] &+= span
    spanTotal &+= span
    last = now
  }

  /// Shares out when enough has come together, or at once.
  func settle(now isDue: Bool = false) {
    guard spanTotal >= (isDue ? 1 : Self.settlesAfterNanos) else { return }
    let cpu = clock.threadCPUNanos
    let share = min(1, Double(cpu &- cpuAtSettle) / Double(spanTotal))
    cpuAtSettle = cpu
    for node in spans.indices where spans[node] > 0 {
      totals[node] &+= UInt64(Double(spans[node]) * share)
      spans[node] = 0
    }
    spanTotal = 0
  }

  func nanos(_ node: Int) -> Int64 { Int64(clamping: totals[node]) }

  /// CPU time of the thread since `start`, as of the last sharing out.
  var threadNanos: Int64 { Int64(clamping: cpuAtSettle &- cpuAtStart) }
}
