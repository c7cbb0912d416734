import MillraceOperators
import MillraceRows
import MillraceTypes

/// What all states share: their name, the key and instant of the call, and the life time of what was written.
public class StateCell {
  public let name: String
  let timeToLive: TimeToLive?
  @usableFromInline var core: FunctionCore?
  /// Keys by the instant at which something of theirs is over. Instants of writing only rise, so the first is over first.
  private var due: [(at: Int64, id: Int32)] = []
  private var dueFrom = 0

  init(_ name: String, _ timeToLive: TimeToLive?) {
    self.name = name
    self.timeToLive = timeToLive
  }

  public func bind(_ core: FunctionCore) { self.core = core }

  /// Of the call.
  @usableFromInline var key: Int {
    guard let core, core.key >= 0 else { preconditionFailure("state '\(name)' was used outside of a call of the function that owns it") }
    return Int(core.key)
  }

  @usableFromInline var isTimed: Bool { timeToLive != nil }

  /// Now, by the clock that life times go by.
  var now: Int64 { core.map { timeToLive?.clock == .processingTime ? $0.now : $0.instant } ?? .min }

  /// Whether what was written then is over.
  func isOver(_ written: Int64) -> Bool {
    guard let timeToLive else { return false }
    return Timestamp(micros: written) + timeToLive.duration <= Timestamp(micros: now)
  }

  /// Something of the key was written then.
  func note(_ id: Int, written: Int64) {
    guard let timeToLive else { return }
    due.append(((Timestamp(micros: written) + timeToLive.duration).micros, Int32(truncatingIfNeeded: id)))
  }

  /// Keys of which something may be over by now.
  func takeDue() -> [Int32] {
    guard timeToLive != nil else { return [] }
    let now = now
    var found: [Int32] = []
    while dueFrom < due.count, due[dueFrom].at <= now {
      found.append(due[dueFrom].id)
      dueFrom += 1
    }
    if dueFrom > 1024, dueFrom * 2 > due.count {
      due.removeFirst(dueFrom)
      dueFrom = 0
    }
    return found
  }

  /// Puts what was read from a snapshot in order.
  func sortDue() {
    if dueFrom == 0 { due.sort { ($0.at, $0.id) < ($1.at, $1.id) } }
  }

  var timeText: String { timeToLive?.text ?? "" }

  static func typeText<V: RowValue>(_ type: V.Type) -> String { "\(V.dataType)\(V.isNullable ? "" : " NOT NULL")" }
}
