import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

/// Golden values: examples of Flink's documentation, published test vectors, and the edges.
@Suite struct ScalarFunctionTests {
  private let text = Evaluating.text
  private let int = Evaluating.int
  private func sql(_ name: String, _ arguments: Expression...) throws -> String {
    try Evaluating.sql(Evaluating.registry.resolve(name, arguments))
  }
  private func array(_ items: Expression...) throws -> Expression { try Evaluating.registry.resolve("ARRAY", items) }
  private func texts(_ items: String...) throws -> Expression { try Evaluating.registry.resolve("ARRAY", items.map(text)) }

  @Test func editing() throws {
    #expect(try sql("OVERLAY", text("xxxxxtest"), text("xxxx"), int(6)) == "'xxxxxxxxx'")
    #expect(try sql("OVERLAY", text("xxxxxtest"), text("xxxx"), int(6), int(2)) == "'xxxxxxxxxst'")
    #expect(try sql("OVERLAY", text("日本語"), text("x"), int(0)) == "'日本語'")
    #expect(try sql("OVERLAY", text("日本語文"), text("x"), int(2), int(1)) == "'日x語文'")
    #expect(try sql("TRANSLATE", text("www.apache.org"), text("wapcheorg"), text("SQL")) == "'SSS.QLQ.'")
    #expect(try sql("TRANSLATE", text("äbc"), text("äc"), text("aé")) == "'abé'")
    #expect(try sql("SUBSTRING_INDEX", text("www.apache.org"), text("."), int(2)) == "'www.apache'")
    #expect(try sql("SUBSTRING_INDEX", text("www.apache.org"), text("."), int(-1)) == "'org'")
    #expect(try sql("SUBSTRING_INDEX", text("www.apache.org"), text("."), int(9)) == "'www.apache.org'")
    #expect(try sql("SOUNDEX", text("Robert")) == "'R163'")
    #expect(try sql("SOUNDEX", text("Rupert")) == "'R163'")
    #expect(try sql("SOUNDEX", text("Ashcraft")) == "'A261'")
    #expect(try sql("SOUNDEX", text("Tymczak")) == "'T522'")
    #expect(try sql("SOUNDEX", text("Pfister")) == "'P236'")
    #expect(try sql("SOUNDEX", text("")) == "''")
    #expect(try sql("SPLIT", text("a,b,,"), text(",")) == "ARRAY['a', 'b', '', '']")
    #expect(try sql("SPLIT", text("äb"), text("")) == "ARRAY['ä', 'b']")
    #expect(try sql("SPLIT", text("abc"), text("x")) == "ARRAY['abc']")
    #expect(try sql("ELT", int(2), text("a"), text("b")) == "'b'")
    #expect(try sql("ELT", int(3), text("a"), text("b")) == "NULL")
    #expect(try sql("ELT", int(1), .null(.text), text("b")) == "NULL")
    #expect(try sql("BTRIM", text("xxaxx"), text("x")) == "'a'")
    #expect(try sql("STR_TO_MAP", text("k1=v1,k2=v2")) == "MAP['k1', 'v1', 'k2', 'v2']")
    #expect(try sql("STR_TO_MAP", text("k1:v1;k2"), text(";"), text(":")) == "MAP['k1', 'v1', 'k2', NULL]")
    #expect(try sql("STR_TO_MAP", text("a=1,a=2"), text(","), text("=")) == "MAP['a', '2']")
    #expect(try sql("STR_TO_MAP", text("k1$$v1|k2$$ v2"), text("\\|"), text("\\$\\$")) == "MAP['k1', 'v1', 'k2', ' v2']")
    #expect(try sql("ENDSWITH", .literal(.bytes([1, 2, 3]), .bytes), .literal(.bytes([3]), .bytes)) == "TRUE")
    #expect(try sql("STARTSWITH", text("abc"), text("")) == "TRUE")
  }

