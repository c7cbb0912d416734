/// Text operations on paths; none touches the file system.
public enum FilePath {
  /// The part before the last `/`; `.` when there is none, `/` for an entry of the root.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The part after the last `/`.
  public static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  public static func join(_ folder: String, _ name: String) -> String {
    if folder.isEmpty || folder == "." { return name }
    return folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The path that a `file://` URL or a plain path names; percent escapes of a URL are decoded.
  public static func path(fromURL text: String) -> String {
    let rest: Substring
    if text.hasPrefix("file://") {
      let afterScheme = text.dropFirst(7)
      rest = afterScheme.hasPrefix("localhost/") ? afterScheme.dropFirst(9) : afterScheme
    } else if text.hasPrefix("file:/") {
      rest = text.dropFirst(5)
    } else {
      return text
    }
    var bytes: [UInt8] = []
    var source = Array(rest.utf8)[...]
    while let byte = source.popFirst() {
      if byte == 0x25, source.count >= 2, let value = UInt8(String(decoding: source.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        source = source.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
