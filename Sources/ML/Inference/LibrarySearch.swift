import Foundation
import MillraceTypes

/// Where `make setup` puts things, and where a library is looked for at run time.
///
/// A library that a variable names explicitly is taken or refused, never silently replaced by another. Otherwise the first
/// that exists is taken: beside the executable, then in the per-user cache, then by the loader's own rules.
public struct LibrarySearch: Sendable {
  /// File names to look for, best first.
  public var names: [String]
  /// The environment variable that names a file explicitly.
  public var variable: String

  public init(names: [String], variable: String) {
    self.names = names
    self.variable = variable
  }

  /// `$MILLRACE_HOME`, else `$XDG_CACHE_HOME/millrace`, else `~/.cache/millrace`.
  public static func cacheFolder(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
    if let home = environment["MILLRACE_HOME"], !home.isEmpty { return home }
    if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return cache + "/millrace" }
    return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache/millrace"
  }

  /// Files to try in order. The last entries have no folder: they are for the loader to find.
  /// - Throws: `library-missing` when a path given explicitly does not exist.
  public func candidates(
    explicit: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment,
    executableFolder: String? = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent().path
  ) throws -> [String] {
    let named = explicit.map { ($0, "the configured path") } ?? environment[variable].flatMap { $0.isEmpty ? nil : ($0, "$\(variable)") }
    if let (path, origin) = named {
      guard FileManager.default.fileExists(atPath: path) else {
        throw MillraceError(
          .libraryMissing, "\(origin) names a file that does not exist", subject: path,
          hint: "correct it, or leave it out to use what `make setup` installed")
      }
      return [path]
    }
    var folders: [String] = []
    if let executableFolder { folders += [executableFolder, executableFolder + "/lib"] }
    folders.append(Self.cacheFolder(environment: environment) + "/lib")
    let existing = folders.flatMap { folder in names.map { folder + "/" + $0 } }.filter { FileManager.default.fileExists(atPath: $0) }
    return existing + names
  }
}
