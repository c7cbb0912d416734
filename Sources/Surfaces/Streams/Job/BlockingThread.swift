import Foundation
import MillraceRuntime
import MillraceTypes

/// Runs what blocks on a thread of its own, so that it holds none of those that run tasks.
enum BlockingThread {
  /// What crosses to the thread and back.
  // guard: the caller is suspended until the thread has called `resume`, so that one of them at a time touches what is inside.
  private struct Handed<Value>: @unchecked Sendable {
    let value: Value
  }

  static func run<Result>(cancelling flag: CancellationFlag, _ body: @escaping () throws -> Result) async throws -> Result {
    let handed = Handed(value: body)
    let result: Handed<Result> = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let thread = Thread {
          do { continuation.resume(returning: Handed(value: try handed.value())) } catch { continuation.resume(throwing: error) }
        }
        thread.name = "millrace job"
        thread.stackSize = 8 << 20
        thread.start()
      }
    } onCancel: {
      flag.cancel()
    }
    return result.value
  }
}
