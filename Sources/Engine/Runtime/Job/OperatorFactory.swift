import MillraceConnectors
import MillraceExpressions
import MillraceOperators
import MillracePlan
import MillraceTypes

/// Makes the engine's own operators from physical nodes.
enum OperatorFactory {
  static func make(
    _ node: PhysicalPlan.Node, plan: PhysicalPlan, context: OperatorContext, emission ofJob: GroupAggregateOperator.Emission,
    lookups: [Int: LookupTable], ttl: StateTTL?
  ) throws(MillraceError) -> any Operator {
    // Final rows are not enough where every version of the result is asked for.
    var emission = node.showsChanges && ofJob == .atEnd ? .perInstant : ofJob
    // By the clock, what is forgotten must have gone out before.
    if let ttl, !ttl.isByEventTime { emission = .perBatch }
    let inputSchemas = node.inputs.map { plan.nodes[$0.node].schema }
    switch node.kind {
    case .filterProject(let predicate, let expressions):
      return try FilterProjectOperator(
        predicate: predicate, expressions: expressions, inputSchema: inputSchemas[0], outputSchema: node.schema,
        clock: context.clock)
    case .unnest(let unnest): return try UnnestOperator(unnest, context: context)
    case .union: return UnionOperator(schema: node.schema)
    case .windowAggregate(let spec): return try WindowAggregateOperator(spec, inputSchema: inputSchemas[0], context: context)
    case .sessionAggregate(let spec): return try SessionAggregateOperator(spec, inputSchema: inputSchemas[0], context: context)
    case .attachedAggregate(let spec): return try AttachedAggregateOperator(spec, inputSchema: inputSchemas[0], context: context)
    case .groupAggregate(let aggregate):
      return try GroupAggregateOperator(aggregate, context: context, emission: emission, ttlMicros: ttl?.left)
    case .processingTime(let column): return ProcessingTimeOperator(column: column, schema: node.schema, context: context)
    case .windowAssign(let window): return try WindowAssignOperator(window, context: context)
    case .sessionAssign(let window): return try SessionAssignOperator(window, context: context)
    case .over(let over): return try OverOperator(over, context: context)
    case .windowRank(let rank): return try WindowRankOperator(rank, context: context)
    case .rank(let rank): return try RankOperator(rank, context: context, emission: emission, ttlMicros: ttl?.left)
    case .orderedOver(let over): return try OrderedOverOperator(over, context: context, emission: emission)
    case .hashJoin(let join):
      // Batch jobs want final rows; streams want each change.
      return emission == .atEnd
        ? try HashJoinOperator(join, context: context)
        : try StreamJoinOperator(join, context: context, ttlMicros: (ttl?.left, ttl?.right))
    case .windowJoin(let join): return try WindowJoinOperator(join, context: context)
    case .intervalJoin(let join): return try IntervalJoinOperator(join, context: context)
    case .temporalJoin(let temporal): return try TemporalJoinOperator(temporal, context: context)
    case .lookupJoin(let temporal):
      switch lookups[node.id] {
      case .whole(let rows): return try LookupJoinOperator(temporal, rows: rows, context: context)
      case .called(_, let settings, _):
        return try CalledLookupJoinOperator(
          temporal, cache: settings.cache ?? LookupCache(maxKeys: nil), capacity: settings.capacity, context: context)
      case nil: preconditionFailure("what \(node.operatorID) looks up was not opened")
      }
    case .asOf(let asOf, let outcomeRank): return try AsOfOperator(asOf, outcomeRank: outcomeRank, context: context)
    case .function(let function):
      guard let program = function.program as? any OperatorProgram else {
        throw MillraceError.notSupported("a function that brings no operator", subject: "function \(function.id)")
      }
      return try program.makeOperator(function, context: context)
    case .sort(let sort): return try SortLimitOperator(sort, context: context)
    case .predict(let predict):
      throw MillraceError.notSupported("ML_PREDICT without the scoring extension", subject: "model \(predict.model.name)")
    case .source, .values, .sink, .collect:
      preconditionFailure("\(node.operatorID) is not an operator")
    }
  }
}
