import MillraceColumns
import MillraceTypes

/// `'connector' = 'blackhole'`: takes rows and forgets them.
public struct BlackholeConnector: ConnectorFactory {
  public init() {}
  public let name = "blackhole"
  public let options: [ConnectorOption] = []

  public func makeSink(_ request: SinkRequest, _ options: ConnectorOptions) throws(MillraceError) -> any Sink { BlackholeSink() }
}

final class BlackholeSink: Sink {
  func write(_ batch: Batch) throws(MillraceError) {}
}
