import MillraceEnvironment
import MillraceTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The history of all shells of a user. A shell that cannot keep it goes on without.
struct HistoryFile {
  let files: any FileStore
  let path: String

  /// `$MILLRACE_HISTORY` (empty for none), else `millrace/history` in the user's data folder.
  init?(_ environment: Environment) {
    files = environment.files
    let variables = environment.variables
    if let named = variables["MILLRACE_HISTORY"] {
      guard !named.isEmpty else { return nil }
      path = named
    } else if let data = variables["XDG_DATA_HOME"], data.hasPrefix("/") {
      path = FilePath.join(data, "millrace/history")
    } else if let home = variables["HOME"], home.hasPrefix("/") {
      path = FilePath.join(home, ".local/share/millrace/history")
    } else {
      return nil
    }
  }

  func load() -> History {
    guard let bytes = try? files.readAll(path) else { return History() }
    return History(decoding: String(decoding: bytes, as: UTF8.self))
  }

  /// Adds an entry to what is there by now: other shells write too.
  func append(_ entry: String) {
    guard History.mayKeep(entry) else { return }
    var history = load()
    history.add(entry)
    do throws(MillraceError) {
      try files.makeFolder(FilePath.folder(of: path))
      try files.writeDurably(Array(history.encoded.utf8), to: path)
    } catch {
      return
    }
    // What people type is theirs alone.
    chmod(path, 0o600)
  }
}
