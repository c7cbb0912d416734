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

/// What a benchmark found.
struct BenchmarkResult {
  var name: String
  /// Events of one repetition.
  var rows: Int
  var nsCPUPerEvent: Double
  var eventsPerS: Double
  var repetitions: Int
  /// What it should cost at most, in the same unit as `nsCPUPerEvent`.
  var aimNsPerEvent: Double?
  /// What the input is like.
  var note: String
  /// Rows per CPU second of ONNX Runtime alone.
  var directRowsPerS: Double?

  /// From the best of several repetitions, each given as its nanoseconds.
  init(_ name: String, rows: Int, nanoseconds: [Int64], aim: Double? = nil, note: String) {
    let best = Double(max(1, nanoseconds.min() ?? 1))
    self.name = name
    self.rows = rows
    nsCPUPerEvent = best / Double(rows)
    eventsPerS = (Double(rows) / best * 1e9).rounded()
    repetitions = nanoseconds.count
    aimNsPerEvent = aim
    self.note = note
  }

  /// `answer_checked` is always true: a wrong answer ends the program.
  var line: JSONLine {
    var line = JSONLine()
    line.add("name", name)
    line.add("rows", rows)
    line.add("ns_cpu_per_event", nsCPUPerEvent)
    line.add("events_per_s", Int(eventsPerS))
    if let aimNsPerEvent { line.add("aim_ns_per_event", aimNsPerEvent) }
    if let directRowsPerS {
      line.add("onnxruntime_rows_per_s", Int(directRowsPerS))
      line.add("ratio_to_onnxruntime", eventsPerS / directRowsPerS)
    }
    line.add("answer_checked", true)
    line.add("best_of", repetitions)
    line.add("note", note)
    return line
  }
}

/// A JSON object on one line, its members in the order added.
struct JSONLine: CustomStringConvertible {
  private var members: [String] = []

  mutating func add(_ name: String, _ value: Int) { members.append("\(quoted(name)):\(value)") }
  mutating func add(_ name: String, _ value: Bool) { members.append("\(quoted(name)):\(value)") }
  /// Rounded to hundredths.
  mutating func add(_ name: String, _ value: Double) { members.append("\(quoted(name)):\((value * 100).rounded() / 100)") }
  mutating func add(_ name: String, _ value: String) { members.append("\(quoted(name)):\(quoted(value))") }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for character in text.unicodeScalars {
      switch character {
      case "\"", "\\": result += "\\\(character)"
      case "\n": result += "\\n"
      case "\u{0}"..<" ": result += " "
      default: result.unicodeScalars.append(character)
      }
    }
    return result + "\""
  }

  var description: String { "{" + members.joined(separator: ",") + "}" }
}

/// A benchmark's answer differs from the reference.
struct WrongAnswer: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

func requireEqual<T: Equatable>(_ found: T, _ expected: T, _ what: @autoclosure () -> String) throws {
  if found != expected { throw WrongAnswer("\(what()): \(found), expected \(expected)") }
}
