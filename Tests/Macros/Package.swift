// swift-tools-version: 6.2
import PackageDescription

// Tests of what @Row writes. A package of its own: a test target that depends on a macro makes SwiftPM build all targets of its package
// twice. `Macros` is a link to the macro's sources.
let package = Package(
  name: "MacrosTests",
  platforms: [.macOS(.v15)],
  dependencies: [.package(url: "https://github.com/swiftlang/swift-syntax", exact: "603.0.1")],
  targets: [
    .target(
      name: "MillraceMacros",
      dependencies: [
        .product(name: "SwiftSyntax", package: "swift-syntax"), .product(name: "SwiftSyntaxBuilder", package: "swift-syntax"),
        .product(name: "SwiftSyntaxMacros", package: "swift-syntax"), .product(name: "SwiftDiagnostics", package: "swift-syntax"),
        .product(name: "SwiftCompilerPlugin", package: "swift-syntax"),
      ], path: "Macros", exclude: ["MacroPlugin.swift"]),
    .testTarget(
      name: "MacrosTests",
      dependencies: [
        "MillraceMacros", .product(name: "SwiftSyntaxMacroExpansion", package: "swift-syntax"),
        .product(name: "SwiftSyntaxMacrosGenericTestSupport", package: "swift-syntax"),
      ]),
  ])
