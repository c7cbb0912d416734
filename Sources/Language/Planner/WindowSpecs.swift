import MillraceExpressions
import MillracePlan
import MillraceTypes

extension WindowAggregateSpec {
  /// A grouping right on top of a window table. nil when it has to see the rows assigned to their windows: it computes with window
  /// columns, or groups sessions by other keys than their own.
  init?(_ aggregate: Aggregate, over table: WindowTable, rank: [UInt8]) {
    let width = table.input.schema.count
    var keys: [Expression] = []
    var outputs: [Output] = []
    for key in aggregate.keys {
      if case .column(let column) = key.kind, column >= width {
        outputs.append([.windowStart, .windowEnd, .windowTime][column - width])
      } else {
        guard key.referencedColumns.allSatisfy({ $0 < width }) else { return nil }
        outputs.append(.key(keys.count))
        keys.append(key)
      }
    }
    for index in aggregate.aggregates.indices { outputs.append(.aggregate(index)) }
    guard aggregate.aggregates.allSatisfy({ $0.referencedColumns.allSatisfy { $0 < width } }) else { return nil }
    if table.kind.isSession && Set(keys) != Set(table.partitionKeys) { return nil }
    self.init(
      kind: table.kind, keys: keys, timeColumn: table.timeColumn, aggregates: aggregate.aggregates, outputs: outputs,
      schema: aggregate.schema, rank: rank, lagMicros: table.lagMicros)
  }
}

extension AttachedAggregateSpec {
  init(_ aggregate: Aggregate, _ window: Aggregate.Window, rank: [UInt8]) {
    var keys: [Expression] = []
    var outputs: [WindowAggregateSpec.Output] = []
    for (place, key) in aggregate.keys.enumerated() {
      if place == window.start {
        outputs.append(.windowStart)
      } else if place == window.end {
        outputs.append(.windowEnd)
      } else if window.times.contains(place) {
        outputs.append(.windowTime)
      } else {
        outputs.append(.key(keys.count))
        keys.append(key)
      }
    }
    outputs += aggregate.aggregates.indices.map { .aggregate($0) }
    self.init(
      kind: window.kind, keys: keys + [aggregate.keys[window.start], aggregate.keys[window.end]], aggregates: aggregate.aggregates,
      outputs: outputs, schema: aggregate.schema, rank: rank, lagMicros: window.lagMicros)
  }
}
