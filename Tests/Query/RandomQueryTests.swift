import Foundation
import Testing

/// Random queries over random tables give the same rows in every mode: with and without optimiser, cut into batches in every way,
/// on one to three partitions, with crashes and with changes of parallelism.
@Suite struct RandomQueryTests {
  @Test(arguments: 0..<10)
  func allModesAgree(_ block: Int) throws {
    let perBlock = ProcessInfo.processInfo.environment["RANDOM_QUERIES"].flatMap { Int($0) } ?? 6
    let base = ProcessInfo.processInfo.environment["RANDOM_SEED"].flatMap { UInt64($0) } ?? 0
    var answered = 0
    for number in 0..<perBlock {
      let seed = base &+ UInt64(block * perBlock + number)
      let file = RandomQuery.file(seed: seed)
      let wanted: [String]
      do { wanted = try file.run(.batch, seed: seed).sorted() } catch {
        // What is refused must be refused by name; a planner's mistake would show another text.
        let refusals = ["not supported yet", "GROUP BY a constant"]
        if !refusals.contains(where: { "\(error)".contains($0) }) { Issue.record("seed \(seed): \(error)\n\(file.sql)") }
        continue
      }
      answered += 1
      for mode in QueryMode.allCases where mode != .batch {
        do {
          let found = try file.run(mode, seed: seed).sorted()
          if found != wanted {
            let (missing, extra) = (wanted.filter { !found.contains($0) }, found.filter { !wanted.contains($0) })
            Issue.record("seed \(seed), \(mode): missing \(missing.prefix(4)), extra \(extra.prefix(4))\n\(file.sql)")
          }
        } catch { Issue.record("seed \(seed), \(mode): \(error)\n\(file.sql)") }
      }
    }
    #expect(answered > perBlock / 2)
  }
}
