import Foundation

/// Processor time of the calling thread in nanoseconds.
func threadNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Adds up the processor time of the parts of a run that count; making input and checking answers stays outside.
struct Stopwatch {
  private(set) var nanoseconds: Int64 = 0

  mutating func time<T>(_ body: () throws -> T) rethrows -> T {
    let start = threadNanoseconds()
    defer { nanoseconds += threadNanoseconds() - start }
    return try body()
  }
}

/// One line of output.
struct BenchmarkResult: Encodable {
  var name: String
  /// Events of one repetition.
  var rows: Int
  var nsCPUPerEvent: Double
  var eventsPerS: Double
  var repetitions: Int
  /// Always true: a wrong answer ends the program.
  var answerChecked = true
  /// What it should cost at most, in the same unit as `nsCPUPerEvent`.
  var aimNsPerEvent: Double?
  /// What the input is like.
  var note: String
  /// Rows per CPU second of ONNX Runtime alone.
  var directRowsPerS: Double?
  /// Ours over ONNX Runtime's.
  var ratioToDirect: Double?

  enum CodingKeys: String, CodingKey {
    case name, rows
    case nsCPUPerEvent = "ns_cpu_per_event"
    case eventsPerS = "events_per_s"
    case repetitions
    case answerChecked = "answer_checked"
    case aimNsPerEvent = "aim_ns_per_event"
    case note
    case directRowsPerS = "direct_rows_per_s"
    case ratioToDirect = "ratio_to_direct"
  }

  /// From the best of several repetitions, each given as its nanoseconds.
  init(_ name: String, rows: Int, nanoseconds: [Int64], aim: Double? = nil, note: String) {
    let best = Double(max(1, nanoseconds.min() ?? 1))
    self.name = name
    self.rows = rows
    nsCPUPerEvent = Self.rounded(best / Double(rows))
    eventsPerS = (Double(rows) / best * 1e9).rounded()
    repetitions = nanoseconds.count
    aimNsPerEvent = aim
    self.note = note
  }

  static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

/// A benchmark's answer differs from the reference.
struct WrongAnswer: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

func requireEqual<T: Equatable>(_ found: T, _ expected: T, _ what: @autoclosure () -> String) throws {
  if found != expected { throw WrongAnswer("\(what()): \(found), expected \(expected)") }
}
