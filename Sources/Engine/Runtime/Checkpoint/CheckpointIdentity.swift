import MillraceColumns
import MillracePlan
import MillraceTypes

/// What every checkpoint of a job says of the job.
struct CheckpointIdentity: Sendable, Equatable {
  /// Hash of the whole plan.
  var fingerprint: UInt64
  var maxParallelism: Int
  /// The operators, sources and sinks that may have state, by id.
  var operators: [String: OperatorIdentity]

  func write(into out: inout ByteWriter) {
    out.write(fingerprint)
    out.write(count: maxParallelism)
    out.write(count: operators.count)
    for (_, identity) in operators.sorted(by: { $0.key < $1.key }) {
      out.write(identity.id)
      out.write(identity.layout)
      out.write(identity.name)
    }
  }

  init(fingerprint: UInt64, maxParallelism: Int, operators: [OperatorIdentity]) {
    self.fingerprint = fingerprint
    self.maxParallelism = maxParallelism
    self.operators = Dictionary(operators.map { ($0.id, $0) }) { first, _ in first }
  }

  init(_ reader: inout ByteReader) throws(MillraceError) {
    fingerprint = try reader.readUInt64()
    maxParallelism = try reader.readCount()
    operators = [:]
    for _ in 0..<(try reader.readCount(unit: 24)) {
      let identity = OperatorIdentity(id: try reader.readText(), layout: try reader.readText(), name: try reader.readText())
      operators[identity.id] = identity
    }
  }

  /// Whether a job may go on from a checkpoint: everything that it holds state of is still there and still means the same.
  ///
  /// - Parameter leavesBehind: state that no operator asks for is left out instead.
  /// - Throws: `checkpointInvalid`, naming the operators.
  func check(_ stored: StoredCheckpoint, leavesBehind: Bool) throws(MillraceError) {
    let manifest = stored.manifest
    guard manifest.identity.maxParallelism == maxParallelism else {
      throw MillraceError(
        .checkpointInvalid,
        "checkpoint \(manifest.id) has \(manifest.identity.maxParallelism) key groups, this job \(maxParallelism)",
        hint: "max parallelism is fixed for the life of a job's state")
    }
    if manifest.isEnd && manifest.identity.fingerprint != fingerprint {
      throw MillraceError(
        .checkpointInvalid,
        "checkpoint \(manifest.id) is the end of a job with another plan: tables, expressions or operators have changed since",
        hint: "run the job text that took it, or start anew with another --checkpoint-dir")
    }
    func names(_ ids: [String]) -> String {
      ids.map { id in "\(manifest.identity.operators[id]?.name ?? "an operator") (\(id))" }.joined(separator: ", ")
    }
    let lost = manifest.ownersOfState.filter { operators[$0] == nil }.sorted()
    if !lost.isEmpty && !leavesBehind {
      throw MillraceError(
        .checkpointInvalid, "checkpoint \(manifest.id) belongs to another plan: nothing in this job takes the state of \(names(lost))",
        hint:
          "run the job text that took it, leave that state behind with --allow-non-restored-state, or start anew with another --checkpoint-dir"
      )
    }
    let changed = manifest.operators.keys.filter { id in
      operators[id].map { $0.layout != manifest.identity.operators[id]?.layout } ?? false
    }.sorted()
    if !changed.isEmpty {
      throw MillraceError(
        .checkpointInvalid,
        "checkpoint \(manifest.id) holds other columns or aggregates than this job needs for \(names(changed))",
        hint:
          "what an operator keeps cannot change between a stop and a restore: run the job text that took the checkpoint, or start anew with another --checkpoint-dir"
      )
    }
  }
}

extension CheckpointManifest {
  /// Ids of what it holds state of.
  var ownersOfState: Set<String> {
    var ids = Set(operators.keys).union(sources.keys)
    for (id, promises) in sinks where promises.values.contains(where: { !$0.isEmpty }) {
      ids.insert(id.hasPrefix("late:") ? String(id.dropFirst(5)) : id)
    }
    return ids
  }
}
