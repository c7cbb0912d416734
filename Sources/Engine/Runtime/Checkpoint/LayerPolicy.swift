import MillraceOperators

/// Decides when an operator's state is written whole again rather than as an increment over what has been written of it.
struct LayerPolicy {
  /// Most layers that a restore has to read.
  private static let layerLimit = 64
  /// Below this many rows it does not matter.
  private static let freeRows = 4096
  private var layers = 0
  private var writtenCount = 0
  private var liveCount = 0

  /// An increment pays off as long as the layers hold no more than about twice what a whole state would.
  var allowsIncrement: Bool {
    layers > 0 && layers < Self.layerLimit && writtenCount <= 2 * liveCount + Self.freeRows
  }

  mutating func add(_ state: OperatorSnapshot) {
    layers = state.isIncrement ? layers + 1 : 1
    writtenCount = state.isIncrement ? writtenCount + state.writtenCount : state.writtenCount
    liveCount = state.liveCount
  }
}
