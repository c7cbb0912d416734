import Foundation
import MillraceRuntime
import MillraceTypes

/// Runs what blocks on a thread of its own, so that it holds none of those that run tasks.
enum BlockingThread {
  /// What crosses to the thread.
  // guard: the caller is suspended until the thread has called `resume`, so that one of them at a time touches what is inside.
  private struct Handed<Value>: @unchecked Sendable {
    let value: Value
  }

  static func run<Result: Sendable>(cancelling flag: CancellationFlag, _ body: @escaping () throws -> Result) async throws -> Result {
    let handed = Handed(value: body)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
        let thread = Thread {
          do { continuation.resume(returning: try handed.value()) } catch { continuation.resume(throwing: error) }
        }
        thread.name = "millrace job"
        thread.stackSize = 8 << 20
        thread.start()
      }
    } onCancel: {
      flag.cancel()
    }
  }
}
