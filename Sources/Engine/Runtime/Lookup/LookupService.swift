import MillraceColumns
import MillraceConnectors
import MillraceEnvironment
import MillraceOperators
import MillraceTypes
import Synchronization

/// Makes the calls of one look-up join of one partition and brings the answers back.
///
/// Started, threads of its own make the calls, a bounded number at a time. Otherwise (in a simulation) a call is made when its
/// answer is asked for, in whatever order the driver chooses.
final class LookupService: Sendable {
  typealias Read = @Sendable (_ keys: Batch, _ attempt: Int) throws(MillraceError) -> Batch

  private struct Running {
    var call: LookupCall
    var attempt: Int
    var startMicros: Int64
  }

  private struct State {
    /// Not made yet, with the number of the try.
    var waiting: [(call: LookupCall, attempt: Int)] = []
    /// By id of the call; one that has run out of time is taken out, so that what still comes of it is dropped.
    var running: [Int64: Running] = [:]
    var ready: [(call: LookupCall, result: Result<Batch?, MillraceError>)] = []
    var isStarted = false
    var isStopped = false
  }

  private let state = Mutex(State())
  private let settings: LookupSettings
  private let table: String
  private let read: Read
  private let clock: any WallClock
  private let work = WakeUp()
  private let threads = Mutex<[WorkerThread]>([])

  /// - Parameter read: rows of the join's right side for keys.
  init(settings: LookupSettings, table: String, clock: any WallClock, read: @escaping Read) {
    self.settings = settings
    self.table = table
    self.clock = clock
    self.read = read
  }

  func submit(_ calls: [LookupCall]) {
    guard !calls.isEmpty else { return }
    state.withLock { state in for call in calls { state.waiting.append((call, 0)) } }
    work.raise()
  }

  // MARK: answers

  /// Answers that `take` can give now, by position; without threads every call is one.
  var readyCount: Int {
    expire()
    return state.withLock { $0.isStarted ? $0.ready.count : $0.waiting.count }
  }

  /// Whether anything is still to come.
  var isIdle: Bool { state.withLock { $0.waiting.isEmpty && $0.running.isEmpty && $0.ready.isEmpty } }

  /// - Throws: what a call failed with for good.
  func take(_ position: Int) throws(MillraceError) -> LookupAnswer? {
    let (call, result): (LookupCall, Result<Batch?, MillraceError>)
    if state.withLock({ $0.isStarted }) {
      guard let found = state.withLock({ $0.ready.isEmpty ? nil : $0.ready.removeFirst() }) else { return nil }
      (call, result) = found
    } else {
      guard let next = state.withLock({ $0.waiting.indices.contains(position) ? $0.waiting.remove(at: position) : nil }) else { return nil }
      call = next.call
      guard let answer = attempt(next.call, next.attempt) else { return nil }
      result = answer
    }
    return LookupAnswer(id: call.id, rows: try result.get())
  }

  /// One try. Returns nil when the call waits for another.
  private func attempt(_ call: LookupCall, _ number: Int) -> Result<Batch?, MillraceError>? {
    do throws(MillraceError) {
      return .success(try read(call.keys, number))
    } catch {
      if error.code == .lookupTimedOut { return afterTimeout(call, number) }
      return afterFailure(call, number, error)
    }
  }

  private func afterFailure(_ call: LookupCall, _ number: Int, _ error: MillraceError) -> Result<Batch?, MillraceError>? {
    guard number >= settings.maxRetries else {
      state.withLock { $0.waiting.append((call, number + 1)) }
      work.raise()
      return nil
    }
    var final = error
    final.message += number == 0 ? "" : " (tried \(number + 1) times)"
    final.subject = final.subject ?? "table \(table)"
    return .failure(final)
  }

  private func afterTimeout(_ call: LookupCall, _ number: Int) -> Result<Batch?, MillraceError>? {
    switch settings.onTimeout {
    case .null: return .success(nil)
    case .retry: return afterFailure(call, number, timedOut)
    case .fail: return .failure(timedOut)
    }
  }

  private var timedOut: MillraceError {
    MillraceError(
      .lookupTimedOut, "a look-up had no answer in \((settings.timeoutMicros ?? 0) / 1000) ms", subject: "table \(table)",
      hint: "give 'lookup.timeout' more time, or say with 'lookup.on-timeout' what it means", isRetryable: true)
  }

  /// Sees to calls that have run out of time.
  private func expire() {
    guard let timeout = settings.timeoutMicros else { return }
    let now = Self.micros(clock)
    let late = state.withLock { state -> [Running] in
      let late = state.running.values.filter { now - $0.startMicros >= timeout }.sorted { $0.call.id < $1.call.id }
      for running in late { state.running[running.call.id] = nil }
      return late
    }
    for running in late {
      if let result = afterTimeout(running.call, running.attempt) { state.withLock { $0.ready.append((running.call, result)) } }
    }
  }

  private static func micros(_ clock: any WallClock) -> Int64 { Int64(truncatingIfNeeded: clock.monotonicNanos / 1000) }

  // MARK: threads

  /// Begins to make calls on threads of its own.
  ///
  /// - Parameter onReady: called by any of them when there is an answer.
  func start(onReady: @escaping @Sendable () -> Void) {
    state.withLock { $0.isStarted = true }
    let made = (0..<settings.threads).map { _ in WorkerThread { self.loop(onReady) } }
    threads.withLock { $0 = made }
  }

  /// Makes no further calls, and waits for those being made unless the table limits their time: then threads are left to themselves.
  func stop() {
    state.withLock {
      $0.isStopped = true
      $0.waiting = []
    }
    work.raise()
    let mine = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    if settings.timeoutMicros == nil { for thread in mine { thread.join() } }
  }

  private func loop(_ onReady: () -> Void) {
    while true {
      let seen = work.current
      let started = Self.micros(clock)
      let (next, isStopped) = state.withLock { state -> ((call: LookupCall, attempt: Int)?, Bool) in
        if state.isStopped || state.waiting.isEmpty { return (nil, state.isStopped) }
        let next = state.waiting.removeFirst()
        state.running[next.call.id] = Running(call: next.call, attempt: next.attempt, startMicros: started)
        return (next, false)
      }
      if isStopped { return }
      guard let next else {
        work.wait(after: seen, micros: 100_000)
        continue
      }
      var outcome: Result<Batch, MillraceError>
      do throws(MillraceError) { outcome = .success(try read(next.call.keys, next.attempt)) } catch { outcome = .failure(error) }
      // Whether it came in time does not depend on when somebody looks.
      if let timeout = settings.timeoutMicros, Self.micros(clock) - started >= timeout { outcome = .failure(timedOut) }
      // Too late if it is gone, or made anew.
      let isAwaited = state.withLock { state in
        guard state.running[next.call.id]?.attempt == next.attempt else { return false }
        state.running[next.call.id] = nil
        return true
      }
      guard isAwaited else { continue }
      let result: Result<Batch?, MillraceError>?
      switch outcome {
      case .success(let rows): result = .success(rows)
      case .failure(let error) where error.code == .lookupTimedOut: result = afterTimeout(next.call, next.attempt)
      case .failure(let error): result = afterFailure(next.call, next.attempt, error)
      }
      if let result {
        state.withLock { $0.ready.append((next.call, result)) }
        onReady()
      }
    }
  }
}
