import MillracePlan
import MillraceTypes

/// How a table's watermarks go on, what silence means and how far it may run ahead of others, from its options under Flink's names.
public struct WatermarkSettings: Sendable, Hashable {
  public enum Emission: Sendable, Hashable {
    /// With every batch that is read.
    case perBatch
    /// With every row: rows are read one by one.
    case perRow
    /// At most once in an interval of the clock, which the job sets.
    case periodic
  }

  /// Which sources keep together, and how closely.
  public struct Alignment: Sendable, Hashable {
    public var group: String
    /// A split is not read while its clock is more than this above the least of the group.
    public var maxDriftMicros: Int64
    /// The least clock of the group is looked up at most this often; 0 for always.
    public var updateMicros: Int64

    public init(group: String, maxDriftMicros: Int64, updateMicros: Int64 = 0) {
      self.group = group
      self.maxDriftMicros = maxDriftMicros
      self.updateMicros = updateMicros
    }
  }

  public var emission = Emission.perBatch
  /// A split that has had no row for so long holds nobody up; 0 for never, nil where the job decides.
  public var idleTimeoutMicros: Int64?
  public var alignment: Alignment?

  public init() {}

  private static let emit = "scan.watermark.emit.strategy"
  private static let idle = "scan.watermark.idle-timeout"
  private static let group = "scan.watermark.alignment.group"
  private static let drift = "scan.watermark.alignment.max-drift"
  private static let update = "scan.watermark.alignment.update-interval"

  /// Known to every connector.
  static let options: [ConnectorOption] = [
    ConnectorOption(emit, .choice(["on-periodic", "on-event"]), "when the watermark goes on: now and then, or with each row"),
    ConnectorOption(idle, .duration, "a part without rows for so long holds nobody up"),
    ConnectorOption(group, .text, "sources that keep together in event time"),
    ConnectorOption(drift, .duration, "how far one may run ahead of the slowest of its group"),
    ConnectorOption(update, .duration, "how often to look at the slowest of the group (always)"),
  ]

  /// - Throws: `invalid-option` for a table without WATERMARK, and for one option of the alignment without the other.
  public init(_ options: ConnectorOptions) throws(MillraceError) {
    for key in [Self.emit, Self.idle, Self.group, Self.drift, Self.update]
    where options.text(key) != nil && options.table.watermark == nil {
      throw options.invalid(key, "has no meaning for a table without event time", hint: "declare WATERMARK FOR on it")
    }
    switch options.text(Self.emit) {
    case "on-event": emission = .perRow
    case "on-periodic": emission = .periodic
    default: break
    }
    idleTimeoutMicros = options.durationMicros(Self.idle)
    guard let name = options.text(Self.group) else {
      for key in [Self.drift, Self.update] where options.text(key) != nil {
        throw options.invalid(key, "has no meaning without '\(Self.group)'", hint: "name the group, the same one for every table of it")
      }
      return
    }
    guard let micros = options.durationMicros(Self.drift) else {
      throw options.invalid(Self.group, "needs '\(Self.drift)' too", hint: "add '\(Self.drift)' = '1 min'")
    }
    alignment = Alignment(group: name, maxDriftMicros: micros, updateMicros: options.durationMicros(Self.update) ?? 0)
  }
}
