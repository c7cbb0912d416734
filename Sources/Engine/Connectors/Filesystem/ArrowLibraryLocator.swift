import MillraceEnvironment
import MillraceFormats
import MillraceTypes

/// Where the Arrow library is looked for: `MILLRACE_ARROW`, else beside the program, else in the per-user cache that `make setup` fills.
public enum ArrowLibraryLocator {
  public static func candidates(in environment: Environment) -> [String] {
    let variables = environment.variables
    if let named = variables["MILLRACE_ARROW"], !named.isEmpty { return [named] }
    var folders: [String] = []
    if let program = environment.programFolder { folders += [program, FilePath.join(program, "lib")] }
    func value(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let home = value("MILLRACE_HOME") {
      folders.append(FilePath.join(home, "lib"))
    } else if let cache = value("XDG_CACHE_HOME") {
      folders.append(FilePath.join(cache, "millrace/lib"))
    } else if let home = value("HOME") {
      folders.append(FilePath.join(home, ".cache/millrace/lib"))
    }
    return folders.map { FilePath.join($0, ArrowLibrary.fileName) }
  }

  /// - Throws: `library-missing`, saying how to get it.
  public static func library(in environment: Environment) throws(MillraceError) -> ArrowLibrary {
    try ArrowLibrary(candidates: candidates(in: environment))
  }
}
