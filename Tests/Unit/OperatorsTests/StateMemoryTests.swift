import Foundation
import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceOperators

/// State over its limit lies in files, and nothing reads otherwise for that. The limit is the process's: tests beside these may spill
/// too, and must not notice.
@Suite(.serialized) struct StateMemoryTests {
  private func rows(_ range: Range<Int>) -> Batch {
    let texts = ColumnBuilder(.text, capacity: range.count)
    for row in range {
      let bytes = Array("row \(row) ".utf8) + Array(repeating: 120, count: row % 90)
      bytes.withUnsafeBytes { texts.append(bytes: $0) }
    }
    let schema = Schema([Field("id", .int64), Field("text", .text)])
    return Batch(schema: schema, columns: [.int64s(range.map { Int64($0) }), texts.finish()], rowCount: range.count)
  }

  @Test func whatIsOverTheLimitLiesInFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-spill-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    StateMemory.limit(6 << 20, folder: folder)
    defer {
      StateMemory.limit(0, folder: nil)
      try? FileManager.default.removeItem(atPath: folder)
    }
    let store = RowStore(schema: rows(0..<1).schema)
    for start in stride(from: 0, to: 300_000, by: 5000) { store.append(rows(start..<(start + 5000))) }
    #expect(StateMemory.use.inFiles > 8 << 20)
    #expect(StateMemory.failure == nil)
    var random = SeededRandom(seed: 3)
    let wanted = (0..<2000).map { _ in Int32.random(in: 0..<300_000, using: &random) }
    let found = store.gather(wanted)
    for (place, row) in wanted.enumerated() {
      let expected = rows(Int(row)..<(Int(row) + 1))
      #expect(found.columns[0][place] == expected.columns[0][0])
      #expect(found.columns[1][place] == expected.columns[1][0])
    }
    // Forgetting gives the files' space back, and what is left is the same.
    let kept = (0..<300_000).filter { $0 % 50 == 7 }.map { Int32($0) }
    let before = StateMemory.use.inFiles
    store.compact(keeping: kept)
    #expect(StateMemory.use.inFiles < before)
    let left = store.all()
    #expect(left.rowCount == kept.count)
    for place in stride(from: 0, to: kept.count, by: 97) {
      #expect(left.columns[0][place] == .int(Int64(kept[place])))
      #expect(left.columns[1][place] == rows(Int(kept[place])..<(Int(kept[place]) + 1)).columns[1][0])
    }
    // No name is left in the folder for others to find.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func aFolderThatCannotBeWrittenIsAnErrorAndLosesNothing() {
    StateMemory.limit(0, folder: "/nonexistent/folder")
    defer { StateMemory.limit(0, folder: nil) }
    let array = DenseArray<Int64>(fill: 7, capacity: 2_000_000)
    #expect(array[1_999_999] == 7)
    #expect(StateMemory.failure?.message.contains("No such file") == true)
  }

  @Test func memoryMovesWithItsContent() {
    var memory = GrowingMemory()
    var used = 0
    while used < 40 << 20 {
      memory.grow(to: used + 1 << 20, keeping: used)
      for at in stride(from: used, to: used + 1 << 20, by: 8) {
        memory.base.storeBytes(of: UInt64(at), toByteOffset: at, as: UInt64.self)
      }
      used += 1 << 20
    }
    memory.shrink(to: 6 << 20)
    #expect(memory.capacity < 10 << 20)
    for at in stride(from: 0, to: 6 << 20, by: 4096) { #expect(memory.base.load(fromByteOffset: at, as: UInt64.self) == UInt64(at)) }
  }
}
