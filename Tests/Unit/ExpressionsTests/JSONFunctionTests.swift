import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct JSONFunctionTests {
  private let text = Evaluating.text
  private let int = Evaluating.int
  private func sql(_ name: String, _ arguments: Expression...) throws -> String {
    try Evaluating.sql(Evaluating.registry.resolve(name, arguments))
  }
  private func value(
    _ json: String, _ path: String, _ type: DataType = .text, empty: (String, Expression)? = nil, error: (String, Expression)? = nil
  ) throws -> String {
    let none = ("NULL", Expression.null(.null))
    let (e, f) = (empty ?? none, error ?? none)
    let arguments = [text(json), text(path), text(e.0), e.1, text(f.0), f.1]
    return try Evaluating.sql(Evaluating.registry.json("JSON_VALUE", arguments, returning: type))
  }
  private func query(
    _ json: String, _ path: String, wrapper: String = "WITHOUT", empty: String = "NULL", error: String = "NULL", _ type: DataType = .text
  ) throws -> String {
    let arguments = [text(json), text(path), text(wrapper), text(empty), text(error)]
    return try Evaluating.sql(Evaluating.registry.json("JSON_QUERY", arguments, returning: type))
  }

  @Test func isJSON() throws {
    for good in ["1", "[]", "{}", "\"abc\"", " [1, {\"a\": null}] ", "-0.5e+10", "true", "\"\\u00e4\\n\""] {
      #expect(try sql("IS JSON VALUE", text(good)) == "TRUE", "\(good)")
    }
    for bad in ["", "abc", "[1,]", "{\"a\"}", "01", "1.", "'a'", "[1] 2", "\"\\x\"", "\"a\nb\"", "nul", "{\"a\":1,}", "+1", "\"\\u12\""] {
      #expect(try sql("IS JSON VALUE", text(bad)) == "FALSE", "\(bad)")
    }
    #expect(try sql("IS JSON VALUE", .null(.text)) == "FALSE")
    #expect(try sql("IS JSON SCALAR", text("1")) == "TRUE")
    #expect(try sql("IS JSON ARRAY", text("1")) == "FALSE")
    #expect(try sql("IS JSON OBJECT", text("{}")) == "TRUE")
    #expect(try sql("IS JSON VALUE", text(String(repeating: "[", count: 100_000))) == "FALSE")
  }

  @Test func exists() throws {
    #expect(try sql("JSON_EXISTS", text("{\"a\": true}"), text("$.a")) == "TRUE")
    #expect(try sql("JSON_EXISTS", text("{\"a\": true}"), text("$.b")) == "FALSE")
    #expect(try sql("JSON_EXISTS", text("{\"a\": [{ \"b\": 1 }]}"), text("$.a[0].b")) == "TRUE")
    #expect(try sql("JSON_EXISTS", text("{\"a\": true}"), text("strict $.b"), text("TRUE")) == "TRUE")
    #expect(try sql("JSON_EXISTS", text("{\"a\": true}"), text("strict $.b"), text("UNKNOWN")) == "NULL")
    #expect(try sql("JSON_EXISTS", text("{\"a\": true}"), text("lax $.b"), text("TRUE")) == "FALSE")
    #expect(try sql("JSON_EXISTS", text("no json"), text("$.b"), text("TRUE")) == "TRUE")
    #expect(throws: MillraceError.self) { try sql("JSON_EXISTS", text("no json"), text("$.b"), text("ERROR")) }
    #expect(try sql("JSON_EXISTS", text("{\"a\": []}"), text("lax $.a[*]")) == "FALSE")
  }

  /// Examples of Flink's documentation, and the edges.
  @Test func values() throws {
    #expect(try value("{\"a\": true}", "$.a") == "'true'")
    #expect(try value("{\"a\": true}", "$.a", .boolean) == "TRUE")
    #expect(try value("{\"a\": true}", "lax $.b", empty: ("DEFAULT", .literal(.bool(false), .boolean))) == "'FALSE'")
    #expect(try value("{\"a\": true}", "strict $.b", error: ("DEFAULT", text("none"))) == "'none'")
    #expect(try value("{\"a.b\": [0.998,0.996]}", "$.[\"a.b\"][0]", .float64) == "0.998")
    #expect(
      try value("{\"contains blank\": \"right\"}", "strict $.['contains blank']", error: ("DEFAULT", text("wrong"))) == "'right'")
    #expect(try value("{\"a\": \"x\\\"\\u00e4\\ud83d\\ude00\"}", "$.a") == "'x\"ä😀'")
    #expect(try value("{\"a\": 12}", "$.a", .int32) == "12")
    #expect(try value("{\"a\": 12.5}", "$.a", .int32) == "NULL")
    #expect(try value("{\"a\": 12345678901}", "$.a", .int32, error: ("DEFAULT", int(-1))) == "-1")
    #expect(try value("{\"a\": 12345678901}", "$.a", .int64) == "12345678901")
    #expect(try value("{\"a\": [1]}", "lax $.a", empty: ("DEFAULT", text("empty")), error: ("DEFAULT", text("error"))) == "'empty'")
    #expect(try value("{\"a\": [1]}", "strict $.a", empty: ("DEFAULT", text("empty")), error: ("DEFAULT", text("error"))) == "'error'")
    #expect(try value("{\"a\": null}", "$.a", empty: ("DEFAULT", text("empty"))) == "'empty'")
    #expect(try value("[1,2,3]", "$[-1]") == "'3'")
    #expect(try value("[1,2,3]", "$[last]") == "'3'")
    #expect(try value("[1,2,3]", "$[last - 1]") == "'2'")
    #expect(throws: MillraceError.self) { try value("{}", "lax $.a", empty: ("ERROR", .null(.null))) }
    #expect(throws: MillraceError.self) { try value("{}", "$.a", .date) }
  }

  @Test func queries() throws {
    #expect(try query("{ \"a\": { \"b\": 1 } }", "$.a") == "'{\"b\":1}'")
    #expect(try query("[1, 2]", "$") == "'[1,2]'")
    #expect(try query("{\"a\":[{\"c\":\"c1\"},{\"c\":\"c2\"}]}", "lax $.a[*].c") == "'[\"c1\",\"c2\"]'")
    let texts = DataType.array(Field("element", .text))
    #expect(try query("{\"a\":[{\"c\":\"c1\"},{\"c\":\"c2\"}]}", "lax $.a[*].c", texts) == "ARRAY['c1', 'c2']")
    #expect(try query("{}", "$", wrapper: "CONDITIONAL") == "'[{}]'")
    #expect(try query("[1, 2]", "$", wrapper: "CONDITIONAL") == "'[1,2]'")
    #expect(try query("[1, 2]", "$", wrapper: "UNCONDITIONAL") == "'[[1,2]]'")
    #expect(try query("1", "$") == "NULL")
    #expect(try query("1", "$", wrapper: "CONDITIONAL") == "'[1]'")
    #expect(try query("{}", "lax $.invalid", empty: "EMPTY OBJECT") == "'{}'")
    #expect(try query("{}", "strict $.invalid", error: "EMPTY ARRAY") == "'[]'")
    #expect(try query("{\"a\":1,\"b\":[2]}", "$.*") == "'[1,[2]]'")
    #expect(try query("[0,1,2,3,4]", "$[1:3]") == "'[1,2]'")
    #expect(try query("[0,1,2,3,4]", "$[1 to 3]") == "'[1,2,3]'")
    #expect(try query("[0,1,2,3,4]", "$[0, 2]") == "'[0,2]'")
    #expect(try query("{\"a\": 1, \"a\": 2}", "$") == "'{\"a\":2}'")
    #expect(try query("[\"\\u0001\\/\"]", "$") == "'[\"\\u0001/\"]'")
  }

  @Test(arguments: [
    ("a.b", "the JSON path 'a.b' is not valid: '$' is missing at position 1"),
    ("$.a[", "the JSON path '$.a[' is not valid: a number is missing at position 5"),
    ("$..a", "not supported yet: '..' in the JSON path '$..a'"),
    ("$.a[?(@.b)]", "not supported yet: a filter in the JSON path '$.a[?(@.b)]'"),
    ("$.a.size()", "not supported yet: a method in the JSON path '$.a.size()'"),
  ])
  func pathErrors(_ path: String, _ message: String) throws {
    let error = #expect(throws: MillraceError.self) { try Evaluating.registry.resolve("JSON_EXISTS", [text("{}"), text(path)]) }
    #expect(error?.message == message)
  }

  @Test func construction() throws {
    let registry = Evaluating.registry
    #expect(try sql("JSON_OBJECT", text("NULL")) == "'{}'")
    #expect(try sql("JSON_OBJECT", text("NULL"), text("K1"), text("V1"), text("K2"), text("V2")) == "'{\"K1\":\"V1\",\"K2\":\"V2\"}'")
    #expect(try sql("JSON_OBJECT", text("NULL"), text("K1"), .null(.text)) == "'{\"K1\":null}'")
    #expect(try sql("JSON_OBJECT", text("ABSENT"), text("K1"), .null(.text)) == "'{}'")
    let inner = try registry.resolve("JSON_OBJECT", [text("NULL"), text("K2"), text("V")])
    #expect(try sql("JSON_OBJECT", text("NULL"), text("K1"), inner) == "'{\"K1\":{\"K2\":\"V\"}}'")
    #expect(try sql("JSON_ARRAY", text("ABSENT")) == "'[]'")
    #expect(try sql("JSON_ARRAY", text("ABSENT"), int(1), text("2")) == "'[1,\"2\"]'")
    #expect(try sql("JSON_ARRAY", text("NULL"), .null(.text)) == "'[null]'")
    #expect(try sql("JSON_ARRAY", text("ABSENT"), registry.resolve("JSON_ARRAY", [text("ABSENT"), int(1)])) == "'[[1]]'")
    #expect(try sql("JSON_STRING", int(1)) == "'1'")
    #expect(try sql("JSON_STRING", .true) == "'true'")
    #expect(try sql("JSON_STRING", text("Hello, \"World\"!")) == "'\"Hello, \\\"World\\\"!\"'")
    #expect(try sql("JSON_STRING", .null(.int32)) == "NULL")
    #expect(try sql("JSON_STRING", registry.resolve("ARRAY", [int(1), int(2)])) == "'[1,2]'")
    #expect(try sql("JSON_STRING", registry.resolve("MAP", [int(1), text("x")])) == "'{\"1\":\"x\"}'")
    #expect(try sql("JSON_STRING", registry.resolve("ROW", [int(1), .null(.text)])) == "'{\"EXPR$0\":1,\"EXPR$1\":null}'")
    #expect(try sql("JSON_STRING", Evaluating.timestamp("2021-03-14 15:09:26.535")) == "'\"2021-03-14T15:09:26.535\"'")
    #expect(try sql("JSON_STRING", Evaluating.decimal(12345, 5, 2)) == "'123.45'")
    #expect(try sql("JSON_STRING", Evaluating.double(.nan)) == "'\"NaN\"'")
    #expect(try sql("JSON_QUOTE", text("a\"b\n")) == "'\"a\\\"b\\n\"'")
    #expect(try sql("JSON_UNQUOTE", text("\"a\\\"b\\n\"")) == "'a\"b\n'")
    #expect(try sql("JSON_UNQUOTE", text("\"a")) == "'\"a'")
    #expect(try sql("JSON_UNQUOTE", text("abc")) == "'abc'")
  }
}
