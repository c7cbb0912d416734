import ArgumentParser
import Dispatch
import Foundation
import MillraceServer

/// Runs a command's body with Ctrl-C as a clean stop and errors as text on standard error.
enum CommandRunner {
  static func run(_ job: JobOptions, _ body: (Session) throws -> Void) throws {
    let options = try job.configured()
    try run { cancellation in try body(Session(environment: SystemEnvironment.real, options: options, cancellation: cancellation)) }
  }

  static func run(_ body: (CancellationFlag) throws -> Void) throws {
    let cancellation = CancellationFlag()
    signal(SIGINT, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler {
      // The second Ctrl-C does not wait.
      if cancellation.isCancelled { exit(130) }
      cancellation.cancel()
    }
    source.activate()
    defer { source.cancel() }
    do {
      try body(cancellation)
    } catch let error where !(error is ValidationError) && !(error is ExitCode) {
      if cancellation.isCancelled {
        FileHandle.standardError.write(Data("millrace: stopped\n".utf8))
        throw ExitCode(130)
      }
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      throw ExitCode.failure
    }
  }
}
