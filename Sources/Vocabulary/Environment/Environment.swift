import MillraceTypes

/// Everything that the core may ask of the system, so that a simulation can answer instead.
///
/// `SystemEnvironment.real` is the machine; `MemoryFileStore`, `ManualClock` and `BufferedConsole` make a simulated one.
public struct Environment: Sendable {
  public var files: any FileStore
  public var clock: any WallClock
  public var randomness: any RandomSource
  public var console: any Console
  /// Environment variables of the process.
  public var variables: [String: String]
  /// The folder of the running program; nil when unknown.
  public var programFolder: String?

  public init(
    files: any FileStore, clock: any WallClock, randomness: any RandomSource, console: any Console, variables: [String: String] = [:],
    programFolder: String? = nil
  ) {
    self.files = files
    self.clock = clock
    self.randomness = randomness
    self.console = console
    self.variables = variables
    self.programFolder = programFolder
  }
}
