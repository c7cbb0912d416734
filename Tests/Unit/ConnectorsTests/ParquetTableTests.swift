import MillraceColumns
import MillraceEnvironment
import MillraceFormats
import MillracePlan
import MillraceSystemEnvironment
import MillraceTypes
import Testing

@testable import MillraceConnectors

/// Parquet tables on the real file system.
@Suite(
  .enabled("Arrow is not installed; `make setup` installs it") { (try? ArrowLibraryLocator.library(in: SystemEnvironment.real)) != nil })
struct ParquetTableTests {
  @Test func writtenRowsAreReadWithTheirClock() throws {
    let environment = SystemEnvironment.real
    let folder = "/tmp/millrace-parquet-table-\(environment.randomness.bits())"
    let table = TableDefinition(
      name: "t",
      schema: Schema([Field("id", .int64), Field("at", .timestampLTZ(precision: 3)), Field("tags", .array(Field("e", .text)))]),
      watermark: .init(column: 1, delayMicros: 1_000_000),
      options: ["connector": "filesystem", "format": "parquet", "path": folder, "parquet.row-group-rows": "10"])
    let registry = ConnectorRegistry.builtIn
    let sink = try registry.sink(SinkRequest(table: table, environment: environment))
    try sink.open(restoring: nil)
    for part in 0..<3 {
      let rows: [[Value]] = (0..<20).map { i in
        let id = Int64(part * 20 + i)
        return [.int(id), .int(id * 1000 - (id % 7 == 0 ? 3000 : 0)), id % 5 == 0 ? .null : .list([.text("x\(id)")])]
      }
      try sink.write(batch(table, rows))
      _ = try sink.prepareCheckpoint(Int64(part))
      try sink.commit(Int64(part))
    }
    try sink.finish()
    #expect(try environment.files.list(folder) == ["part-0-000001.parquet", "part-0-000002.parquet", "part-0-000003.parquet"])
    let source = try registry.source(SourceRequest(table: table, columns: [2, 0], environment: environment))
    let splits = try source.splits()
    #expect(splits.map(\.ordinal) == [0, 1, 2])
    var seen = 0
    for split in splits {
      let whole = try drain(source.open(split, from: nil), maxRows: 1)
      let reader = try source.open(split, from: nil)
      var done = 0
      while true {
        let rest = try drain(source.open(split, from: reader.position), maxRows: 1)
        #expect(rest.rows == Array(whole.rows[done...]) && rest.hidden == Array(whole.hidden[done...]))
        #expect(rest.batchWatermarks == Array(whole.batchWatermarks[done...]))
        guard case .batch(let part, _) = try reader.next(maxRows: 3) else { break }
        done += part.rowCount
      }
      #expect(whole.rows.count == 20)
      #expect(whole.hidden.contains { $0.hasSuffix("true") })
      seen += whole.rows.count
    }
    #expect(seen == 60)
    for name in try environment.files.list(folder) { try environment.files.remove("\(folder)/\(name)") }
    try environment.files.remove(folder)
  }
}
