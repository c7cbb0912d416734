import Testing

/// What may not appear in the sources, each with what to do instead.
@Suite struct HygieneTests {
  struct Rule: Sendable {
    var words: [String]
    /// Rooms (or layers) in which the words are allowed.
    var allowed: [String] = []
    var fix: String
  }

  static let rules = [
    Rule(
      words: ["Date()", "Date.now", "ContinuousClock", "SuspendingClock", "DispatchTime", "clock_gettime", "gettimeofday"],
      allowed: ["Platform/SystemEnvironment", "Surfaces"],
      fix: "take the time from Environment's clock: a result must not depend on when it was computed"),
    Rule(
      words: ["SystemRandomNumberGenerator", "arc4random", "random()", ".random(in:", "UUID()", ".shuffled()", ".randomElement()"],
      allowed: ["Platform/SystemEnvironment"],
      fix: "take randomness from Environment, or pass a seeded generator in (`using:`)"),
    Rule(
      words: ["print(", "debugPrint(", "dump(", "NSLog("], allowed: ["Surfaces/CLI"],
      fix: "libraries are silent: return the text, throw an error, or hand it to the caller's log"),
    Rule(words: ["try!", "as!"], fix: "throw a MillraceError, or guard and say what to do: bad input must never trap"),
    Rule(
      words: ["fatalError("], fix: "throw a MillraceError for what input can cause; preconditionFailure names a broken invariant of ours"),
    Rule(words: ["Task.detached"], fix: "use a structured task, or a thread that its owner joins"),
  ]

  /// Known exceptions, by file and word. This list may only shrink.
  static let frozen: Set<String> = [
    // The deadline of a timed wait on a POSIX condition is wall-clock time by definition; nothing computed depends on it.
    "Sources/Engine/Runtime/Scheduling/WakeUp.swift clock_gettime"
  ]

  static func violations(_ files: [SourceTree.File]) -> [String] {
    var found: [String] = []
    for file in files {
      for (index, line) in file.code.enumerated() where !line.isEmpty {
        for rule in rules where !rule.allowed.contains(where: { file.room == $0 || file.room.hasPrefix($0 + "/") }) {
          for word in rule.words where !frozen.contains("\(file.path) \(word)") {
            let isUsed = word.hasPrefix(".") ? line.contains(word) && !line.contains("using:") : CodeText.uses(word, in: line)
            if isUsed { found.append("\(file.path):\(index + 1): \(word) is not used here; \(rule.fix)") }
          }
        }
      }
    }
    return found
  }

  @Test func forbiddenCalls() throws {
    for violation in Self.violations(try SourceTree().files) { Issue.record(Comment(rawValue: violation)) }
  }

  @Test func theCheckBites() {
    let text = """
      let a = Date()  // Date()
      let b = "print(x)"
      print(b)
      try! go()
      let c = x as! Int
      values.shuffled()
      values.shuffled(using: &seeded)
      fingerprint(b)
      """
    let found = Self.violations([SourceTree.File(path: "Sources/Engine/Operators/X.swift", text: text)])
    #expect(found.count == 5, "\(found)")
    #expect(Self.violations([SourceTree.File(path: "Sources/Surfaces/CLI/X.swift", text: "print(1)")]).isEmpty)
  }

  @Test func uncheckedSendableSaysWhatGuardsIt() throws {
    for file in try SourceTree().files {
      for (index, line) in file.code.enumerated() where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
        let around = file.lines[max(0, index - 3)...min(file.lines.count - 1, index + 2)].joined(separator: "\n").lowercased()
        #expect(
          around.contains("// guard:") || around.contains("// unchecked:"),
          "\(file.path):\(index + 1): say in a comment (`// guard: ...`) what makes this safe and what breaks without it")
      }
    }
  }

  @Test func namesSayWhatFilesShare() throws {
    let vague: Set<String> = ["utils", "util", "helpers", "helper", "common", "misc", "extensions"]
    for file in try SourceTree().files {
      for part in file.path.split(separator: "/") {
        let stem = part.split(separator: ".")[0].lowercased()
        #expect(!vague.contains(stem), "\(file.path): '\(part)' says nothing; name it after what its functions share")
      }
    }
  }

  @Test func nothingIsLeftForLater() throws {
    let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
    for file in try SourceTree().files {
      for (index, line) in file.lines.enumerated() {
        for marker in markers where CodeText.uses(marker, in: line) {
          Issue.record("\(file.path):\(index + 1): do it, throw `.notSupported`, or open an issue instead of \(marker)")
        }
      }
    }
  }

  @Test func packageUsesNoUnsafeFlags() throws {
    let code = try SourceTree.file("Package.swift").code.joined(separator: "\n")
    #expect(!code.contains("unsafeFlags"), "unsafeFlags make Millrace unusable as a dependency; pass such flags on the command line")
  }
}
