// swift-tools-version: 6.2
import PackageDescription

// Its own package, so that what benchmarks need stays out of what the library needs.
let package = Package(
  name: "MillraceBenchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Millrace", path: "..")],
  targets: [
    .executableTarget(
      name: "bench", dependencies: [.product(name: "Millrace", package: "Millrace")],
      swiftSettings: [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
      ])
  ]
)