  @Test func similarToAndOverlaps() throws {
    #expect(try sql("SIMILAR TO", text("abcd"), text("a(b|x)%")) == "TRUE")
    #expect(try sql("SIMILAR TO", text("xabcd"), text("a(b|x)%")) == "FALSE")
    #expect(try sql("SIMILAR TO", text("a.c"), text("a.c")) == "TRUE")
    #expect(try sql("SIMILAR TO", text("abc"), text("a.c")) == "FALSE")
    #expect(try sql("SIMILAR TO", text("50%"), text("[0-9]+!%"), text("!")) == "TRUE")
    #expect(try sql("SIMILAR TO", text(""), text("")) == "TRUE")
    func hour(_ number: Int64) -> Expression { .literal(.int(number * 60_000), .time(precision: 0)) }
    let interval = { (minutes: Int64) in Expression.literal(.int(minutes * 60_000), .intervalMillis) }
    // The examples of Flink's documentation: 2:55 for an hour and 3:30 for two; 9:00 to 10:00 and 10:15 for three hours.
    #expect(try sql("OVERLAPS", hour(175), interval(60), hour(210), interval(120)) == "TRUE")
    #expect(try sql("OVERLAPS", hour(540), hour(600), hour(615), interval(180)) == "FALSE")
    #expect(try sql("OVERLAPS", hour(600), hour(540), hour(600), hour(700)) == "TRUE")
  }

  @Test func classes() throws {
    #expect(try sql("IS_ALPHA", text("Käse")) == "TRUE")
    #expect(try sql("IS_ALPHA", text("a1")) == "FALSE")
    #expect(try sql("IS_ALPHA", text("")) == "FALSE")
    #expect(try sql("IS_ALPHA", .null(.text)) == "FALSE")
    #expect(try sql("IS_DIGIT", text("0123")) == "TRUE")
    #expect(try sql("IS_DIGIT", text("-1")) == "FALSE")
    #expect(try sql("IS_DECIMAL", text("-1.5e3")) == "TRUE")
    #expect(try sql("IS_DECIMAL", text("1.5x")) == "FALSE")
    #expect(try sql("IS_DECIMAL", int(3)) == "TRUE")
    let column = try Column(type: .text, [.text("ab"), .null, .text("1")])
    let call = try Evaluating.registry.resolve("IS_ALPHA", Evaluating.columns([.text]))
    let result = try Evaluating.evaluate(call, [column])
    #expect((0..<3).map { result[$0] } == [.bool(true), .bool(false), .bool(false)])
    #expect(try sql("TYPEOF", int(3)) == "'INT NOT NULL'")
    #expect(try sql("TYPEOF", .null(.text)) == "'STRING'")
  }

