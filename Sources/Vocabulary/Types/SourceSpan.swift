/// A piece of a source text, for diagnostics. Line and column count from 1, in bytes of UTF-8 within the line.
public struct SourceSpan: Sendable, Hashable {
  public var line: Int
  public var column: Int
  public var byteOffset: Int
  public var byteCount: Int

  public init(line: Int, column: Int, byteOffset: Int, byteCount: Int) {
    self.line = line
    self.column = column
    self.byteOffset = byteOffset
    self.byteCount = byteCount
  }
}
