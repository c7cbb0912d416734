extension ConnectorRegistry {
  /// The connectors of this module: filesystem, datagen, print and blackhole.
  public static var builtIn: ConnectorRegistry {
    ConnectorRegistry([FilesystemConnector(), DatagenConnector(), PrintConnector(), BlackholeConnector()])
  }
}
