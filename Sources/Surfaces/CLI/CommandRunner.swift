import ArgumentParser
import Dispatch
import Foundation
import MillraceServer
import Synchronization

/// Runs a command's body with Ctrl-C and SIGTERM as clean stops and errors as text on standard error.
enum CommandRunner {
  static func run(_ job: JobOptions, _ body: (Session) throws -> Void) throws {
    let options = job.configured()
    try run { cancellation in try body(Session(environment: SystemEnvironment.real, options: options, cancellation: cancellation)) }
  }

  static func run(_ body: (CancellationFlag) throws -> Void) throws {
    let cancellation = CancellationFlag()
    let stops = StopSignals(cancellation)
    defer { stops.end() }
    do {
      try body(cancellation)
      if let failure = SystemConsole.outputFailure { throw failure }
    } catch let error where !(error is ValidationError) && !(error is ExitCode) {
      if let signal = stops.received {
        FileHandle.standardError.write(Data("millrace: stopped\n".utf8))
        throw ExitCode(128 + signal)
      }
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      throw ExitCode.failure
    }
  }
}

/// Turns SIGINT and SIGTERM into a cancellation; a second one ends the process at once.
private final class StopSignals {
  /// The signal that asked to stop; 0 when none did.
  private final class First: Sendable {
    let number = Atomic<Int32>(0)
  }

  private let first = First()
  private var sources: [any DispatchSourceSignal] = []

  init(_ cancellation: CancellationFlag) {
    let first = first
    for number in [SIGINT, SIGTERM] {
      // The dispatch source hears of it all the same.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        if !first.number.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged { _exit(128 + number) }
        cancellation.cancel()
      }
      source.activate()
      sources.append(source)
    }
  }

  var received: Int32? {
    let number = first.number.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  func end() { for source in sources { source.cancel() } }
}
