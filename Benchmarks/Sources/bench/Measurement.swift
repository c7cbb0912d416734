#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One benchmark: a name to ask for it by, and a run that prints its figures.
struct Benchmark: Sendable {
  var name: String
  var run: @Sendable () throws -> Void
}

/// CPU time of the process so far, in nanoseconds: wall time says little on a shared machine.
func cpuNanos() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// One figure, printed as a JSON line.
struct Figure {
  var name: String
  var events: Int
  var nanos: Int64
  /// What was compared with another way of computing it, and held.
  var checked: String
  var more: [(String, String)] = []

  func printLine() {
    let perEvent = Double(nanos) / Double(max(1, events))
    var fields = [
      "\"benchmark\": \"\(name)\"", "\"events\": \(events)", "\"cpu_ns_per_event\": \((perEvent * 10).rounded() / 10)",
      "\"events_per_second\": \(Int(1e9 / max(perEvent, 1e-9)))", "\"checked\": \"\(checked)\"",
    ]
    for (key, value) in more { fields.append("\"\(key)\": \(value)") }
    print("{" + fields.joined(separator: ", ") + "}")
  }
}

/// An answer that differs from the one computed the obvious way.
struct WrongAnswer: Error, CustomStringConvertible {
  var description: String
}

/// A small seeded generator (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
