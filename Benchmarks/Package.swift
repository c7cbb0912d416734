// swift-tools-version: 6.2
import PackageDescription

// Benchmarks are a package of their own, so that nothing they need reaches those who depend on Millrace.
let package = Package(
  name: "MillraceBenchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Millrace", path: "..")],
  targets: [
    .executableTarget(
      name: "millrace-bench", dependencies: [.product(name: "MillraceEngine", package: "Millrace")], path: "Sources/MillraceBench",
      swiftSettings: [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
      ])
  ]
)
