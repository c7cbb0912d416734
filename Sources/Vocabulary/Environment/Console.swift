import Synchronization

/// Where a program talks to its user. Safe to use from any thread; one call's bytes stay together.
public protocol Console: Sendable {
  func write(_ bytes: UnsafeRawBufferPointer, to stream: ConsoleStream)
  /// Whether a person watches the stream, so that progress may overwrite itself there.
  func isTerminal(_ stream: ConsoleStream) -> Bool
}

/// Results go to `output`; progress and errors go to `error`.
public enum ConsoleStream: Sendable, Hashable { case output, error }

extension Console {
  public func isTerminal(_ stream: ConsoleStream) -> Bool { false }
  public func write(_ text: String, to stream: ConsoleStream = .output) {
    var text = text
    text.withUTF8 { write(UnsafeRawBufferPointer($0), to: stream) }
  }
  public func write(_ bytes: [UInt8], to stream: ConsoleStream = .output) { bytes.withUnsafeBytes { write($0, to: stream) } }
}

/// Keeps what is written: for tests.
public final class BufferedConsole: Console {
  private let written = Mutex<(output: [UInt8], error: [UInt8])>(([], []))
  public init() {}

  public func write(_ bytes: UnsafeRawBufferPointer, to stream: ConsoleStream) {
    let copy = Array(bytes)
    written.withLock {
      switch stream {
      case .output: $0.output += copy
      case .error: $0.error += copy
      }
    }
  }

  public var output: String { String(decoding: written.withLock { $0.output }, as: UTF8.self) }
  public var error: String { String(decoding: written.withLock { $0.error }, as: UTF8.self) }
}
