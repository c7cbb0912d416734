import Testing

/// Imports point down the page: the one table of who may import whom. A new edge is a decision, made here first.
@Suite struct ImportTests {
  /// Room -> modules of ours that it may import, then the C shim that only it may import.
  static let allowed: [String: Set<String>] = {
    let types: Set = ["MillraceTypes"]
    let columns = types.union(["MillraceColumns"])
    let expressions = columns.union(["MillraceExpressions"])
    let plan = expressions.union(["MillracePlan"])
    let operators = plan.union(["MillraceOperators", "MillraceEnvironment"])
    return [
      "Vocabulary/Types": [],
      "Vocabulary/Columns": types.union(["CMillraceArrow"]),
      "Vocabulary/Environment": types,
      "Formats/Formats": columns,
      "Language/Rows": columns,
      "Language/Expressions": columns,
      "Language/Plan": expressions,
      "Language/SQL": plan,
      "Language/Planner": plan,
      "Engine/Operators": plan.union(["MillraceEnvironment", "CMillraceKernels"]),
      "Engine/Connectors": operators.union(["MillraceFormats"]),
      "Engine/Runtime": operators.union(["MillraceConnectors"]),
      "ML/Inference": columns.union(["CMillraceOnnx"]),
      "ML/Scoring": plan.union(["MillraceOperators", "MillraceInference"]),
      "Platform/SystemEnvironment": types.union(["MillraceEnvironment"]),
      "Surfaces/Server": operators.union([
        "MillraceFormats", "MillraceSQL", "MillracePlanner", "MillraceConnectors", "MillraceRuntime", "MillraceInference",
        "MillraceScoring", "MillraceSystemEnvironment",
      ]),
      // What the compiler runs to expand @Row; nothing of ours is in it.
      "Surfaces/Macros": [],
      "Surfaces/Streams": operators.union([
        "MillraceRows", "MillraceSQL", "MillraceConnectors", "MillraceRuntime", "MillraceSystemEnvironment", "MillraceServer",
      ]),
      "Surfaces/Shell": operators.union(["MillraceSQL", "MillraceConnectors", "MillraceRuntime", "MillraceServer"]),
      "Surfaces/CLI": types.union(["MillraceServer", "MillraceShell"]),
    ]
  }()

  /// Modules from outside and the rooms that may import them; the rest of the core touches no system.
  static let outside: [String: Set<String>] = [
    "Synchronization": ["Vocabulary", "Engine", "ML", "Platform", "Surfaces"],
    "_StringProcessing": ["Language/Expressions"],
    "Foundation": ["ML/Inference", "Platform", "Surfaces"],
    "Dispatch": ["Surfaces"],
    "ArgumentParser": ["Surfaces/CLI"],
    "SwiftSyntax": ["Surfaces/Macros"],
    "SwiftSyntaxBuilder": ["Surfaces/Macros"],
    "SwiftSyntaxMacros": ["Surfaces/Macros"],
    "SwiftDiagnostics": ["Surfaces/Macros"],
    "SwiftCompilerPlugin": ["Surfaces/Macros"],
    // Mathematics and memcmp in kernels, dlopen for the optional libraries, threads of the runtime.
    "Glibc": ["Language/Expressions", "Formats", "ML/Inference", "Engine/Runtime", "Platform", "Surfaces"],
    "Musl": ["Language/Expressions", "Formats", "ML/Inference", "Engine/Runtime", "Platform", "Surfaces"],
    "Darwin": ["Language/Expressions", "Formats", "ML/Inference", "Engine/Runtime", "Platform", "Surfaces"],
  ]

  static func violations(_ files: [SourceTree.File]) -> [String] {
    var found: [String] = []
    for file in files {
      guard let mine = allowed[file.room] else {
        found.append("\(file.path): room \(file.room) is not in the import table; add it to ImportTests with what it may import")
        continue
      }
      for (module, line) in file.imports {
        if module.hasPrefix("Millrace") || module.hasPrefix("CMillrace") {
          if !mine.contains(module) {
            found.append(
              "\(file.path):\(line): \(file.room) may not import \(module) (it may: \(mine.sorted().joined(separator: ", "))); "
                + "move the code to a room above both, or pass what it needs in from there")
          }
        } else if let rooms = outside[module] {
          if !rooms.contains(where: { file.room == $0 || file.room.hasPrefix($0 + "/") }) {
            found.append(
              "\(file.path):\(line): \(file.room) may not import \(module) (only \(rooms.sorted().joined(separator: ", ")) may); "
                + "reach the system through MillraceEnvironment")
          }
        } else {
          found.append("\(file.path):\(line): \(module) is no module that Millrace uses; see ImportTests.outside")
        }
      }
    }
    return found
  }

  @Test func importsFollowTheTable() throws {
    let tree = try SourceTree()
    #expect(tree.files.count > 50)
    for violation in Self.violations(tree.files) { Issue.record(Comment(rawValue: violation)) }
  }

  @Test func eachShimHasOneImporter() throws {
    var importers: [String: Set<String>] = [:]
    for file in try SourceTree().files {
      for (module, _) in file.imports where module.hasPrefix("CMillrace") { importers[module, default: []].insert(file.room) }
    }
    for (module, rooms) in importers.sorted(by: { $0.key < $1.key }) {
      #expect(rooms.count == 1, "\(module) is imported by \(rooms.sorted()); keep a C shim behind one Swift target")
    }
  }

  /// The table only goes down: no room can reach itself.
  @Test func tableHasNoCycle() {
    func reach(_ room: String, _ path: [String]) {
      if path.contains(room) {
        Issue.record("the import table has a cycle: \((path + [room]).joined(separator: " -> "))")
        return
      }
      for module in Self.allowed[room] ?? [] {
        guard let next = Self.allowed.keys.first(where: { "Millrace" + ($0.split(separator: "/").last ?? "") == module }) else { continue }
        reach(next, path + [room])
      }
    }
    for room in Self.allowed.keys.sorted() { reach(room, []) }
  }

  @Test func theCheckBites() {
    let bad = SourceTree.File(
      path: "Sources/Vocabulary/Columns/X.swift",
      text:
        "import MillraceTypes\n  import MillracePlan\n@testable import MillraceRuntime\nimport Foundation\nimport func Glibc.exit\n// import MillraceSQL\n"
    )
    #expect(Self.violations([bad]).count == 4)
    let unknown = SourceTree.File(path: "Sources/Engine/New/X.swift", text: "import NIO")
    #expect(Self.violations([unknown]).count == 1)
    let good = SourceTree.File(
      path: "Sources/Language/SQL/X.swift", text: "public import MillracePlan\nlet s = \"\nimport MillraceRuntime\"")
    #expect(Self.violations([good]).isEmpty)
  }
}
