import MillraceTypes

/// Gathers the parts of one checkpoint until every stage instance has given its own.
struct PendingCheckpoint {
  let kind: CheckpointKind
  private(set) var data: CheckpointData
  private var missing: Set<Int>
  private let partitions: Int

  init(id: Int64, kind: CheckpointKind, stages: Int, partitions: Int) {
    self.kind = kind
    data = CheckpointData(id: id)
    missing = Set(0..<(stages * partitions))
    self.partitions = partitions
  }

  var isComplete: Bool { missing.isEmpty }

  mutating func add(_ part: StageSnapshot) {
    missing.remove(part.stage * partitions + part.partition)
    data.add(part.data)
  }
}
