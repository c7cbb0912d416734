import MillraceTypes

/// `CREATE MODEL name INPUT (...) OUTPUT (...) WITH (...)`.
public struct ModelDefinition: Sendable, Hashable {
  public var name: String
  public var inputs: [Field]
  public var outputs: [Field]
  /// `'provider' = 'onnx'`, `'model' = path or name@version`, ... keys lower-cased.
  public var options: [String: String]
  public init(name: String, inputs: [Field], outputs: [Field], options: [String: String]) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.options = options
  }
}
