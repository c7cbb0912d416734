import MillraceColumns
import MillraceEnvironment
import MillracePlan
import MillraceTypes
import Testing

@testable import MillraceConnectors

@Suite struct FileSinkTests {
  let table = TableDefinition(
    name: "out", schema: Schema([Field("n", .int64)]), options: ["connector": "filesystem", "path": "out", "format": "json"])

  func numbers(_ test: TestEnvironment) throws -> [Int] {
    try test.rows(table).compactMap { Int($0.dropFirst(4).dropLast()) }
  }

  @Test func nothingIsVisibleBeforeCommit() throws {
    let test = TestEnvironment()
    let sink = try test.sink(table)
    try sink.open(restoring: nil)
    try sink.write(batch(table, [[.int(1)], [.int(2)]]))
    #expect(try numbers(test) == [])
    _ = try sink.prepareCheckpoint(1)
    #expect(try numbers(test) == [])
    try sink.write(batch(table, [[.int(3)]]))
    try sink.commit(1)
    #expect(try numbers(test) == [1, 2])
    try sink.finish()
    #expect(try numbers(test) == [1, 2, 3])
    #expect(try test.files.list("out") == ["part-0-000001.json", "part-0-000002.json"])
    let second = try test.sink(table)
    try second.open(restoring: nil)
    try second.write(batch(table, [[.int(4)]]))
    try second.finish()
    #expect(try numbers(test) == [1, 2, 3, 4])
  }

  @Test func abortLeavesNothing() throws {
    let test = TestEnvironment()
    let sink = try test.sink(table)
    try sink.open(restoring: nil)
    try sink.write(batch(table, [[.int(1)]]))
    sink.abort()
    #expect(try test.files.list("out") == [])
  }

  @Test func aFullDiskIsAnErrorAndLeavesNothingVisible() throws {
    let test = TestEnvironment(capacityBytes: 100)
    let sink = try test.sink(table)
    try sink.open(restoring: nil)
    let error = #expect(throws: MillraceError.self) {
      for _ in 0..<10 { try sink.write(batch(table, [[.int(123_456_789)]])) }
      try sink.finish()
    }
    #expect(error?.message == "cannot write: the disk is full")
    sink.abort()
    #expect(try test.files.list("out") == [])
  }

  @Test func updatesAreRefused() throws {
    let test = TestEnvironment()
    let sink = try test.sink(table)
    try sink.open(restoring: nil)
    var change = try batch(table, [[.int(1)]])
    change.weights = .int64s([-1])
    #expect(throws: MillraceError.self) { try sink.write(change) }
  }

  /// A job that writes 1, 2, 3, ... with checkpoints, and dies at a random step with power lost; restored until it is done.
  @Test(arguments: 0..<80) func crashesNeitherLoseNorDouble(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed) + 7)
    let test = TestEnvironment()
    let total = 40
    var manifest: (next: Int, states: [[UInt8]])?
    var crashes = 0
    while true {
      var next = manifest?.next ?? 1
      let parallelism = 1 + Int(random.next() % 2)
      var sinks: [any Sink] = []
      for p in 0..<parallelism {
        let sink = try test.sink(table, partition: p, parallelism: parallelism)
        // Earlier partitions go to partition 0 but for the one of the same number.
        let states = manifest.map { saved in
          saved.states.enumerated().filter { $0.offset == p || (p == 0 && $0.offset >= parallelism) }.map(\.element)
        }
        try sink.open(restoring: states)
        sinks.append(sink)
      }
      var id = Int64(next) * 1000
      var died = false
      func dies() -> Bool {
        guard crashes < 12, random.next() % 14 == 0 else { return false }
        crashes += 1
        test.files.crash()
        died = true
        return true
      }
      steps: while next <= total {
        for sink in sinks where next <= total {
          try sink.write(batch(table, [[.int(Int64(next))]]))
          next += 1
          if dies() { break steps }
        }
        guard random.next() % 3 == 0 else { continue }
        id += 1
        var states: [[UInt8]] = []
        for sink in sinks {
          states.append(try sink.prepareCheckpoint(id))
          if dies() { break steps }
        }
        manifest = (next, states)
        for sink in sinks {
          if dies() { break steps }
          try sink.commit(id)
        }
      }
      if died { continue }
      id += 1
      manifest = (next, try sinks.map { try $0.prepareCheckpoint(id) })
      for sink in sinks { try sink.commit(id) }
      for sink in sinks { try sink.finish() }
      break
    }
    #expect(try numbers(test).sorted() == Array(1...total), "seed \(seed)")
    #expect(try test.files.list("out").allSatisfy { !$0.hasPrefix(".") }, "seed \(seed)")
  }

  @Test func anOlderCheckpointIsRefused() throws {
    let test = TestEnvironment()
    let sink = try test.sink(table)
    try sink.open(restoring: nil)
    let old = try sink.prepareCheckpoint(1)
    try sink.write(batch(table, [[.int(1)]]))
    _ = try sink.prepareCheckpoint(2)
    try sink.commit(2)
    let restored = try test.sink(table)
    let error = #expect(throws: MillraceError.self) { try restored.open(restoring: [old]) }
    #expect(error?.message.contains("committed after the checkpoint") == true)
  }
}
