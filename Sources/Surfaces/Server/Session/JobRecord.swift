import MillracePlan

/// A job that a session has started, as SHOW JOBS lists it.
public struct JobRecord: Sendable {
  public enum State: String, Sendable {
    case running
    case finished
    /// By Ctrl-C, a signal or a limit of time.
    case stopped
    case failed
  }

  public var number: Int
  /// `query`, or `INSERT INTO` and its tables.
  public var what: String
  public var state = State.running
  public var rowsRead: Int64 = 0
  public var elapsedNanos: Int64 = 0

  init(number: Int, _ job: JobPlan) {
    self.number = number
    let tables = job.outputs.compactMap { $0.table?.name }
    what = tables.isEmpty ? "query" : "INSERT INTO \(tables.joined(separator: ", "))"
  }

  static let header = ["job", "what", "state", "rows read", "time"]
  var cells: [String] {
    ["\(number)", what, state.rawValue, StatisticsText.grouped(rowsRead), StatisticsText.duration(elapsedNanos)]
  }
}
