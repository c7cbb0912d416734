import Foundation
import Testing

/// The millrace program as a process of its own, so that it can be killed.
struct Program {
  struct Outcome {
    var status: Int32
    var output: String
    var error: String
  }

  /// `$MILLRACE_PROGRAM`, else the one built beside this test bundle.
  static let path: String? = {
    let manager = FileManager.default
    if let named = ProcessInfo.processInfo.environment["MILLRACE_PROGRAM"] { return manager.isExecutableFile(atPath: named) ? named : nil }
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    var folders = [root.appending(path: ".build/debug").path]
    if let bundle = try? manager.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      folders.insert(URL(filePath: bundle).deletingLastPathComponent().path, at: 0)
    }
    return folders.map { $0 + "/millrace" }.first { manager.isExecutableFile(atPath: $0) }
  }()

  /// A folder of its own for the test, removed at the end.
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "millrace-crash-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  @discardableResult func write(_ name: String, _ text: String) throws -> String {
    let file = folder.appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
    return file.path
  }

  /// Starts the program in the test's folder; a signal comes after some milliseconds if it is still running then.
  func run(
    _ arguments: [String], variables: [String: String] = [:], signal: Int32? = nil, afterMillis: Int = 0
  ) throws -> Outcome {
    try start(try #require(Self.path), arguments, variables, signal, afterMillis)
  }

  /// A shell script in which `"$0"` is the program.
  func shell(_ script: String) throws -> Outcome { try start("/bin/sh", ["-c", script, try #require(Self.path)], [:], nil, 0) }

  private func start(
    _ executable: String, _ arguments: [String], _ variables: [String: String], _ signal: Int32?, _ afterMillis: Int
  ) throws -> Outcome {
    // Files, not pipes: nothing blocks when much is written.
    let output = folder.appending(path: ".stdout-\(UUID().uuidString)")
    let error = folder.appending(path: ".stderr-\(UUID().uuidString)")
    for file in [output, error] { try Data().write(to: file) }
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: error)
    try process.run()
    if let signal {
      let due = Date().addingTimeInterval(Double(afterMillis) / 1000)
      while process.isRunning && Date() < due { usleep(2000) }
      if process.isRunning { kill(process.processIdentifier, signal) }
    }
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
      error: try String(contentsOf: error, encoding: .utf8))
  }

  /// The lines of all files of a folder whose names do not begin with a dot, sorted; and how many names do.
  func rows(_ name: String) throws -> (lines: [String], hidden: Int) {
    let path = folder.appending(path: name).path
    guard FileManager.default.fileExists(atPath: path) else { return ([], 0) }
    let names = try FileManager.default.contentsOfDirectory(atPath: path)
    var lines: [String] = []
    for file in names where !file.hasPrefix(".") {
      lines += try String(contentsOfFile: path + "/" + file, encoding: .utf8).split(separator: "\n").map(String.init)
    }
    return (lines.sorted(), names.count { $0.hasPrefix(".") })
  }

  func names(_ name: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: name).path)) ?? []).sorted()
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips in words when there is no program to run.
  static var needsProgram: Self {
    .enabled(if: Program.path != nil, "the millrace program is not beside the tests: build it with `swift build --product millrace`")
  }
}
