import MillraceTypes
import Synchronization

/// The clocks of all splits of a job, for those who must not run ahead of others and those who must not hold others up.
///
/// Splits whose rows meet somewhere in the plan are of one circle, splits of tables with one alignment group are of one group. The floor
/// of either is the least clock among its splits that are neither idle nor over. Shared by all partitions; each split is written by
/// the thread that reads it.
final class SourceClocks: Sendable {
  private struct Slot {
    var circle: Int
    var group: String?
    var watermark: EventTime
    var isIdle = false
    var isEnded: Bool
  }

  private struct State {
    var slots: [Slot] = []
    /// Not known since a clock has moved.
    var circleFloors: [Int: EventTime] = [:]
    var groupFloors: [String: EventTime] = [:]

    mutating func changed(_ slot: Int) {
      circleFloors[slots[slot].circle] = nil
      if let group = slots[slot].group { groupFloors[group] = nil }
    }

    func floor(where belongs: (Slot) -> Bool) -> EventTime {
      slots.reduce(EventTime.end) { $1.isIdle || $1.isEnded || !belongs($1) ? $0 : min($0, $1.watermark) }
    }
  }

  private let state = Mutex(State())

  /// Adds a split that has event time; all are there before the first is read. Returns its number.
  func add(circle: Int, group: String?, watermark: EventTime, isEnded: Bool) -> Int {
    state.withLock { state in
      state.slots.append(Slot(circle: circle, group: group, watermark: watermark, isEnded: isEnded))
      return state.slots.count - 1
    }
  }

  /// The clock of a split after a read, or the time it follows while idle.
  func moved(_ slot: Int, to watermark: EventTime, isIdle: Bool) {
    state.withLock { state in
      guard state.slots[slot].watermark != watermark || state.slots[slot].isIdle != isIdle else { return }
      state.slots[slot].watermark = max(state.slots[slot].watermark, watermark)
      state.slots[slot].isIdle = isIdle
      state.changed(slot)
    }
  }

  /// The split is over. Its last clock stays known.
  func ended(_ slot: Int) {
    state.withLock { state in
      state.slots[slot].isEnded = true
      state.changed(slot)
    }
  }

  /// `EventTime.end` when no split holds the others up.
  func floor(circle: Int) -> EventTime {
    state.withLock { state in
      if let known = state.circleFloors[circle] { return known }
      let floor = state.floor { $0.circle == circle }
      state.circleFloors[circle] = floor
      return floor
    }
  }

  func floor(group: String) -> EventTime {
    state.withLock { state in
      if let known = state.groupFloors[group] { return known }
      let floor = state.floor { $0.group == group }
      state.groupFloors[group] = floor
      return floor
    }
  }

  /// The time that idle splits of a circle follow: its floor or, when all of it is idle or over, the greatest clock that any has had.
  func followed(circle: Int) -> EventTime {
    let floor = floor(circle: circle)
    if floor != .end { return floor }
    return state.withLock { state in
      state.slots.reduce(EventTime.beginning) { $1.circle == circle ? max($0, $1.watermark) : $0 }
    }
  }
}
