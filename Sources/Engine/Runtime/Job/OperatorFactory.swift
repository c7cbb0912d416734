import MillraceOperators
import MillracePlan
import MillraceTypes
enum OperatorFactory {
  static func make(_ node: PhysicalPlan.Node, plan: PhysicalPlan, context: OperatorContext) throws(MillraceError) -> any Operator {
    throw .notSupported("x")
  }
}
