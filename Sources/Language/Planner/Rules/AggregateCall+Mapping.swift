import MillraceExpressions

extension AggregateCall {
  func mapping(_ body: (Expression) -> Expression) -> AggregateCall { mappingExpressions(body) }
}
