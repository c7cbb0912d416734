// swift-tools-version: 6.2
import PackageDescription

// Coverage-guided fuzzers. A package of their own: their flags may not be in one that others depend on. `dev/fuzz` builds it, with
// coverage in every Swift module, and runs it.

func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: [.product(name: "MillraceLanguage", package: "Millrace")], path: "Sources/\(name)",
    swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-sanitize=fuzzer"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
}

let package = Package(
  name: "MillraceFuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Millrace", path: "..")],
  targets: [fuzzer("FuzzSQL"), fuzzer("FuzzJSON"), fuzzer("FuzzCSV")]
)
