import Foundation

/// Where the numbers were taken.
enum Machine {
  /// The first line of output.
  static func line() -> JSONLine {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    var load = [0.0, 0, 0]
    getloadavg(&load, 3)
    #if DEBUG
      let build = "debug: the numbers mean nothing"
    #else
      let build = "release"
    #endif
    var line = JSONLine()
    line.add("machine", model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown")
    line.add("cores", ProcessInfo.processInfo.processorCount)
    line.add("memory_gib", Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824)
    line.add("system", ProcessInfo.processInfo.operatingSystemVersionString)
    line.add("load_1_min", load[0])
    line.add("build", build)
    line.add("batch_rows", batchRows)
    line.add("note", "ns_cpu_per_event is CPU time of the one thread that does the work")
    return line
  }
}

/// Rows of a batch unless a benchmark says otherwise.
let batchRows = 4096
