import MillraceInference
import MillraceTypes
import Testing

@Suite struct ModelContractTests {
  static let features: [ModelContract.Feature] = [
    .init(name: "amount", type: "DOUBLE"), .init(name: "count_1h", type: "BIGINT"), .init(name: "is_new", type: "BOOLEAN"),
  ]

  static func json(version: Int = 1, hash: String? = nil) -> String {
    let hash = hash ?? ModelContract.sha256(of: features)
    let list = features.map { #"{"name":"\#($0.name)","type":"\#($0.type)"}"# }.joined(separator: ",")
    return #"""
      {"contract_version":\#(version),"name":"reply","version":"7","features":[\#(list)],"features_sha256":"\#(hash)",
       "output":"probabilities","output_column":1,"kind":"trees","definitions_sha256":"aaaa"}
      """#
  }

  @Test func readsWhatTheTrainerWrites() throws {
    let contract = try ModelContract(json: Self.json())
    #expect(contract.features == Self.features)
    #expect(contract.output == "probabilities" && contract.outputColumn == 1 && contract.kind == "trees")
    #expect(contract.mismatches(against: Self.features).isEmpty)
    // The same text hashed by Python: sha256("amount\tDOUBLE\ncount_1h\tBIGINT\nis_new\tBOOLEAN\n").
    #expect(contract.featuresSHA256 == "9752978cfe88e5cd187e6533a13dc81496c56a3f9a2a264943bedd4d80173f14")
  }

  @Test func everyDifferenceIsListedInWords() throws {
    let contract = try ModelContract(json: Self.json())
    let given: [ModelContract.Feature] = [
      .init(name: "amuont", type: "DOUBLE"), .init(name: "count_1h", type: "DOUBLE"), .init(name: "is_new", type: "BOOLEAN"),
      .init(name: "hour", type: "INT"),
    ]
    #expect(
      contract.mismatches(against: given, definitionsSHA256: "bbbb") == [
        "the model takes 'amount' (DOUBLE), which the job does not give; did 'amuont' mean it?",
        "'count_1h' is DOUBLE here and was BIGINT in training",
        "the job gives 'amuont' (DOUBLE), which the model was not trained on",
        "the job gives 'hour' (INT), which the model was not trained on",
        "the feature definitions have changed since training (now bbbb, trained on aaaa)",
      ])
    #expect(
      contract.mismatches(against: Self.features.reversed()) == ["the order differs: feature 1 is 'is_new' here and 'amount' in the model"])
    #expect(contract.mismatches(against: Self.features + [Self.features[0]]) == ["the job gives a feature twice"])
    #expect(contract.mismatches(against: Self.features, definitionsSHA256: "aaaa").isEmpty)
    let error = #expect(throws: MillraceError.self) { try contract.require(given) }
    #expect(error?.code == .modelMismatch)
    #expect(error?.message.contains("\n  - 'count_1h' is DOUBLE here") == true)
  }

  @Test func refusesDamageAndLaterVersions() {
    let damaged = #expect(throws: MillraceError.self) { try ModelContract(json: Self.json(hash: "00")) }
    #expect(damaged?.code == .modelMismatch)
    let later = #expect(throws: MillraceError.self) { try ModelContract(json: Self.json(version: 2)) }
    #expect(later?.message == "not supported yet: contract version 2 of a model")
    let missing = #expect(throws: MillraceError.self) { try ModelContract(json: #"{"contract_version":1}"#) }
    #expect(missing?.message == "the model's contract cannot be read: 'name' is missing")
    let garbage = #expect(throws: MillraceError.self) { try ModelContract(json: "{") }
    #expect(garbage?.message == "the model's contract cannot be read: it is not JSON")
  }
}
