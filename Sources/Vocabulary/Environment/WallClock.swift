import MillraceTypes
import Synchronization

/// The time of day and the passing of time. Safe to use from any thread.
public protocol WallClock: Sendable {
  /// Microseconds since 1970-01-01T00:00:00 UTC.
  var nowMicros: Int64 { get }
  /// Nanoseconds since some fixed instant; never goes back.
  var monotonicNanos: UInt64 { get }
  /// Blocks the calling thread.
  func sleep(nanos: UInt64)
  /// CPU time that the calling thread has used, in nanoseconds. For measuring only.
  var threadCPUNanos: UInt64 { get }
}

extension WallClock {
  /// Of a clock that knows of no threads: time that passes is time worked.
  public var threadCPUNanos: UInt64 { monotonicNanos }
}

/// A clock that moves only when told: for tests and simulations. Sleeping moves it.
public final class ManualClock: WallClock {
  private let nanos: Mutex<UInt64>
  private let startMicros: Int64

  public init(startMicros: Int64 = 0) {
    self.startMicros = startMicros
    nanos = Mutex(0)
  }

  public var nowMicros: Int64 { startMicros &+ Int64(truncatingIfNeeded: nanos.withLock { $0 } / 1000) }
  public var monotonicNanos: UInt64 { nanos.withLock { $0 } }
  public func sleep(nanos amount: UInt64) { nanos.withLock { $0 &+= amount } }
  public func advance(micros: Int64) { nanos.withLock { $0 &+= UInt64(max(0, micros)) &* 1000 } }
}
