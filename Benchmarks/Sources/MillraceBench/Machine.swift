import Foundation

/// The first line of output: where the numbers were taken.
struct Machine: Encodable {
  var machine: String
  var cores: Int
  var memoryGiB: Double
  var kernel: String
  var load1: Double
  var build: String
  var rowsPerBatch: Int

  enum CodingKeys: String, CodingKey {
    case machine, cores
    case memoryGiB = "memory_gib"
    case kernel
    case load1 = "load_1_min"
    case build
    case rowsPerBatch = "batch_rows"
  }

  static func current() -> Machine {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    var load = [0.0, 0, 0]
    getloadavg(&load, 3)
    #if DEBUG
      let build = "debug: the numbers mean nothing"
    #else
      let build = "release"
    #endif
    return Machine(
      machine: model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown", cores: ProcessInfo.processInfo.processorCount,
      memoryGiB: BenchmarkResult.rounded(Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824),
      kernel: ProcessInfo.processInfo.operatingSystemVersionString, load1: BenchmarkResult.rounded(load[0]), build: build,
      rowsPerBatch: batchRows)
  }
}

/// Rows of a batch unless a benchmark says otherwise.
let batchRows = 4096
