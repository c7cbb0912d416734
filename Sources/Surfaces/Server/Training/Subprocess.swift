import Foundation
import MillraceTypes
import Synchronization

/// Runs another program and waits for it.
public enum Subprocess {
  public struct Outcome: Sendable {
    public var status: Int32
    public var output: String
    public var error: String
  }

  /// Runs a program to its end with both of its outputs kept. Blocks the calling thread.
  public static func run(_ program: String, _ arguments: [String], variables: [String: String]) throws(MillraceError) -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = variables
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    let error = Pipe()
    process.standardOutput = output
    process.standardError = error
    do {
      try process.run()
    } catch {
      throw MillraceError(.fileFailed, "\(program) could not be started: \(error.localizedDescription)", hint: "run `make setup`")
    }
    // Both pipes are drained at once, so that neither fills and blocks the program; the thread is joined by `wait`.
    let errorText = Mutex<Data>(Data())
    let drained = DispatchSemaphore(value: 0)
    let handle = error.fileHandleForReading
    DispatchQueue.global().async {
      let data = handle.readDataToEndOfFile()
      errorText.withLock { $0 = data }
      drained.signal()
    }
    let outputData = output.fileHandleForReading.readDataToEndOfFile()
    drained.wait()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
      error: String(decoding: errorText.withLock { $0 }, as: UTF8.self))
  }
}
