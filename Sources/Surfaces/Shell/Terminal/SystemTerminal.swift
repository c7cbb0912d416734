import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The terminal that the process was started in: termios on standard input, signals, the size from the kernel.
public final class SystemTerminal: Terminal {
  /// What a signal handler's queue needs.
  private final class Shared: Sendable {
    struct State {
      var interrupt: (@Sendable () -> Void)?
      var interrupts = 0
    }
    let state = Mutex(State())
  }

  private let shared = Shared()
  private let found: termios
  private var sources: [any DispatchSourceSignal] = []

  /// nil when standard input or standard output is no terminal.
  public init?() {
    var attributes = termios()
    guard isatty(0) == 1, isatty(1) == 1, tcgetattr(0, &attributes) == 0 else { return nil }
    found = attributes
    listen()
  }

  private func listen() {
    let shared = shared
    let found = found
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        let (interrupt, count) = shared.state.withLock { state in
          state.interrupts += 1
          return (state.interrupt, state.interrupts)
        }
        if number == SIGINT {
          interrupt?()
          // A job that does not stop is left at the third time.
          if interrupt == nil || count < 3 { return }
        }
        var attributes = found
        tcsetattr(0, TCSANOW, &attributes)
        Self.put("\u{1B}[?2004l\u{1B}[?25h\r\n")
        _exit(128 + number)
      }
      source.activate()
      sources.append(source)
    }
  }

  public var size: (width: Int, height: Int) {
    var window = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else { return (80, 24) }
    return (Int(window.ws_col), Int(window.ws_row))
  }

  public func beginEditing() {
    shared.state.withLock { $0 = Shared.State() }
    setMode(withSignals: false)
    Self.put("\u{1B}[?2004h")
  }

  public func beginJob(interrupt: @escaping @Sendable () -> Void) {
    shared.state.withLock { $0 = Shared.State(interrupt: interrupt) }
    Self.put("\u{1B}[?2004l")
    setMode(withSignals: true)
  }

  public func end() {
    shared.state.withLock { $0 = Shared.State() }
    Self.put("\u{1B}[?2004l")
    var attributes = found
    tcsetattr(0, TCSADRAIN, &attributes)
  }

  /// No echo, no lines; output is left as it is.
  private func setMode(withSignals: Bool) {
    var attributes = found
    attributes.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | BRKINT)
    attributes.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN)
    if withSignals { attributes.c_lflag |= tcflag_t(ISIG) } else { attributes.c_lflag &= ~tcflag_t(ISIG) }
    withUnsafeMutableBytes(of: &attributes.c_cc) { characters in
      characters[Int(VMIN)] = 1
      characters[Int(VTIME)] = 0
      // Only Ctrl-C: a job that is suspended would leave the terminal to others in this state.
      characters[Int(VSUSP)] = 0
      characters[Int(VQUIT)] = 0
    }
    tcsetattr(0, TCSADRAIN, &attributes)
  }

  public func read(timeoutMillis: Int?) -> [UInt8]? {
    var waiting = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = poll(&waiting, 1, timeoutMillis.map { Int32(clamping: $0) } ?? -1)
      if ready == 0 { return [] }
      if ready < 0 {
        if errno == EINTR { continue }
        return nil
      }
      var bytes = [UInt8](repeating: 0, count: 4096)
      #if canImport(Glibc)
        let count = Glibc.read(0, &bytes, bytes.count)
      #elseif canImport(Musl)
        let count = Musl.read(0, &bytes, bytes.count)
      #else
        let count = Darwin.read(0, &bytes, bytes.count)
      #endif
      if count > 0 { return Array(bytes[..<count]) }
      if count < 0, errno == EINTR { continue }
      return nil
    }
  }

  public func write(_ text: String) { Self.put(text) }

  private static func put(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let base = rest.baseAddress, rest.count > 0 {
        #if canImport(Glibc)
          let count = Glibc.write(1, base, rest.count)
        #elseif canImport(Musl)
          let count = Musl.write(1, base, rest.count)
        #else
          let count = Darwin.write(1, base, rest.count)
        #endif
        if count < 0 {
          if errno == EINTR { continue }
          return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
