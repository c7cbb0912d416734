import Foundation
import Testing

/// The millrace program in a terminal of its own, as a person would have it: keys in, what it shows out.
final class PseudoTerminal {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private let master: Int32
  private let process: pid_t
  private var shown: [UInt8] = []
  /// What `expect` has passed over.
  private var seen = 0
  private var hasExited = false

  /// Starts a program as the leader of a session whose terminal this is.
  init(_ program: String, _ arguments: [String], variables: [String: String], width: UInt16 = 110, height: UInt16 = 40) throws {
    var window = winsize(ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0)
    var name = [CChar](repeating: 0, count: 256)
    var (near, far): (Int32, Int32) = (-1, -1)
    guard openpty(&near, &far, &name, nil, &window) == 0 else { throw Failure(description: "no pseudo terminal: errno \(errno)") }
    master = near
    // Programs that other tests start must not hold it open.
    for descriptor in [near, far] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    defer { close(far) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The first terminal that the leader of a session opens becomes the session's.
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID, which glibc's headers show to GNU programs only.
    #if canImport(Darwin)
      let startsSession: Int16 = 0x400
    #else
      let startsSession: Int16 = 0x80
    #endif
    posix_spawnattr_setflags(&attributes, startsSession)
    let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }.map { "\($0.key)=\($0.value)" }
    var argv = ([program] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var started: pid_t = 0
    let code = posix_spawn(&started, program, &actions, &attributes, &argv, &envp)
    process = started
    guard code == 0 else {
      hasExited = true
      throw Failure(description: "cannot start \(program): errno \(code)")
    }
  }

  deinit {
    if !hasExited {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    close(master)
  }

  func send(_ text: String) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Failure(description: "the terminal takes no keys: errno \(errno)") }
      rest = rest.dropFirst(count)
    }
  }

  /// Waits until a text is shown behind those waited for before.
  func expect(_ text: String, seconds: Double = 120) throws {
    let wanted = Array(text.utf8)
    let due = Date().addingTimeInterval(seconds)
    while true {
      if let at = Self.find(wanted, in: shown, from: seen) {
        seen = at + wanted.count
        return
      }
      guard Date() < due else { throw Failure(description: "'\(text)' was not shown; shown since was:\n\(rest)") }
      guard try read(millis: 200) else { throw Failure(description: "the program left before it showed '\(text)':\n\(rest)") }
    }
  }

  /// What was shown behind the last text waited for, without control sequences.
  var rest: String {
    String(decoding: shown[seen...], as: UTF8.self).replacingOccurrences(
      of: "\u{1B}\\[[0-9;?]*[A-Za-z]", with: "", options: .regularExpression)
  }

  /// Waits for the end of the program. Returns its status.
  func wait(seconds: Double = 60) throws -> Int32 {
    let due = Date().addingTimeInterval(seconds)
    while Date() < due {
      _ = try read(millis: 50)
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        hasExited = true
        // The low byte is the signal that ended it, if one did.
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
      }
    }
    throw Failure(description: "the program did not end; shown since was:\n\(rest)")
  }

  /// Takes in what is shown. Returns false when nothing will come any more.
  private func read(millis: Int32) throws -> Bool {
    var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, millis) > 0 else { return true }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = bytes.withUnsafeMutableBytes { Foundation.read(master, $0.baseAddress, $0.count) }
    // EIO: nobody has the other side open.
    guard count > 0 else { return count < 0 && errno == EINTR }
    shown += bytes[..<count]
    return true
  }

  private static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard bytes.count - start >= wanted.count else { return nil }
    return (start...(bytes.count - wanted.count)).first { bytes[$0] == wanted[0] && bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
  }
}
