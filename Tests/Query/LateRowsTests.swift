import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceExpressions
import MillracePlan
import MillraceRuntime
import MillraceServer
import MillraceTypes
import Testing

/// A late row is counted and routed once per table and position, whatever scans of the table a job has.
@Suite struct LateRowsTests {
  private static let schema = Schema([
    Field("id", .int64), Field("k", .int64), Field("x", .float64), Field("at", .timestamp(precision: 3)),
  ])
  private static let lateIDs = [3, 5, 9]

  private static func table(routed: Bool) -> TableDefinition {
    var options = ["connector": "filesystem", "format": "csv", "path": "/in/t"]
    if routed { options["late-rows.path"] = "/out/late" }
    return TableDefinition(name: "t", schema: schema, watermark: .init(column: 3, delayMicros: 2_000_000), options: options)
  }

  /// Rows 3 and 5 of the first file and 9 of the second come more than two seconds behind an earlier one.
  private static func files() throws -> MemoryFileStore {
    let store = MemoryFileStore()
    try store.makeFolder("/in/t")
    let seconds = [[1: 10, 2: 14, 3: 11, 4: 12, 5: 0, 6: 30], [7: 2, 8: 50, 9: 47, 10: 48]]
    for (number, rows) in seconds.enumerated() {
      let lines = rows.keys.sorted().map { "\($0),\($0 % 2),\($0).5,2024-01-01 00:00:\(rows[$0] ?? 0 < 10 ? "0" : "")\(rows[$0] ?? 0)\n" }
      try store.writeDurably(Array(lines.joined().utf8), to: "/in/t/\(number).csv")
    }
    return store
  }

  /// Two or three scans of the table with other columns and conditions each, put together again.
  private static func plan(_ table: TableDefinition) throws -> LogicalPlan {
    func over(_ columns: [Int], _ predicate: Expression?) -> LogicalPlan {
      let scan = LogicalPlan.scan(Scan(table: table, columns: columns, predicate: predicate))
      return .project(
        Project(input: scan, expressions: [.column(columns.firstIndex(of: 0) ?? 0, schema.fields[0])], names: ["id"]))
    }
    func condition(_ name: String, _ value: Int64) throws -> Expression {
      try FunctionRegistry.builtIn.resolve(
        name, [.column(1, schema.fields[1]), .literal(.int(value), .int64)])
    }
    return .union(
      Union(inputs: [
        over([0, 1, 2, 3], nil), over([0], try condition("=", 0)), over([3, 0], try condition("=", 1)),
      ]))
  }

  @Test(arguments: [true, false], [1, 2, 3]) func areRoutedOnce(_ usesOptimizer: Bool, _ parallelism: Int) throws {
    for routed in [true, false] {
      for simulated in [false, true] {
        let store = try Self.files()
        let environment = Environment(
          files: store, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
        var configuration = JobConfiguration()
        configuration.parallelism = parallelism
        configuration.batchRows = 2
        let launcher = JobLauncher(
          environment: environment, configuration: configuration, usesOptimizer: usesOptimizer, connectors: .builtIn)
        let job = JobPlan(outputs: [.init(table: nil, input: try Self.plan(Self.table(routed: routed)))])
        let plan = try launcher.physicalPlan(job)
        let builder = try launcher.builder(plan)
        let result =
          simulated
          ? try SimulatedRuntime([builder], seed: 4, faults: .init(crashes: 2, stepsPerCheckpoint: 4)).run()
          : try EmbeddedRuntime(builder).run()
        #expect(result.lateRows.values.reduce(0, +) == 3, "\(result.lateRows)")
        let rows = try #require(JobLauncher.rows(plan, builder.collectors))
        #expect(
          (0..<rows.rowCount).map { "\(rows.row($0)[0])" }.sorted()
            == ([1, 2, 4, 6, 7, 8, 10] + [2, 4, 6, 8, 10] + [1, 7]).map { "\(Value.int(Int64($0)))" }.sorted())
        guard routed else { continue }
        var late: [String] = []
        for name in try store.list("/out/late") {
          late += String(decoding: try store.readAll("/out/late/" + name), as: UTF8.self).split(separator: "\n").map(String.init)
        }
        #expect(late.sorted().map { $0.prefix(8) } == Self.lateIDs.map { "{\"id\":\($0)," }.map { $0.prefix(8) }, "\(late)")
      }
    }
  }
}
