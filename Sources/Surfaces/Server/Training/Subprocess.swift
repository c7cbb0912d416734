import Foundation
import MillraceRuntime
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
  ///
  /// - Throws: `.cancelled` when the flag was set, the program having been told to end.
  public static func run(
    _ program: String, _ arguments: [String], variables: [String: String], cancellation: CancellationFlag
  ) throws(MillraceError) -> Outcome {
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
    let watch = DispatchSource.makeTimerSource(queue: .global())
    let child = process.processIdentifier
    watch.setEventHandler { if cancellation.isCancelled { kill(child, SIGTERM) } }
    watch.schedule(deadline: .now() + .milliseconds(50), repeating: .milliseconds(50))
    watch.activate()
    let outputData = output.fileHandleForReading.readDataToEndOfFile()
    // From here on the id may belong to another process.
    watch.cancel()
    drained.wait()
    process.waitUntilExit()
    if cancellation.isCancelled { throw MillraceError(.cancelled, "\(program) was stopped") }
    return Outcome(
      status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
      error: String(decoding: errorText.withLock { $0 }, as: UTF8.self))
  }
}
