/// The terminal of an interactive shell.
public protocol Terminal: AnyObject {
  /// Columns and rows.
  var size: (width: Int, height: Int) { get }

  /// Keys come one by one and are not shown, also Ctrl-C.
  func beginEditing()

  /// Ctrl-C sets off `interrupt`; other keys are kept for the next editing.
  func beginJob(interrupt: @escaping @Sendable () -> Void)

  /// Back to how the terminal was found.
  func end()

  /// Bytes of keys, waiting for the first; empty when none came for so long, nil at the end of the input.
  func read(timeoutMillis: Int?) -> [UInt8]?

  func write(_ text: String)
}
