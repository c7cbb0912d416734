import Foundation
import MillraceTypes

/// What a model promises about itself: read from the custom metadata key `millrace.contract` of an ONNX file.
///
/// python/millrace_train/contract.py writes it and says what each field means.
public struct ModelContract: Sendable, Hashable, Codable {
  public static let metadataKey = "millrace.contract"

  /// One column the model takes: its name and its SQL type as text ("BIGINT", "DOUBLE", "DECIMAL(10, 2)").
  public struct Feature: Sendable, Hashable, Codable {
    public var name: String
    public var type: String
    public init(name: String, type: String) {
      self.name = name
      self.type = type
    }
  }

  public var contractVersion: Int
  public var name: String
  public var version: String
  /// In the order the model takes them.
  public var features: [Feature]
  public var featuresSHA256: String
  /// The graph output that holds the score, and which of its columns.
  public var output: String
  public var outputColumn: Int?
  public var input: String?
  /// "trees", "linear", "network": what the scorer may assume about bits (see `OnnxModel`).
  public var kind: String?
  public var task: String?
  public var label: String?
  /// SHA-256 of the definitions the features were computed by.
  public var definitionsSHA256: String?
  /// The training set.
  public var snapshotID: String?
  public var trainingFileSHA256: String?
  public var codeVersion: String?

  enum CodingKeys: String, CodingKey {
    case contractVersion = "contract_version"
    case name, version, features
    case featuresSHA256 = "features_sha256"
    case output
    case outputColumn = "output_column"
    case input, kind, task, label
    case definitionsSHA256 = "definitions_sha256"
    case snapshotID = "snapshot_id"
    case trainingFileSHA256 = "training_file_sha256"
    case codeVersion = "code_version"
  }

  /// Reads a contract from its JSON text.
  /// - Throws: `model-mismatch` when it is not a contract, is of a later version, or its own hash does not hold.
  public init(json: String, subject: String? = nil) throws {
    let hint = "train the model again with `millrace train`"
    let read: ModelContract
    do {
      read = try JSONDecoder().decode(ModelContract.self, from: Data(json.utf8))
    } catch let error as DecodingError {
      throw MillraceError(.modelMismatch, "the model's contract cannot be read: \(Self.words(of: error))", subject: subject, hint: hint)
    }
    guard read.contractVersion == 1 else {
      throw MillraceError.notSupported(
        "contract version \(read.contractVersion) of a model", subject: subject, hint: "this Millrace reads version 1")
    }
    guard read.featuresSHA256 == Self.sha256(of: read.features) else {
      throw MillraceError(
        .modelMismatch, "the model's contract is damaged: its feature list does not have the hash it states", subject: subject, hint: hint)
    }
    self = read
  }

  private static func words(of error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has another type than expected"
    default: "it is not JSON"
    }
  }

  /// The hash of an ordered feature list: SHA-256 of a line "name TAB type NEWLINE" for each.
  public static func sha256(of features: [Feature]) -> String {
    SHA256.hex(features.map { "\($0.name)\t\($0.type)\n" }.joined().utf8)
  }

  /// Every difference between what the job gives and what the model was trained on, in words; empty when they agree.
  /// `definitionsSHA256` is compared only when both sides have one.
  public func mismatches(against given: [Feature], definitionsSHA256 current: String? = nil) -> [String] {
    var differences: [String] = []
    let givenTypes = Dictionary(given.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    let wantedNames = Set(features.map(\.name))
    let extra = given.filter { !wantedNames.contains($0.name) }
    for feature in features {
      guard let type = givenTypes[feature.name] else {
        let near = nearestName(to: feature.name, among: extra.map(\.name))
        differences.append(
          "the model takes '\(feature.name)' (\(feature.type)), which the job does not give" + (near.map { "; did '\($0)' mean it?" } ?? "")
        )
        continue
      }
      if type != feature.type { differences.append("'\(feature.name)' is \(type) here and was \(feature.type) in training") }
    }
    for feature in extra { differences.append("the job gives '\(feature.name)' (\(feature.type)), which the model was not trained on") }
    if given.count != Set(given.map(\.name)).count { differences.append("the job gives a feature twice") }
    if differences.isEmpty, let place = zip(given, features).enumerated().first(where: { $1.0.name != $1.1.name }) {
      differences.append(
        "the order differs: feature \(place.offset + 1) is '\(place.element.0.name)' here and '\(place.element.1.name)' in the model")
    }
    if let current, let trained = definitionsSHA256, current != trained {
      differences.append(
        "the feature definitions have changed since training (now \(current.prefix(12)), trained on \(trained.prefix(12)))")
    }
    return differences
  }

  /// Throws the list that `mismatches` gives as one error, unless it is empty.
  public func require(_ given: [Feature], definitionsSHA256 current: String? = nil) throws {
    let differences = mismatches(against: given, definitionsSHA256: current)
    guard differences.isEmpty else {
      throw MillraceError(
        .modelMismatch, "model \(name) \(version) does not fit the job:\n  - " + differences.joined(separator: "\n  - "),
        hint: "give the model the columns it was trained on, in its order, or train it again")
    }
  }
}
