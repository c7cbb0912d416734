import MillraceOperators
import MillraceTypes

/// What kind of checkpoint stage instances are asked for.
enum CheckpointKind: Sendable {
  /// Operators may leave out what has not changed since the last one.
  case regular
  /// The whole state, readable on its own.
  case whole
  /// All input has been taken and all output made: no operator needs its state any more.
  case end
}

/// One checkpoint as the stages give it: source positions, frozen operator state, what sinks have promised.
struct CheckpointData: Sendable {
  var id: Int64
  /// operator id -> partition -> state.
  var operators: [String: [Int: OperatorSnapshot]] = [:]
  /// source id -> split id -> position.
  var sources: [String: [String: [UInt8]]] = [:]
  /// sink id -> subtask -> what it prepared.
  var sinks: [String: [Int: [UInt8]]] = [:]
  /// Late rows dropped so far, by source id.
  var lateRows: [String: Int64] = [:]
  /// Longest time for which a stage stood still to freeze its state.
  var pauseMicros: Int64 = 0

  init(id: Int64) { self.id = id }

  mutating func add(_ part: CheckpointData) {
    for (id, states) in part.operators { operators[id, default: [:]].merge(states) { $1 } }
    for (id, splits) in part.sources { sources[id, default: [:]].merge(splits) { $1 } }
    for (id, subtasks) in part.sinks { sinks[id, default: [:]].merge(subtasks) { $1 } }
    for (id, count) in part.lateRows { lateRows[id, default: 0] += count }
    pauseMicros = max(pauseMicros, part.pauseMicros)
  }
}
