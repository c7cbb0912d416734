import Foundation
import MillraceEnvironment
import MillraceTypes

/// Where `make setup` put what Millrace needs at run time.
public struct Installation: Sendable {
  /// `$MILLRACE_HOME`, else `$XDG_CACHE_HOME/millrace`, else `~/.cache/millrace`.
  public let home: String
  private let environment: Environment

  public init(_ environment: Environment) {
    self.environment = environment
    if let home = environment.variables["MILLRACE_HOME"], !home.isEmpty {
      self.home = home
    } else if let cache = environment.variables["XDG_CACHE_HOME"], !cache.isEmpty {
      home = FilePath.join(cache, "millrace")
    } else {
      home = FilePath.join(FilePath.join(environment.variables["HOME"] ?? ".", ".cache"), "millrace")
    }
  }

  /// The interpreter of the training environment.
  ///
  /// - Throws: `.libraryMissing` when set-up has not run.
  public func python() throws(MillraceError) -> String {
    let path = FilePath.join(home, "venv/bin/python")
    guard try environment.files.info(path) != nil else {
      throw MillraceError(.libraryMissing, "the training environment is not installed", subject: path, hint: "run `make setup`")
    }
    return path
  }

  /// The folder of the demo's data, as downloaded.
  public var data: String { FilePath.join(home, "data") }

  /// A file of an example, from the source tree the program was built in or from the working folder.
  public func example(_ path: String) throws(MillraceError) -> String {
    var candidates = [FilePath.join("Examples", path)]
    if var folder = environment.programFolder {
      for _ in 0..<6 {
        candidates.append(FilePath.join(FilePath.join(folder, "Examples"), path))
        let parent = FilePath.folder(of: folder)
        if parent == folder { break }
        folder = parent
      }
    }
    candidates.append(FilePath.join(FilePath.join(home, "Examples"), path))
    for candidate in candidates { if try environment.files.info(candidate)?.kind == .file { return candidate } }
    throw MillraceError(
      .fileFailed, "an example's file was not found", subject: FilePath.join("Examples", path),
      hint: "run the program in a checkout of Millrace, or from its .build folder (looked for \(candidates.joined(separator: ", ")))")
  }
}
