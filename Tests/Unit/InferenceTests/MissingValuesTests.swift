import MillraceInference
import Testing

@Suite struct MissingValuesTests {
  static let values: [Float] = [1, 2, .nan, 4, 5, 6, .infinity, -.infinity, 9]

  func applied(_ policy: MissingValues) -> ([Float], MissingValues.Found) {
    var values = Self.values
    let found = values.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { policy.apply(to: $0, rows: 3, features: 3) } ?? .init()
    }
    return (values, found)
  }

  @Test func policies() {
    let passed = applied(.pass)
    #expect(passed.0[2].isNaN && passed.0[6] == .infinity && passed.1 == .init())
    let refused = applied(.refuse)
    #expect(refused.0[2].isNaN && refused.1 == .init(replacedCount: 0, refusedRows: [0, 2]))
    let replaced = applied(.replace(with: -1))
    #expect(replaced.0 == [1, 2, -1, 4, 5, 6, -1, -1, 9] && replaced.1 == .init(replacedCount: 3, refusedRows: []))
  }
}
