import MillraceColumns
import MillraceTypes
import Testing

@testable import MillraceExpressions

@Suite struct FunctionTests {
  private let text = Evaluating.text
  private let int = Evaluating.int
  private let double = Evaluating.double

  @Test func casts() throws {
    func cast(_ from: Expression, _ to: DataType, isTry: Bool = false) throws -> String {
      try Evaluating.sql(Evaluating.registry.cast(from, to: to, isTry: isTry))
    }
    #expect(try cast(int(42), .text) == "'42'")
    #expect(try cast(int(-128), .int8) == "-128")
    #expect(try cast(int(300), .int8) == "44")
    #expect(try cast(double(1e10), .text) == "'1.0E10'")
    #expect(try cast(double(0.1), .text) == "'0.1'")
    #expect(try cast(double(3.99), .int32) == "3")
    #expect(try cast(double(-3.99), .int32) == "-3")
    #expect(try cast(double(1e30), .int64) == "9223372036854775807")
    #expect(try cast(double(.nan), .int32) == "0")
    #expect(try cast(double(2.345), .decimal(precision: 5, scale: 2)) == "2.35")
    #expect(try cast(double(1e9), .decimal(precision: 5, scale: 2)) == "NULL")
    #expect(try cast(Evaluating.decimal(12345, 5, 2), .text) == "'123.45'")
    #expect(try cast(Evaluating.decimal(-5, 5, 2), .text) == "'-0.05'")
    #expect(try cast(Evaluating.decimal(12345, 5, 2), .decimal(precision: 5, scale: 1)) == "123.5")
    #expect(try cast(Evaluating.decimal(12345, 5, 2), .decimal(precision: 3, scale: 2)) == "NULL")
    #expect(try cast(Evaluating.decimal(12399, 5, 2), .int32) == "123")
    #expect(try cast(Evaluating.decimal(12345, 5, 2), .float64) == "123.45")
    #expect(try cast(.true, .text) == "'TRUE'")
    #expect(try cast(text(" yes "), .boolean) == "TRUE")
    #expect(try cast(int(0), .boolean) == "FALSE")
    #expect(try cast(.true, .int32) == "1")
    #expect(try cast(text("12.9"), .int32) == "12")
    #expect(try cast(text("1.5e3"), .float64) == "1500.0")
    #expect(try cast(text("1.005"), .decimal(precision: 10, scale: 2)) == "1.01")
    #expect(try cast(text("2020-02-29 12:34:56.789"), .timestamp(precision: 3)) == "TIMESTAMP '2020-02-29 12:34:56.789'")
    #expect(try cast(text("2020-02-29 12:34:56.789"), .timestamp(precision: 0)) == "TIMESTAMP '2020-02-29 12:34:56'")
    #expect(try cast(text("2020-02-29"), .date) == "DATE '2020-02-29'")
    #expect(try cast(text("12:34:56"), .time(precision: 0)) == "TIME '12:34:56'")
    #expect(try cast(Evaluating.timestamp("2020-02-29 12:34:56.789"), .text) == "'2020-02-29 12:34:56.789'")
    #expect(try cast(Evaluating.timestamp("2020-02-29 12:34:56.789", 6), .text) == "'2020-02-29 12:34:56.789000'")
    #expect(try cast(Evaluating.timestamp("1969-12-31 23:59:59.999"), .date) == "DATE '1969-12-31'")
    #expect(try cast(Evaluating.timestamp("2020-02-29 12:34:56.789"), .time(precision: 0)) == "TIME '12:34:56'")
    #expect(try cast(Evaluating.date("2020-02-29"), .timestamp(precision: 3)) == "TIMESTAMP '2020-02-29 00:00:00.000'")
    #expect(try cast(text("x"), .int32, isTry: true) == "NULL")
    #expect(try cast(.literal(.int(14), .intervalMonths), .text) == "'+1-02'")
    #expect(try cast(.literal(.int(-93_784_005), .intervalMillis), .text) == "'-1 02:03:04.005'")
  }

