import MillraceStreams

/// Messages made up by arithmetic, the same every time: a few chatty authors, some of whom paste links for a while.
enum MessagesFile {
  static func bytes(count: Int) -> [UInt8] {
    var state: UInt64 = 42
    /// A number below `bound` (splitmix64).
    func next(_ bound: UInt64) -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return (z ^ (z >> 31)) % bound
    }
    var lines: [String] = []
    var millis: Int64 = 1_704_103_200_000
    for id in 0..<count {
      // No two messages at one instant.
      millis += Int64(1 + next(9_000))
      let author = next(40) * next(40) / 40
      let isSpammer = author % 5 == 3 && (millis / 1_800_000) % 2 == 0
      let hasLink = next(10) < (isSpammer ? 9 : 2)
      let content = hasLink ? "look at http://example.com/\(next(100))" : "message \(next(1000)) of many"
      lines.append("\(id),\(author),\(content),\(Timestamp(millis: millis))")
    }
    // Neighbours change places now and then: sources see them out of order, results do not.
    for i in stride(from: 0, to: max(0, count - 1), by: 7) where next(2) == 0 { lines.swapAt(i, i + 1) }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }
}
