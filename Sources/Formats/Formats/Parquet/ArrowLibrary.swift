import MillraceTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Our small C ABI over Arrow C++ (native/arrow-shim/millrace_arrow.h), opened at run time so that nothing links to it.
///
/// Never closed again. Safe to use from any thread; the handles it gives are for one thread at a time.
public final class ArrowLibrary: Sendable {
  typealias Address = UnsafeMutableRawPointer
  typealias Text = UnsafePointer<CChar>

  static let abi: Int32 = 1
  /// The file's name.
  public static let fileName: String = {
    #if canImport(Darwin)
      "libmillrace_arrow.dylib"
    #else
      "libmillrace_arrow.so"
    #endif
  }()

  let lastError: @convention(c) () -> Text?
  let writerOpen: @convention(c) (Text?, Address?, UnsafeRawPointer?, UnsafeMutablePointer<Address?>) -> Int32
  let writerMetadata: @convention(c) (Address?, Text?, Text?) -> Int32
  let writerWrite: @convention(c) (Address?, Address?) -> Int32
  let writerClose: @convention(c) (Address?, UnsafeMutablePointer<Int64>?, UnsafeMutablePointer<Int64>?) -> Int32
  let writerAbort: @convention(c) (Address?) -> Void
  let readerOpen: @convention(c) (Text?, UnsafePointer<Text?>?, Int32, UnsafeRawPointer?, UnsafeMutablePointer<Address?>) -> Int32
  let readerSchema: @convention(c) (Address?, Address?) -> Int32
  let readerNext: @convention(c) (Address?, Address?) -> Int32
  let readerRows: @convention(c) (Address?) -> Int64
  let readerMetadata: @convention(c) (Address?, Text?) -> Text?
  let readerClose: @convention(c) (Address?) -> Void
  /// Arrow C++'s version.
  public let version: String

  /// Opens the first of the files that exists.
  ///
  /// - Throws: `library-missing` when none does, or when it cannot be loaded or is of another version.
  public init(candidates: [String]) throws(MillraceError) {
    guard let path = candidates.first(where: { access($0, R_OK) == 0 }) else {
      throw MillraceError(
        .libraryMissing, "Arrow is not installed, which Parquet needs (looked for \(candidates.joined(separator: ", ")))",
        hint: "run `make setup`, or set MILLRACE_ARROW to the path of \(Self.fileName)")
    }
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw MillraceError(
        .libraryMissing, "the Arrow library cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "unknown reason")", subject: path,
        hint: "run `make setup` again")
    }
    func symbol<T>(_ name: String, _ type: T.Type) throws(MillraceError) -> T {
      guard let address = dlsym(handle, name) else {
        throw MillraceError(
          .libraryMissing, "the Arrow library lacks \(name)", subject: path, hint: "run `make setup` to build the matching one")
      }
      return unsafeBitCast(address, to: type)
    }
    let found = try symbol("millrace_arrow_abi_version", (@convention(c) () -> Int32).self)()
    guard found == Self.abi else {
      throw MillraceError(
        .libraryMissing, "the Arrow library has version \(found) of our interface instead of \(Self.abi)", subject: path,
        hint: "run `make setup` to build the matching one")
    }
    version = try symbol("millrace_arrow_library_version", (@convention(c) () -> Text?).self)().map { String(cString: $0) } ?? ""
    lastError = try symbol("millrace_arrow_last_error", (@convention(c) () -> Text?).self)
    writerOpen = try symbol(
      "millrace_arrow_writer_open",
      (@convention(c) (Text?, Address?, UnsafeRawPointer?, UnsafeMutablePointer<Address?>) -> Int32).self)
    writerMetadata = try symbol("millrace_arrow_writer_metadata", (@convention(c) (Address?, Text?, Text?) -> Int32).self)
    writerWrite = try symbol("millrace_arrow_writer_write", (@convention(c) (Address?, Address?) -> Int32).self)
    writerClose = try symbol(
      "millrace_arrow_writer_close",
      (@convention(c) (Address?, UnsafeMutablePointer<Int64>?, UnsafeMutablePointer<Int64>?) -> Int32).self)
    writerAbort = try symbol("millrace_arrow_writer_abort", (@convention(c) (Address?) -> Void).self)
    readerOpen = try symbol(
      "millrace_arrow_reader_open",
      (@convention(c) (Text?, UnsafePointer<Text?>?, Int32, UnsafeRawPointer?, UnsafeMutablePointer<Address?>) -> Int32).self)
    readerSchema = try symbol("millrace_arrow_reader_schema", (@convention(c) (Address?, Address?) -> Int32).self)
    readerNext = try symbol("millrace_arrow_reader_next", (@convention(c) (Address?, Address?) -> Int32).self)
    readerRows = try symbol("millrace_arrow_reader_rows", (@convention(c) (Address?) -> Int64).self)
    readerMetadata = try symbol("millrace_arrow_reader_metadata", (@convention(c) (Address?, Text?) -> Text?).self)
    readerClose = try symbol("millrace_arrow_reader_close", (@convention(c) (Address?) -> Void).self)
  }

  /// The error of the thread's last failing call.
  func error(_ status: Int32, _ what: String, _ path: String) -> MillraceError {
    let text = lastError().map { String(cString: $0) } ?? "status \(status)"
    let message = "\(what): \(text)"
    switch status {
    case -2 where text.contains("[errno 28]"):
      return MillraceError(
        .fileFailed, "\(what): the disk is full", subject: path, hint: "free some space or choose another folder", isRetryable: true)
    case -2:
      return MillraceError(.fileFailed, message, subject: path, hint: "check the path, its permissions and the space on the disk")
    case -3: return MillraceError(.malformedRow, message, subject: path, hint: "check that it is a whole Parquet file")
    case -4: return MillraceError(.notSupported, message, subject: path)
    default: return MillraceError(.invalidInput, message, subject: path)
    }
  }
}
