// swift-tools-version: 6.2
import CompilerPluginSupport
import PackageDescription

// Layers from the bottom of the page to the top; Tests/Architecture holds the table of who may import whom.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A Swift target in `Sources/<layer>/<folder>`, named `Millrace<folder>` unless it says otherwise.
func room(_ layer: String, _ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: "Millrace\(folder)", dependencies: dependencies, path: "Sources/\(layer)/\(folder)",
    exclude: [], swiftSettings: strict)
}

func tests(_ folder: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(folder)Tests", dependencies: dependencies, path: path ?? "Tests/Unit/\(folder)Tests", exclude: exclude,
    swiftSettings: strict)
}

let package = Package(
  name: "Millrace",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Millrace", targets: ["MillraceServer", "MillraceStreams"]),
    // For Benchmarks/, which measures operators, sources and models without SQL or a runtime around them.
    .library(
      name: "MillraceEngine",
      targets: [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceExpressions", "MillracePlan", "MillraceOperators",
        "MillraceConnectors", "MillraceInference", "MillraceScoring", "MillraceSystemEnvironment", "CMillraceOnnx",
      ]),
    // For Fuzz/, which feeds readers and the compiler of SQL with any bytes.
    .library(
      name: "MillraceLanguage",
      targets: ["MillraceTypes", "MillraceColumns", "MillraceFormats", "MillraceExpressions", "MillracePlan", "MillraceSQL"]),
    .executable(name: "millrace", targets: ["millrace"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    // Of the plug-in that expands @Row alone.
    .package(url: "https://github.com/swiftlang/swift-syntax", exact: "603.0.1"),
  ],
  targets: [
    // C shims: each imported by exactly one Swift target.
    .target(name: "CMillraceArrow", path: "Sources/C/CMillraceArrow"),
    .target(name: "CMillraceOnnx", path: "Sources/C/CMillraceOnnx"),
    .target(name: "CMillraceKernels", path: "Sources/C/CMillraceKernels"),

    room("Vocabulary", "Types"),
    room("Vocabulary", "Columns", ["MillraceTypes", "CMillraceArrow"]),
    room("Vocabulary", "Environment", ["MillraceTypes"]),

    room("Formats", "Formats", ["MillraceTypes", "MillraceColumns"]),

    room("Language", "Rows", ["MillraceTypes", "MillraceColumns"]),
    room("Language", "Expressions", ["MillraceTypes", "MillraceColumns"]),
    room("Language", "Plan", ["MillraceTypes", "MillraceColumns", "MillraceExpressions"]),
    room("Language", "SQL", ["MillraceTypes", "MillraceColumns", "MillraceExpressions", "MillracePlan"]),
    room("Language", "Planner", ["MillraceTypes", "MillraceColumns", "MillraceExpressions", "MillracePlan"]),

    room(
      "Engine", "Operators",
      ["MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceExpressions", "MillracePlan", "CMillraceKernels"]),
    room(
      "Engine", "Connectors",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceFormats", "MillraceExpressions", "MillracePlan",
        "MillraceOperators",
      ]),
    room(
      "Engine", "Runtime",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceExpressions", "MillracePlan",
        "MillraceOperators", "MillraceConnectors",
      ]),

    room("ML", "Inference", ["MillraceTypes", "MillraceColumns", "CMillraceOnnx"]),
    room(
      "ML", "Scoring",
      ["MillraceTypes", "MillraceColumns", "MillraceInference", "MillraceExpressions", "MillracePlan", "MillraceOperators"]),

    room("Platform", "SystemEnvironment", ["MillraceTypes", "MillraceEnvironment"]),

    room(
      "Surfaces", "Server",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceFormats", "MillraceExpressions",
        "MillracePlan", "MillraceSQL", "MillracePlanner", "MillraceOperators", "MillraceConnectors",
        "MillraceRuntime", "MillraceInference", "MillraceScoring", "MillraceSystemEnvironment",
      ]),
    room(
      "Surfaces", "Shell",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillracePlan", "MillraceSQL", "MillraceOperators", "MillraceConnectors",
        "MillraceRuntime", "MillraceServer",
      ]),
    .macro(
      name: "MillraceMacros",
      dependencies: [
        .product(name: "SwiftSyntax", package: "swift-syntax"), .product(name: "SwiftSyntaxMacros", package: "swift-syntax"),
        .product(name: "SwiftSyntaxBuilder", package: "swift-syntax"), .product(name: "SwiftDiagnostics", package: "swift-syntax"),
        .product(name: "SwiftCompilerPlugin", package: "swift-syntax"),
      ], path: "Sources/Surfaces/Macros", swiftSettings: strict),
    room(
      "Surfaces", "Streams",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceRows", "MillraceExpressions", "MillracePlan", "MillraceSQL",
        "MillraceOperators", "MillraceConnectors", "MillraceRuntime", "MillraceSystemEnvironment", "MillraceServer", "MillraceMacros",
      ]),
    .executableTarget(
      name: "millrace",
      dependencies: [
        "MillraceServer", "MillraceShell", "MillraceTypes", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Surfaces/CLI", swiftSettings: strict),

    // One job written in SQL and in each of the Swift layers.
    .executableTarget(
      name: "layers", dependencies: ["MillraceStreams"], path: "Examples/layers", exclude: ["README.md"], swiftSettings: strict),

    tests("Types", ["MillraceTypes"]),
    tests("Columns", ["MillraceTypes", "MillraceColumns", "CMillraceArrow"]),
    tests("Formats", ["MillraceTypes", "MillraceColumns", "MillraceFormats"]),
    tests("Expressions", ["MillraceTypes", "MillraceColumns", "MillraceExpressions"]),
    tests("Planner", ["MillraceTypes", "MillraceColumns", "MillraceExpressions", "MillracePlan", "MillraceSQL", "MillracePlanner"]),
    tests("SQL", ["MillraceTypes", "MillraceColumns", "MillraceExpressions", "MillracePlan", "MillraceSQL"]),
    tests("Operators", ["MillraceTypes", "MillraceColumns", "MillraceExpressions", "MillracePlan", "MillraceOperators"]),
    tests(
      "Connectors",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceSystemEnvironment", "MillraceFormats", "MillracePlan",
        "MillraceOperators", "MillraceConnectors",
      ]),
    tests("Inference", ["MillraceTypes", "MillraceColumns", "MillraceInference"]),
    tests(
      "Streams",
      [
        "MillraceStreams", "MillraceServer", "MillraceRows", "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillracePlan",
        "MillraceOperators", "MillraceRuntime", "MillraceConnectors", "MillraceSystemEnvironment",
      ]),
    tests("Layers", ["layers", "MillraceStreams", "MillraceServer", "MillraceEnvironment"]),
    tests(
      "Query",
      [
        "MillraceServer", "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceConnectors", "MillracePlan", "MillraceSQL",
        "MillraceRuntime", "MillraceSystemEnvironment",
      ], path: "Tests/Query", exclude: ["Cases"]),
    tests(
      "Shell",
      [
        "MillraceTypes", "MillraceColumns", "MillraceEnvironment", "MillraceSystemEnvironment", "MillracePlan", "MillraceSQL",
        "MillraceConnectors", "MillraceRuntime", "MillraceServer", "MillraceShell",
      ]),
    tests("Architecture", [], path: "Tests/Architecture"),
    // Starts the program as a process; depends on no target of ours.
    tests("Crash", [], path: "Tests/Crash"),
  ]
)
