import Foundation
@testable import MillraceInference
import MillraceTypes
import Testing

@Suite struct LibrarySearchTests {
  let search = LibrarySearch(names: ["libthing.so.1"], variable: "THING_PATH")

  @Test func cacheFolderFollowsTheVariables() {
    #expect(LibrarySearch.cacheFolder(environment: ["MILLRACE_HOME": "/m", "XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/m")
    #expect(LibrarySearch.cacheFolder(environment: ["MILLRACE_HOME": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/x/millrace")
    #expect(LibrarySearch.cacheFolder(environment: ["HOME": "/h"]) == "/h/.cache/millrace")
  }

  @Test func explicitPathIsTakenOrRefused() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("search-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cache = folder.appendingPathComponent("cache/lib"), beside = folder.appendingPathComponent("bin")
    for place in [cache, beside] { try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true) }
    let environment = ["MILLRACE_HOME": folder.appendingPathComponent("cache").path]
    func found(_ explicit: String? = nil, _ more: [String: String] = [:]) throws -> [String] {
      try search.candidates(explicit: explicit, environment: environment.merging(more) { $1 }, executableFolder: beside.path)
    }

    #expect(try found() == ["libthing.so.1"])
    let inCache = cache.appendingPathComponent("libthing.so.1").path, besideIt = beside.appendingPathComponent("libthing.so.1").path
    try Data().write(to: URL(fileURLWithPath: inCache))
    #expect(try found() == [inCache, "libthing.so.1"])
    try Data().write(to: URL(fileURLWithPath: besideIt))
    #expect(try found() == [besideIt, inCache, "libthing.so.1"])
    #expect(try found(nil, ["THING_PATH": inCache]) == [inCache])
    #expect(try found(besideIt, ["THING_PATH": inCache]) == [besideIt])
    let error = #expect(throws: MillraceError.self) { try found(nil, ["THING_PATH": "/nowhere"]) }
    #expect(error?.code == .libraryMissing)
    #expect(
      error?.description
        == "/nowhere: $THING_PATH names a file that does not exist\n  hint: correct it, or leave it out to use what `make setup` installed")
  }

  @Test func releasesWithTelemetryNeedTheOptOutFirst() throws {
    try OnnxRuntime.refuseTelemetry(version: "1.28.0", optedOutBefore: false, path: "p")
    try OnnxRuntime.refuseTelemetry(version: "1.32.0", optedOutBefore: true, path: "p")
    for version in ["1.29.0", "1.32.0", "2.0.0", "dev"] {
      let error = #expect(throws: MillraceError.self) {
        try OnnxRuntime.refuseTelemetry(version: version, optedOutBefore: false, path: "p")
      }
      #expect(error?.code == .libraryMissing)
    }
  }
}
