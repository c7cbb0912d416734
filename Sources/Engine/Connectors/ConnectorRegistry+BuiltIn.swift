extension ConnectorRegistry {
  /// The connectors of this module: filesystem, datagen, nexmark, print, blackhole and hash.
  public static var builtIn: ConnectorRegistry {
    ConnectorRegistry([
      FilesystemConnector(), DatagenConnector(), NexmarkConnector(), PrintConnector(), BlackholeConnector(), HashConnector(),
    ])
  }
}
