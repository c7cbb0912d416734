import MillraceRows

/// How long a value of a state is kept after it was written. A value whose time is over is not seen any more; it is removed as time goes on.
public struct TimeToLive: Sendable, Hashable {
  public enum Clock: String, Sendable, Hashable {
    /// What is seen depends on the rows only.
    case eventTime
    /// What is seen depends on when the job runs.
    case processingTime
  }

  public var duration: Duration
  public var clock: Clock
  /// Reading a value counts as writing it.
  public var refreshesOnRead: Bool

  public init(_ duration: Duration, clock: Clock = .eventTime, refreshesOnRead: Bool = false) {
    self.duration = duration
    self.clock = clock
    self.refreshesOnRead = refreshesOnRead
  }

  var text: String { " for \(duration)\(clock == .eventTime ? "" : " by the clock")\(refreshesOnRead ? ", refreshed by reading" : "")" }
}
