#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A counter that threads wait on until somebody raises it.
final class WakeUp: @unchecked Sendable {  // guard: every access to `version` holds `mutex`
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let condition: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
  private var version: UInt64 = 0
  private var waiters = 0

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  var current: UInt64 {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return version
  }

  func raise() {
    pthread_mutex_lock(mutex)
    version &+= 1
    if waiters > 0 { pthread_cond_broadcast(condition) }
    pthread_mutex_unlock(mutex)
  }

  /// Returns when the version differs from `seen`, or after about `micros` microseconds.
  func wait(after seen: UInt64, micros: Int64) {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    let nanos = Int64(deadline.tv_nsec) + micros * 1000
    deadline.tv_sec += Int(nanos / 1_000_000_000)
    deadline.tv_nsec = Int(nanos % 1_000_000_000)
    pthread_mutex_lock(mutex)
    waiters += 1
    while version == seen, pthread_cond_timedwait(condition, mutex, &deadline) == 0 {}
    waiters -= 1
    pthread_mutex_unlock(mutex)
  }
}

/// A joinable thread with a stack big enough for deep plans.
final class WorkerThread: @unchecked Sendable {  // guard: the handle is written by the initialiser alone
  private var handle = pthread_t()

  /// Starts `body` at once. Whoever makes a thread joins it.
  init(_ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 16 << 20)
    let context = Unmanaged.passRetained(ThreadBody(body))
    pthread_create(
      &handle, &attributes,
      { raw in
        #if canImport(Darwin)
          Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run()
        #else
          if let raw { Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run() }
        #endif
        return nil
      }, context.toOpaque())
    pthread_attr_destroy(&attributes)
  }

  func join() { pthread_join(handle, nil) }

  private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
}