  @Test(arguments: [
    ("x", DataType.int32), ("", .int64), ("128", .int8), ("2020-02-30", .date), ("maybe", .boolean), ("1.2.3", .float64),
    ("1,5", .decimal(precision: 5, scale: 2)),
  ])
  func textThatCannotBeReadIsAnError(_ text: String, _ type: DataType) throws {
    let column = Expression.column(0, Field("c", .text)).cast(to: type)
    let error = #expect(throws: MillraceError.self) { try Evaluating.evaluate(column, [Column(type: .text, [.text(text)])]) }
    #expect(error?.message == "the text cannot be read as \(type), in CAST($0 AS \(type))")
  }

  @Test func textFunctions() throws {
    #expect(try Evaluating.sql("UPPER", text("straße ä")) == "'STRASSE Ä'")
    #expect(try Evaluating.sql("LOWER", text("ABC Ä")) == "'abc ä'")
    #expect(try Evaluating.sql("INITCAP", text("hello wORLD-x")) == "'Hello World-X'")
    #expect(try Evaluating.sql("TRIM", text("  a b  ")) == "'a b'")
    #expect(try Evaluating.sql("TRIM", text("xxaxx"), text("x")) == "'a'")
    #expect(try Evaluating.sql("LTRIM", text("äöa"), text("öä")) == "'a'")
    #expect(try Evaluating.sql("RTRIM", text("aöä "), text(" äö")) == "'a'")
    #expect(try Evaluating.sql("SUBSTRING", text("日本語text"), int(2), int(3)) == "'本語t'")
    #expect(try Evaluating.sql("SUBSTRING", text("abcdef"), int(-2)) == "'ef'")
    #expect(try Evaluating.sql("SUBSTRING", text("abcdef"), int(0), int(2)) == "'ab'")
    #expect(try Evaluating.sql("SUBSTR", text("abc"), int(9)) == "''")
    #expect(try Evaluating.sql("SUBSTRING", text("abc"), int(1), int(-1)) == "NULL")
    #expect(try Evaluating.sql("CHAR_LENGTH", text("日本語")) == "3")
    #expect(try Evaluating.sql("OCTET_LENGTH", text("日本語")) == "9")
    #expect(try Evaluating.sql("CONCAT", text("a"), int(1), Evaluating.double(2.5)) == "'a12.5'")
    #expect(try Evaluating.sql("CONCAT", text("a"), .null(.text)) == "NULL")
    #expect(try Evaluating.sql("CONCAT_WS", text("-"), text("a"), .null(.text), text("b")) == "'a-b'")
    #expect(try Evaluating.sql("REPLACE", text("aXbXc"), text("X"), text("--")) == "'a--b--c'")
    #expect(try Evaluating.sql("POSITION", text("語"), text("日本語")) == "3")
    #expect(try Evaluating.sql("LOCATE", text("a"), text("banana"), int(3)) == "4")
    #expect(try Evaluating.sql("INSTR", text("banana"), text("z")) == "0")
    #expect(try Evaluating.sql("LPAD", text("hi"), int(4), text("??x")) == "'??hi'")
    #expect(try Evaluating.sql("LPAD", text("hi"), int(1), text("?")) == "'h'")
    #expect(try Evaluating.sql("RPAD", text("hi"), int(7), text("xyz")) == "'hixyzxy'")
    #expect(try Evaluating.sql("REVERSE", text("añ語")) == "'語ña'")
    #expect(try Evaluating.sql("REPEAT", text("ab"), int(3)) == "'ababab'")
    #expect(try Evaluating.sql("LEFT", text("äbc"), int(2)) == "'äb'")
    #expect(try Evaluating.sql("RIGHT", text("äbc"), int(2)) == "'bc'")
    #expect(try Evaluating.sql("SPLIT_INDEX", text("a,b,,c"), text(","), int(2)) == "''")
    #expect(try Evaluating.sql("SPLIT_INDEX", text("a,b,,c"), text(","), int(4)) == "NULL")
    #expect(try Evaluating.sql("ASCII", text("Abc")) == "65")
    #expect(try Evaluating.sql("CHR", int(97)) == "'a'")
    #expect(try Evaluating.sql("STARTSWITH", text("abc"), text("ab")) == "TRUE")
    #expect(try Evaluating.sql("ENDSWITH", text("abc"), text("ab")) == "FALSE")
    #expect(try Evaluating.sql("REGEXP_EXTRACT", text("foothebar"), text("foo(.*?)(bar)"), int(2)) == "'bar'")
    #expect(try Evaluating.sql("REGEXP_EXTRACT", text("foothebar"), text("nope(.*)"), int(1)) == "NULL")
    #expect(try Evaluating.sql("REGEXP_REPLACE", text("foobar"), text("oo|ar"), text("")) == "'fb'")
    #expect(try Evaluating.sql("REGEXP_REPLACE", text("john smith"), text("(\\w+) (\\w+)"), text("$2, $1")) == "'$2, $1'")
    #expect(try Evaluating.sql("REGEXP", text("abc"), text("")) == "FALSE")
    #expect(try Evaluating.sql("REGEXP_EXTRACT", text("foothebar"), text("foo(.*?)(bar)"), int(3)) == "NULL")
    #expect(try Evaluating.sql("REGEXP_EXTRACT", text("foothebar"), text("foo(.*?)(bar)")) == "'foothebar'")
    #expect(try Evaluating.sql("REGEXP_COUNT", text("Steven Jones and Stephen Smith are the best players"), text("Ste(v|ph)en")) == "2")
    #expect(
      try Evaluating.sql("REGEXP_EXTRACT_ALL", text("100-200, 300-400"), text("(\\d+)-(\\d+)"), int(1)) == "ARRAY['100', '300']")
    #expect(try Evaluating.sql("REGEXP_INSTR", text("Mary had a little lamb"), text("Ste(v|ph)en")) == "0")
    #expect(try Evaluating.sql("REGEXP_INSTR", text("日本 Stephen"), text("Ste(v|ph)en")) == "4")
    #expect(try Evaluating.sql("REGEXP_SUBSTR", text("Mary had a little lamb"), text("Ste(v|ph)en")) == "NULL")
    #expect(try Evaluating.sql("COUNT_CHAR", text("abcabc"), text("cx")) == "2")
    #expect(try Evaluating.sql("SPLIT_INDEX", text(""), text(","), int(0)) == "NULL")
    #expect(try Evaluating.sql("SPLIT_INDEX", text("a b"), text(""), int(1)) == "'b'")
  }

  @Test func digests() throws {
    #expect(try Evaluating.sql("MD5", text("")) == "'d41d8cd98f00b204e9800998ecf8427e'")
    #expect(try Evaluating.sql("MD5", text("The quick brown fox jumps over the lazy dog")) == "'9e107d9d372bb6826bd81d3542a419d6'")
    #expect(try Evaluating.sql("SHA256", text("abc")) == "'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'")
    #expect(
      try Evaluating.sql("SHA256", text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
        == "'248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'")
  }

  @Test func likeAgainstAnObviousMatcher() throws {
    var random = SeededRandom(9)
    let letters = ["a", "b", "%", "_", "ä", "\\"]
    func word(_ most: Int) -> String { (0..<Int(random.next() % UInt64(most))).map { _ in letters[Int(random.next() % 6)] }.joined() }
    for _ in 0..<4000 {
      let (value, pattern) = (word(8), word(6))
      let wanted = obviousLike(Array(value.unicodeScalars)[...], Array(pattern.unicodeScalars)[...])
      #expect(try Evaluating.call("LIKE", text(value), text(pattern)) == .bool(wanted), "seed 9: '\(value)' LIKE '\(pattern)'")
    }
    #expect(try Evaluating.call("LIKE", text("50%"), text("50!%"), text("!")) == .bool(true))
    #expect(try Evaluating.call("LIKE", text("500"), text("50!%"), text("!")) == .bool(false))
    #expect(throws: MillraceError.self) { try Evaluating.call("LIKE", text("a"), text("a!"), text("!")) }
  }

  private func obviousLike(_ value: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let first = pattern.first else { return value.isEmpty }
    if first == "%" { return (value.startIndex...value.endIndex).contains { obviousLike(value[$0...], pattern.dropFirst()) } }
    guard let head = value.first, first == "_" || first == head else { return false }
    return obviousLike(value.dropFirst(), pattern.dropFirst())
  }

  @Test func mathFunctions() throws {
    #expect(try Evaluating.sql("ROUND", double(2.675), int(2)) == "2.68")
    #expect(try Evaluating.sql("ROUND", double(-2.5)) == "-3.0")
    #expect(try Evaluating.sql("ROUND", int(1250), int(-2)) == "1300")
    #expect(try Evaluating.sql("ROUND", Evaluating.decimal(12345, 5, 2), int(1)) == "123.5")
    #expect(try Evaluating.sql("ROUND", Evaluating.decimal(99999, 5, 2), int(0)) == "1000")
    #expect(try Evaluating.sql("TRUNCATE", double(42.324), int(2)) == "42.32")
    #expect(try Evaluating.sql("TRUNCATE", Evaluating.decimal(-12399, 5, 2), int(1)) == "-123.9")
    #expect(try Evaluating.sql("CEIL", Evaluating.decimal(12301, 5, 2)) == "124")
    #expect(try Evaluating.sql("FLOOR", Evaluating.decimal(-12301, 5, 2)) == "-124")
    #expect(try Evaluating.sql("FLOOR", double(-1.5)) == "-2.0")
    #expect(try Evaluating.sql("SIGN", Evaluating.decimal(-12301, 5, 2)) == "-1.00")
    #expect(try Evaluating.sql("ABS", int(-5)) == "5")
    #expect(try Evaluating.sql("MOD", int(-7), int(3)) == "-1")
    #expect(try Evaluating.sql("POWER", int(2), int(10)) == "1024.0")
    #expect(try Evaluating.sql("LOG", int(2), int(8)) == "3.0")
    #expect(try Evaluating.sql("LN", double(-1)) == "NaN")
    #expect(try Evaluating.sql("GREATEST", int(1), double(2.5), int(2)) == "2.5")
    #expect(try Evaluating.sql("LEAST", int(1), .null(.int32)) == "NULL")
    #expect(try Evaluating.sql("IF", .true, int(1), double(2.5)) == "1.0")
    #expect(try Evaluating.sql("COALESCE", .null(.null), int(3)) == "3")
    #expect(try Evaluating.sql("NULLIF", int(3), int(3)) == "NULL")
  }

  @Test func timeFunctions() throws {
    let at = Evaluating.timestamp("2021-03-14 15:09:26.535")
    func extract(_ unit: String) throws -> String { try Evaluating.sql("EXTRACT", text(unit), at) }
    #expect(try extract("YEAR") == "2021")
    #expect(try extract("QUARTER") == "1")
    #expect(try extract("WEEK") == "10")
    #expect(try extract("DOW") == "1")
    #expect(try extract("ISODOW") == "7")
    #expect(try extract("DOY") == "73")
    #expect(try extract("MILLISECOND") == "26535")
    #expect(try extract("EPOCH") == "1615734566")
    #expect(try Evaluating.sql("WEEK", Evaluating.date("2021-01-03")) == "53")
    #expect(try Evaluating.sql("EXTRACT", text("isoyear"), Evaluating.date("2021-01-03")) == "2020")
    #expect(try Evaluating.sql("HOUR", at) == "15")
    #expect(try Evaluating.sql("DAYOFWEEK", Evaluating.date("1970-01-01")) == "5")
    #expect(try Evaluating.sql("FLOOR", at, text("HOUR")) == "TIMESTAMP '2021-03-14 15:00:00.000'")
    #expect(try Evaluating.sql("CEIL", at, text("MONTH")) == "TIMESTAMP '2021-04-01 00:00:00.000'")
    #expect(try Evaluating.sql("FLOOR", Evaluating.date("2021-03-17"), text("WEEK")) == "DATE '2021-03-14'")
    #expect(try Evaluating.sql("FLOOR", Evaluating.timestamp("1969-12-31 23:00:00"), text("DAY")) == "TIMESTAMP '1969-12-31 00:00:00.000'")
    #expect(try Evaluating.sql("DATE_FORMAT", at, text("yyyy-MM-dd'T'HH:mm:ss.SSS")) == "'2021-03-14T15:09:26.535'")
    #expect(try Evaluating.sql("DATE_FORMAT", at, text("E d MMM yy, h:mm a")) == "'Sun 14 Mar 21, 3:09 PM'")
    #expect(try Evaluating.sql("TO_TIMESTAMP", text("14/03/2021 15:09"), text("dd/MM/yyyy HH:mm")) == "TIMESTAMP '2021-03-14 15:09:00.000'")
    #expect(try Evaluating.sql("TO_TIMESTAMP", text("20210314150926"), text("yyyyMMddHHmmss")) == "TIMESTAMP '2021-03-14 15:09:26.000'")
    #expect(try Evaluating.sql("TO_TIMESTAMP", text("nonsense")) == "NULL")
    #expect(try Evaluating.sql("TO_DATE", text("2021-03-14")) == "DATE '2021-03-14'")
    #expect(try Evaluating.sql("TO_TIMESTAMP_LTZ", int(1_615_734_566), int(0)) == "TIMESTAMP_LTZ '2021-03-14 15:09:26.000'")
    #expect(try Evaluating.sql("FROM_UNIXTIME", int(1_615_734_566)) == "'2021-03-14 15:09:26'")
    #expect(try Evaluating.sql("FROM_UNIXTIME", int(-1), text("yyyy-MM-dd HH:mm:ss")) == "'1969-12-31 23:59:59'")
    #expect(try Evaluating.sql("UNIX_TIMESTAMP", text("2021-03-14 15:09:26")) == "1615734566")
    #expect(
      try Evaluating.sql("TIMESTAMPADD", text("MONTH"), int(1), Evaluating.timestamp("2021-01-31 10:00:00"))
        == "TIMESTAMP '2021-02-28 10:00:00.000'")
    #expect(
      try Evaluating.sql("TIMESTAMPADD", text("HOUR"), int(-1), Evaluating.date("2021-01-01")) == "TIMESTAMP '2020-12-31 23:00:00.000'")
    #expect(try Evaluating.sql("TIMESTAMPDIFF", text("MONTH"), Evaluating.date("2021-01-31"), Evaluating.date("2021-03-30")) == "1")
    #expect(try Evaluating.sql("TIMESTAMPDIFF", text("MINUTE"), at, Evaluating.timestamp("2021-03-14 15:00:00")) == "-9")
    #expect(try Evaluating.sql("TIMESTAMPDIFF", text("HOUR"), Evaluating.date("2021-01-01"), Evaluating.date("2021-01-03")) == "48")
    #expect(try Evaluating.sql("+", Evaluating.date("2020-01-31"), .literal(.int(1), .intervalMonths)) == "DATE '2020-02-29'")
    #expect(try Evaluating.sql("-", at, .literal(.int(1_000), .intervalMillis)) == "TIMESTAMP '2021-03-14 15:09:25.535'")
    #expect(try Evaluating.sql("-", at, Evaluating.timestamp("2021-03-14 00:00:00")) == "INTERVAL '54566.535' SECOND")
    #expect(try Evaluating.sql("=", Evaluating.date("2021-03-14"), text("2021-03-14")) == "TRUE")
    #expect(try Evaluating.sql(">", text("2021-03-15 00:00:00"), at) == "TRUE")
  }

  /// The cached text of DATE_FORMAT, and the cached day of HOUR, against a batch of one row.
  @Test(arguments: ["yyyy-MM-dd", "HH:mm", "HH:mm:ss", "SSS", "a h", "E"], [0, 3, 6, 9])
  func dateFormatOfManyRows(_ pattern: String, _ precision: Int) throws {
    var random = SeededRandom(5)
    let type = DataType.timestamp(precision: precision)
    let perSecond = TimeUnit(precision: precision).perSecond
    var at: Int64 = -86_400 * perSecond
    var values: [Value] = []
    for _ in 0..<500 {
      values.append(random.next() % 7 == 0 ? .null : .int(at))
      at += Int64(random.next() % 5000) * perSecond / Int64(random.next() % 3 == 0 ? 1 : 100)
      if random.next() % 50 == 0 { at -= 100_000 * perSecond }
    }
    let column = try Column(type: type, values)
    let input = Evaluating.columns([type])[0]
    for call in [try Evaluating.registry.resolve("DATE_FORMAT", [input, text(pattern)]), try Evaluating.registry.resolve("HOUR", [input])] {
      let together = try Evaluating.evaluate(call, [column])
      for (row, value) in values.enumerated() {
        let alone = try Evaluating.evaluate(call, [Column(type: type, [value])])
        #expect(together[row] == alone[0], "row \(row)")
      }
    }
  }

  @Test func processingTimeComesFromArrivalOrTheGivenClock() throws {
    let call = try Evaluating.registry.resolve("PROCTIME", [])
    #expect(call == .processingTime && !call.isNullable)
    #expect(ExpressionEvaluator.constantValue(call) == nil)
    #expect(throws: MillraceError.self) { try ExpressionEvaluator([call], inputTypes: []) }
    let evaluator = try ExpressionEvaluator([call], inputTypes: [], clock: { 1_700_000_000_123_456 })
    var batch = Batch(schema: Schema([]), columns: [], rowCount: 2)
    #expect(try evaluator.evaluate(batch)[0][1] == .int(1_700_000_000_123))
    batch.arrivalTimes = .int64s([5_000, 7_999])
    #expect(try evaluator.evaluate(batch)[0][1] == .int(7))
  }

  @Test func collections() throws {
    let array = try Evaluating.registry.resolve("ARRAY", [int(1), int(2), .null(.int32)])
    #expect(try Evaluating.sql(array) == "ARRAY[1, 2, NULL]")
    #expect(try Evaluating.sql("ITEM", array, int(2)) == "2")
    #expect(try Evaluating.sql("ITEM", array, int(4)) == "NULL")
    #expect(try Evaluating.sql("CARDINALITY", array) == "3")
    let map = try Evaluating.registry.resolve("MAP", [text("a"), int(1), text("b"), int(2)])
    #expect(try Evaluating.sql("ITEM", map, text("b")) == "2")
    #expect(try Evaluating.sql("ITEM", map, text("c")) == "NULL")
    let row = try Evaluating.registry.resolve("ROW", [int(1), text("x")])
    #expect(try Evaluating.sql(Evaluating.registry.field(row, "EXPR$1")) == "'x'")
    #expect(throws: MillraceError.self) { try Evaluating.registry.field(row, "nope") }
    #expect(try Evaluating.sql("=", row, row) == "TRUE")
  }

  // MARK: epochs

  /// First and last instant of the years that Flink's timestamps have: 0000-01-01 and 9999-12-31 23:59:59.999.
  private static let (firstMillis, lastMillis): (Int64, Int64) = (-62_167_219_200_000, 253_402_300_799_999)

  private func epochs(_ column: Column, _ precision: Int64) throws -> Column {
    let expression = try Evaluating.registry.resolve(
      "TO_TIMESTAMP_LTZ", [Evaluating.columns([column.type])[0], Evaluating.int(precision)])
    #expect(expression.isNullable)
    return try Evaluating.evaluate(expression, [column])
  }

  @Test func wholeEpochsOutOfRangeAreNull() throws {
    let (first, last) = (Self.firstMillis, Self.lastMillis)
    let edges: [Int64] = [
      .min, .min + 1, .min / 1000 - 1, .min / 1000, first - 1, first, first / 1000 - 1, first / 1000, -1001, -1, 0, 1, last / 1000,
      last / 1000 + 1, last, last + 1, .max / 1000, .max / 1000 + 1, .max - 1, .max, 1 << 62, 18_446_744_073_709_552,
    ]
    for (precision, factor) in [(0, Int128(1000)), (3, 1)] {
      // Together, where one row out of range must not change the others, and alone, where all may be in range.
      for part in [edges] + edges.map({ [$0] }) {
        let found = try epochs(.int64s(part), Int64(precision))
        for (row, value) in part.enumerated() {
          let millis = Int128(value) * factor
          let wanted: Value = millis >= first && millis <= last ? .int(Int64(millis)) : .null
          #expect(found[row] == wanted, "\(value), precision \(precision)")
        }
      }
    }
    var random = SeededRandom(3)
    let column = Evaluating.randomColumn(.int64, 500, &random)
    let found = try epochs(column, 0)
    for row in 0..<500 {
      var wanted = Value.null
      if case .int(let seconds) = column[row], seconds >= first / 1000, seconds <= last / 1000 { wanted = .int(seconds * 1000) }
      #expect(found[row] == wanted)
    }
  }

  @Test func epochsWithFractionsOutOfRangeAreNull() throws {
    let last = Double(Self.lastMillis)
    let wanted: [(Double, Int64, Value)] = [
      (1.5, 0, .int(1500)), (-1.5, 0, .int(-1500)), (0.0004, 0, .int(0)), (1.9, 3, .int(1)), (-1.9, 3, .int(-1)),
      (.infinity, 0, .null), (-.infinity, 0, .null), (.nan, 0, .null), (1e300, 0, .null), (-1e300, 3, .null), (.infinity, 3, .null),
      (.nan, 3, .int(0)),
      (253_402_300_799, 0, .int(253_402_300_799_000)), (253_402_300_799.5, 0, .null), (253_402_300_800, 0, .null),
      (-62_167_219_200, 0, .int(Self.firstMillis)), (-62_167_219_200.5, 0, .null), (last, 3, .int(Self.lastMillis)), (last + 1, 3, .null),
      (9.3e18, 3, .null), (-9.3e18, 3, .null), (9.3e15, 0, .null),
    ]
    for (value, precision, result) in wanted {
      let column = try Column(type: .float64, [.float(value)])
      #expect(try epochs(column, precision)[0] == result, "\(value), precision \(precision)")
    }
    let decimals = try Column(
      type: .decimal(precision: 38, scale: 2), [.decimal(199), .decimal(-199), .decimal(Int128.max / 10), .decimal(Int128.min / 10), .null])
    let found = try epochs(decimals, 0)
    #expect((0..<5).map { found[$0] } == [.int(1000), .int(-1000), .null, .null, .null])
  }

  @Test func unixTimesOutOfRangeAreNull() throws {
    let column = Column.int64s([.min, .max, -62_167_219_201, -62_167_219_200, 253_402_300_799, 253_402_300_800, 9_223_372_036_854_776])
    let expression = try Evaluating.registry.resolve("FROM_UNIXTIME", [Evaluating.columns([.int64])[0]])
    #expect(expression.isNullable)
    let found = try Evaluating.evaluate(expression, [column])
    #expect(
      (0..<column.count).map { found[$0] } == [
        .null, .null, .null, .text("0000-01-01 00:00:00"), .text("9999-12-31 23:59:59"), .null, .null,
      ])
    #expect(try Evaluating.sql("FROM_UNIXTIME", .literal(.int(.min), .int64), text("yyyy")) == "NULL")
  }
}
