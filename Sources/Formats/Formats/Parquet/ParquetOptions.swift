/// How Parquet files are written.
public struct ParquetOptions: Sendable, Hashable {
  public enum Compression: Int32, Sendable, Hashable {
    // The values of the shim's `millrace_arrow_compression`.
    case none = 0
    case snappy = 1
    case zstd = 2
    case gzip = 3
    case lz4 = 4

    /// The names that Flink's and Hadoop's writers use.
    public init?(flinkName: String) {
      switch flinkName {
      case "UNCOMPRESSED": self = .none
      case "SNAPPY": self = .snappy
      case "ZSTD": self = .zstd
      case "GZIP": self = .gzip
      case "LZ4": self = .lz4
      default: return nil
      }
    }
  }

  public var compression = Compression.zstd
  /// Rows per row group; 0 for the library's default.
  public var rowGroupRows: Int64 = 0
  /// Keys and values for the footer, in order.
  public var metadata: [(key: String, value: String)] {
    get { zip(metadataKeys, metadataValues).map { ($0, $1) } }
    set {
      metadataKeys = newValue.map(\.key)
      metadataValues = newValue.map(\.value)
    }
  }
  private var metadataKeys: [String] = []
  private var metadataValues: [String] = []

  public init() {}
}