  @Test func encodings() throws {
    #expect(try sql("TO_BASE64", text("hello world")) == "'aGVsbG8gd29ybGQ='")
    #expect(try sql("FROM_BASE64", text("aGVsbG8gd29ybGQ=")) == "'hello world'")
    #expect(try sql("FROM_BASE64", text("a?")) == "NULL")
    for word in ["", "f", "fo", "foo", "foob", "fooba", "foobar", "日本語"] {
      let encoded = try Evaluating.registry.resolve("TO_BASE64", [text(word)])
      #expect(try Evaluating.sql("FROM_BASE64", encoded) == "'\(word)'")
    }
    #expect(try sql("HEX", int(20)) == "'14'")
    #expect(try sql("HEX", int(-1)) == "'FFFFFFFFFFFFFFFF'")
    #expect(try sql("HEX", text("hello,world")) == "'68656C6C6F2C776F726C64'")
    #expect(try sql("UNHEX", text("68656C6C6F")) == "x'68656C6C6F'")
    #expect(try sql("UNHEX", text("abc")) == "x'0ABC'")
    #expect(try sql("UNHEX", text("xy")) == "NULL")
    #expect(try sql("BIN", int(12)) == "'1100'")
    #expect(try sql("URL_ENCODE", text("https://flink.apache.org/?a=b c&ä")) == "'https%3A%2F%2Fflink.apache.org%2F%3Fa%3Db+c%26%C3%A4'")
    #expect(try sql("URL_DECODE", text("https%3A%2F%2Fa.b%2F%3Fx%3Dy+z%26%C3%A4")) == "'https://a.b/?x=y z&ä'")
    #expect(try sql("URL_DECODE", text("%zz")) == "NULL")
    let url = text("http://user:pw@facebook.com:8080/path1/p.php?k1=v1&k2=v2#Ref1")
    let parts = [
      "HOST": "facebook.com", "PATH": "/path1/p.php", "QUERY": "k1=v1&k2=v2", "REF": "Ref1", "PROTOCOL": "http",
      "FILE": "/path1/p.php?k1=v1&k2=v2", "AUTHORITY": "user:pw@facebook.com:8080", "USERINFO": "user:pw",
    ]
    for (part, value) in parts.sorted(by: { $0.key < $1.key }) { #expect(try sql("PARSE_URL", url, text(part)) == "'\(value)'") }
    #expect(try sql("PARSE_URL", url, text("QUERY"), text("k2")) == "'v2'")
    #expect(try sql("PARSE_URL", url, text("QUERY"), text("k")) == "NULL")
    #expect(try sql("PARSE_URL", text("not a url"), text("HOST")) == "NULL")
    #expect(try sql("ENCODE", text("aä"), text("UTF-16BE")) == "x'006100E4'")
    #expect(try sql("ENCODE", text("aä"), text("US-ASCII")) == "x'613F'")
    #expect(try sql("DECODE", .literal(.bytes([0xFF, 0xFE, 0x61, 0]), .bytes), text("utf-16")) == "'a'")
    #expect(try sql("DECODE", .literal(.bytes([0xE4]), .bytes), text("ISO-8859-1")) == "'ä'")
    #expect(throws: MillraceError.self) { try Evaluating.registry.resolve("ENCODE", [text("a"), text("EBCDIC")]) }
  }

  /// FIPS 180-4 examples.
  @Test func digests() throws {
    #expect(try sql("SHA1", text("abc")) == "'a9993e364706816aba3e25717850c26c9cd0d89d'")
    #expect(try sql("SHA224", text("abc")) == "'23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'")
    #expect(
      try sql("SHA384", text("abc"))
        == "'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'")
    let sha512 =
      "'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f'"
    #expect(try sql("SHA512", text("abc")) == sha512)
    #expect(try sql("SHA2", text("abc"), int(512)) == sha512)
    #expect(try sql("SHA2", text("abc"), int(100)) == "NULL")
    #expect(
      try sql("SHA1", text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) == "'84983e441c3bd26ebaae4aa1f95129e5e54670f1'")
  }

  @Test func printf() throws {
    #expect(
      try sql("PRINTF", text("%s has %d points, %.2f%%"), text("Ann"), int(7), Evaluating.double(12.345)) == "'Ann has 7 points, 12.35%'")
    #expect(
      try sql("PRINTF", text("[%5d|%-5d|%05d|%+d|%,d]"), int(42), int(42), int(42), int(42), int(1_234_567))
        == "'[   42|42   |00042|+42|1,234,567]'")
    #expect(try sql("PRINTF", text("%x %X %o %c %b"), int(255), int(255), int(8), int(65), .true) == "'ff FF 10 A true'")
    #expect(try sql("PRINTF", text("%2$s %1$s"), text("a"), text("b")) == "'b a'")
    #expect(try sql("PRINTF", text("%e|%.1E"), Evaluating.double(12345.678), Evaluating.double(0.00996)) == "'1.234568e+04|1.0E-02'")
    #expect(try sql("PRINTF", text("%.3f"), Evaluating.decimal(12345, 5, 2)) == "'123.450'")
    #expect(try sql("PRINTF", text("%s"), .null(.text)) == "'null'")
    #expect(try sql("PRINTF", text("%d"), text("x")) == "NULL")
    #expect(try sql("PRINTF", text("%q"), int(1)) == "NULL")
    #expect(try sql("PRINTF", text("%s %s"), int(1)) == "NULL")
    #expect(try sql("PRINTF", text("%.3s|%6.2s|"), text("abcdef"), text("xyz")) == "'abc|    xy|'")
  }

  @Test func arrays() throws {
    let numbers = try array(int(3), int(1), .null(.int32), int(3))
    #expect(try sql("ARRAY_CONTAINS", numbers, int(1)) == "TRUE")
    #expect(try sql("ARRAY_CONTAINS", numbers, .null(.int32)) == "TRUE")
    #expect(try sql("ARRAY_CONTAINS", array(int(1)), .null(.int32)) == "FALSE")
    #expect(try sql("ARRAY_POSITION", numbers, int(3)) == "1")
    #expect(try sql("ARRAY_POSITION", numbers, int(9)) == "0")
    #expect(try sql("ARRAY_POSITION", numbers, .null(.int32)) == "NULL")
    #expect(try sql("ARRAY_REMOVE", numbers, int(3)) == "ARRAY[1, NULL]")
    #expect(try sql("ARRAY_REMOVE", numbers, .null(.int32)) == "ARRAY[3, 1, 3]")
    #expect(try sql("ARRAY_APPEND", numbers, int(7)) == "ARRAY[3, 1, NULL, 3, 7]")
    #expect(try sql("ARRAY_PREPEND", texts("Java", "Python"), text("SQL")) == "ARRAY['SQL', 'Java', 'Python']")
    #expect(try sql("ARRAY_DISTINCT", numbers) == "ARRAY[3, 1, NULL]")
    #expect(try sql("ARRAY_REVERSE", numbers) == "ARRAY[3, NULL, 1, 3]")
    #expect(try sql("ARRAY_CONCAT", numbers, array(int(8)), array(Evaluating.double(0.5))) == "ARRAY[3.0, 1.0, NULL, 3.0, 8.0, 0.5]")
    #expect(try sql("ARRAY_CONCAT", numbers, .null(numbers.type)) == "NULL")
    #expect(try sql("ARRAY_UNION", numbers, array(int(2), int(1))) == "ARRAY[3, 1, NULL, 2]")
    #expect(try sql("ARRAY_EXCEPT", numbers, array(int(1))) == "ARRAY[3, NULL]")
    #expect(try sql("ARRAY_INTERSECT", numbers, array(int(3), .null(.int32))) == "ARRAY[3, NULL]")
    #expect(try sql("ARRAY_MAX", numbers) == "3")
    #expect(try sql("ARRAY_MIN", numbers) == "1")
    #expect(try sql("ARRAY_MAX", array(.null(.int32), .null(.int32).cast(to: .int32), int(1))) == "1")
    let languages = try texts("Java", "SQL", "Python", "C#", "JavaScript", "Go")
    #expect(try sql("ARRAY_SLICE", languages, int(2), int(5)) == "ARRAY['SQL', 'Python', 'C#', 'JavaScript']")
    #expect(try sql("ARRAY_SLICE", languages, int(-2)) == "ARRAY['JavaScript', 'Go']")
    #expect(try sql("ARRAY_SLICE", languages, int(0), int(1)) == "ARRAY['Java']")
    #expect(try sql("ARRAY_SLICE", languages, int(4), int(2)) == "ARRAY[]")
    #expect(try sql("ARRAY_SLICE", languages, int(7)) == "ARRAY[]")
    #expect(try sql("ARRAY_SORT", numbers) == "ARRAY[NULL, 1, 3, 3]")
    let descending = Expression.literal(.bool(false), .boolean)
    #expect(try sql("ARRAY_SORT", numbers, descending) == "ARRAY[3, 3, 1, NULL]")
    #expect(try sql("ARRAY_SORT", numbers, descending, .true) == "ARRAY[NULL, 3, 3, 1]")
    #expect(try sql("ARRAY_JOIN", texts("a", "b"), text("-")) == "'a-b'")
    let holes = try array(text("a"), .null(.text), text("b"))
    #expect(try sql("ARRAY_JOIN", holes, text(",")) == "'a,b'")
    #expect(try sql("ARRAY_JOIN", holes, text(","), text("?")) == "'a,?,b'")
    #expect(try sql("ARRAY_DISTINCT", array(array(int(1)), array(int(1)), array(int(2)))) == "ARRAY[ARRAY[1], ARRAY[2]]")
  }

  @Test func maps() throws {
    let map = try Evaluating.registry.resolve("MAP", [text("a"), int(1), text("b"), .null(.int32)])
    #expect(try sql("MAP_KEYS", map) == "ARRAY['a', 'b']")
    #expect(try sql("MAP_VALUES", map) == "ARRAY[1, NULL]")
    #expect(try sql("MAP_ENTRIES", map) == "ARRAY[ROW('a', 1), ROW('b', NULL)]")
    #expect(try sql("MAP_FROM_ENTRIES", Evaluating.registry.resolve("MAP_ENTRIES", [map])) == "MAP['a', 1, 'b', NULL]")
    #expect(try sql("MAP_FROM_ARRAYS", texts("x", "y"), array(int(1), int(2))) == "MAP['x', 1, 'y', 2]")
    #expect(throws: MillraceError.self) { try sql("MAP_FROM_ARRAYS", texts("x"), array(int(1), int(2))) }
    let other = try Evaluating.registry.resolve("MAP", [text("b"), int(5), text("c"), int(6)])
    #expect(try sql("MAP_UNION", map, other) == "MAP['a', 1, 'b', 5, 'c', 6]")
    #expect(try sql("MAP_UNION", map, .null(map.type)) == "NULL")
  }

  /// Array functions over columns with nulls against the same over single values.
  @Test(arguments: [
    "ARRAY_CONTAINS", "ARRAY_POSITION", "ARRAY_REMOVE", "ARRAY_APPEND", "ARRAY_PREPEND", "ARRAY_DISTINCT", "ARRAY_REVERSE", "ARRAY_CONCAT",
    "ARRAY_UNION", "ARRAY_EXCEPT", "ARRAY_INTERSECT", "ARRAY_MAX", "ARRAY_SORT", "ARRAY_SLICE",
  ])
  func arraysOfManyRowsAgainstLists(_ name: String) throws {
    var random = SeededRandom(SeededRandom.mixed(3))
    let element = Field("element", .int32)
    func list() -> [Value]? {
      random.next() % 6 == 0
        ? nil : (0..<Int(random.next() % 6)).map { _ in random.next() % 5 == 0 ? .null : .int(Int64(random.next() % 4)) }
    }
    func number() -> Value { random.next() % 6 == 0 ? .null : .int(Int64(random.next() % 5) - 1) }
    let rows = 300
    let a = (0..<rows).map { _ in list() }
    let b = (0..<rows).map { _ in list() }
    let x = (0..<rows).map { _ in number() }
    let types: [DataType] = [.array(element), .array(element), .int32]
    let columns = [
      try Column(type: types[0], a.map { $0.map { .list($0) } ?? .null }),
      try Column(type: types[1], b.map { $0.map { .list($0) } ?? .null }),
      try Column(type: types[2], x),
    ]
    let inputs = Evaluating.columns(types)
    let second = ["ARRAY_CONCAT", "ARRAY_UNION", "ARRAY_EXCEPT", "ARRAY_INTERSECT"].contains(name)
    let single = ["ARRAY_DISTINCT", "ARRAY_REVERSE", "ARRAY_MAX", "ARRAY_SORT"].contains(name)
    let call = try Evaluating.registry.resolve(name, single ? [inputs[0]] : [inputs[0], second ? inputs[1] : inputs[2]])
    let result = try Evaluating.evaluate(call, columns)
    func distinct(_ values: [Value]) -> [Value] { values.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
    func order(_ value: Value) -> Int64 { if case .int(let number) = value { number } else { .min } }
    for row in 0..<rows {
      var wanted = Value.null
      if let a = a[row] {
        let x = x[row]
        switch name {
        case "ARRAY_CONTAINS": wanted = .bool(a.contains(x))
        case "ARRAY_POSITION": wanted = x.isNull ? .null : .int(Int64((a.firstIndex(of: x) ?? -1) + 1))
        case "ARRAY_REMOVE": wanted = .list(a.filter { $0 != x })
        case "ARRAY_APPEND": wanted = .list(a + [x])
        case "ARRAY_PREPEND": wanted = .list([x] + a)
        case "ARRAY_DISTINCT": wanted = .list(distinct(a))
        case "ARRAY_REVERSE": wanted = .list(a.reversed())
        case "ARRAY_MAX": wanted = a.filter { !$0.isNull }.max { order($0) < order($1) } ?? .null
        case "ARRAY_SORT": wanted = .list(a.sorted { order($0) < order($1) })
        case "ARRAY_SLICE":
          if case .int(let start) = x {
            let from = start < 0 ? a.count + Int(start) : max(0, Int(start) - 1)
            wanted = .list(from >= a.count ? [] : Array(a[max(0, from)...]))
          }
        default:
          if let b = b[row] {
            switch name {
            case "ARRAY_CONCAT": wanted = .list(a + b)
            case "ARRAY_UNION": wanted = .list(distinct(a + b))
            case "ARRAY_EXCEPT": wanted = .list(distinct(a.filter { !b.contains($0) }))
            default: wanted = .list(distinct(a.filter { b.contains($0) }))
            }
          }
        }
      }
      #expect(result[row] == wanted, "\(name) row \(row)")
    }
  }
}
