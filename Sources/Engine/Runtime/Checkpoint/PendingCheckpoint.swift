import MillraceTypes

/// Gathers the parts of one checkpoint until every stage instance has given its own.
struct PendingCheckpoint {
  private(set) var data: CheckpointData
  private var missing: Set<Int>
  private let partitions: Int

  init(id: Int64, identity: CheckpointIdentity, stages: Int, partitions: Int) {
    data = CheckpointData(id: id, maxParallelism: identity.maxParallelism, planFingerprint: identity.fingerprint)
    missing = Set(0..<(stages * partitions))
    self.partitions = partitions
  }

  var isComplete: Bool { missing.isEmpty }

  mutating func add(_ part: StageSnapshot) {
    missing.remove(part.stage * partitions + part.partition)
    for (id, groups) in part.data.operators { data.operators[id, default: [:]].merge(groups) { $1 } }
    for (id, splits) in part.data.sources { data.sources[id, default: [:]].merge(splits) { $1 } }
    for (id, subtasks) in part.data.sinks { data.sinks[id, default: [:]].merge(subtasks) { $1 } }
    for (id, count) in part.data.lateRows { data.lateRows[id, default: 0] += count }
  }
}
