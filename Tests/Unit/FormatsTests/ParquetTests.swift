import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where `make setup` puts the library, when it did.
enum InstalledArrow {
  static let library: ArrowLibrary? = {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    let cache = variable("MILLRACE_HOME") ?? (variable("XDG_CACHE_HOME") ?? (variable("HOME") ?? "") + "/.cache") + "/millrace"
    return try? ArrowLibrary(candidates: [variable("MILLRACE_ARROW"), "\(cache)/lib/\(ArrowLibrary.fileName)"].compactMap { $0 })
  }()

  static var isMissing: Bool { library == nil }

  /// A path for one test's file.
  static func path(_ name: String) -> String { "/tmp/millrace-parquet-\(getpid())-\(name).parquet" }
}

@Suite(.enabled("Arrow is not installed; `make setup` installs it") { !InstalledArrow.isMissing })
struct ParquetTests {
  /// Parquet has no intervals, empty rows or columns of type NULL.
  static func isStorable(_ type: DataType) -> Bool {
    switch type {
    case .null: false
    case .array(let element): isStorable(element.type)
    case .map(_, let value): isStorable(value.type)
    case .row(let fields): fields.allSatisfy { isStorable($0.type) }
    default: true
    }
  }

  @Test(arguments: 0..<25) func writtenRowsReadBackEqual(seed: Int) throws {
    guard let library = InstalledArrow.library else { return }
    var source = RandomRows(seed: UInt64(seed) + 1)
    let fields = source.fields(count: 1 + source.random.below(8)).filter { Self.isStorable($0.type) }
    if fields.isEmpty { return }
    let path = InstalledArrow.path("round\(seed)")
    defer { unlink(path) }
    var options = ParquetOptions()
    options.compression = [.none, .snappy, .zstd, .gzip, .lz4][source.random.below(5)]
    options.rowGroupRows = Int64([0, 7, 64][source.random.below(3)])
    options.metadata = [("who", "me")]
    let writer = try ParquetFileWriter(fields: fields, path: path, options: options, library: library)
    var expected: [String] = []
    for _ in 0..<source.random.below(4) {
      let batch = try source.batch(fields, rows: source.random.below(40))
      try writer.write(batch)
      expected += describe(batch.columns, rows: batch.rowCount)
    }
    try writer.finish()
    let reader = try ParquetRowReader(fields: fields, path: path, library: library)
    #expect(reader.rowCount == Int64(expected.count))
    #expect(reader.metadata("who") == "me")
    var done = 0
    while true {
      let rest = try readAll(ParquetRowReader(fields: fields, path: path, from: reader.position, library: library))
      #expect(rest.rows == Array(expected[done...]), "seed \(seed)")
      #expect(rest.lines == (done..<expected.count).map { Int64($0 + 1) })
      guard let part = try reader.next(maxRows: 1 + source.random.below(9)) else { break }
      done += part.rowCount
    }
    #expect(done == expected.count)
  }

  @Test func columnsGoByName() throws {
    guard let library = InstalledArrow.library else { return }
    let path = InstalledArrow.path("names")
    defer { unlink(path) }
    let fields = [Field("a", .int64), Field("b", .text), Field("c", .boolean)]
    let writer = try ParquetFileWriter(fields: fields, path: path, library: library)
    var source = RandomRows(seed: 3)
    let batch = try source.batch(fields, rows: 5)
    try writer.write(batch)
    try writer.finish()
    let some = try readAll(ParquetRowReader(fields: [fields[2], fields[0]], path: path, library: library))
    #expect(some.rows == describe([batch.columns[2], batch.columns[0]], rows: 5))
    let none = try readAll(ParquetRowReader(fields: [], path: path, library: library))
    #expect(none.rows.count == 5)
    let error = #expect(throws: MillraceError.self) {
      try ParquetRowReader(fields: [Field("z", .int64)], path: path, library: library)
    }
    #expect(error?.subject == path)
    #expect(error?.message.contains("z") == true)
    let other = #expect(throws: MillraceError.self) {
      try readAll(ParquetRowReader(fields: [Field("a", .text)], path: path, library: library))
    }
    #expect(other?.message == "column a is declared STRING but the data holds BIGINT")
  }

  @Test func whatIsNoParquetIsAnError() throws {
    guard let library = InstalledArrow.library else { return }
    let path = InstalledArrow.path("junk")
    defer { unlink(path) }
    #expect(throws: MillraceError.self) { try ParquetRowReader(fields: [], path: path, library: library) }
    let file = fopen(path, "w")
    fputs("not parquet at all, but long enough to hold a footer", file)
    fclose(file)
    #expect(throws: MillraceError.self) { try ParquetRowReader(fields: [], path: path, library: library) }
  }

  @Test func abortedFilesAreGone() throws {
    guard let library = InstalledArrow.library else { return }
    let path = InstalledArrow.path("abort")
    let writer = try ParquetFileWriter(fields: [Field("a", .int64)], path: path, library: library)
    writer.abort()
    #expect(access(path, F_OK) != 0)
  }
}

@Suite struct ArrowLibraryTests {
  @Test func aMissingLibrarySaysHowToGetIt() {
    let error = #expect(throws: MillraceError.self) { try ArrowLibrary(candidates: ["/nowhere/lib.so"]) }
    #expect(error?.code == .libraryMissing)
    #expect(error?.message == "Arrow is not installed, which Parquet needs (looked for /nowhere/lib.so)")
    #expect(error?.hint?.contains("make setup") == true)
  }
}
