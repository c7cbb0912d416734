import MillraceColumns
import MillraceEnvironment
import MillraceExpressions
import MillraceServer
import MillraceSystemEnvironment
import MillraceTypes
import Testing

/// Functions written in Swift, called from SQL through a session.
@Suite struct UserFunctionQueryTests {
  /// The product of the values.
  private struct Product: UserAggregateFunction {
    let name = "product_of"
    var canRetract: Bool { true }
    func resultType(of arguments: [DataType]) throws(MillraceError) -> DataType {
      guard arguments.count == 1, arguments[0].isInteger else { throw MillraceError(.invalidSQL, "give it one integer") }
      return .int64
    }
    func makeState() -> any UserAggregateState { State() }
    func state(decoding bytes: [UInt8]) throws(MillraceError) -> any UserAggregateState {
      let state = State()
      state.value = bytes.reduce(Int64(0)) { $0 << 8 | Int64($1) }
      state.count = 1
      return state
    }

    final class State: UserAggregateState {
      var value: Int64 = 1
      var count: Int64 = 0
      func add(_ arguments: [Value], weight: Int64) throws(MillraceError) {
        guard case .int(let number) = arguments[0] else { return }
        if number == 13 { throw MillraceError(.arithmetic, "thirteen is refused") }
        for _ in 0..<abs(weight) { value = weight > 0 ? value * number : value / number }
        count += weight
      }
      func merge(_ other: any UserAggregateState) throws(MillraceError) {
        guard let other = other as? State else { return }
        value *= other.value
        count += other.count
      }
      func result() throws(MillraceError) -> Value { count == 0 ? .null : .int(value) }
      func encoded() -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> Int64(56 - 8 * $0)) } }
    }
  }

  /// One row per word, with its length.
  private struct Words: UserTableFunction {
    let name = "words"
    func schema(of arguments: [DataType]) throws(MillraceError) -> Schema {
      guard arguments == [.text] else { throw MillraceError(.invalidSQL, "give it one STRING") }
      return Schema([Field("word", .text), Field("length", .int32)])
    }
    func call(_ arguments: [Column], rowCount: Int) throws(MillraceError) -> (rows: Batch, parents: [Int32]) {
      var words: [Value] = []
      var lengths: [Value] = []
      var parents: [Int32] = []
      for row in 0..<rowCount {
        guard case .text(let text) = arguments[0][row] else { continue }
        for word in text.split(separator: " ") {
          words.append(.text(String(word)))
          lengths.append(.int(Int64(word.count)))
          parents.append(Int32(row))
        }
      }
      let schema = try schema(of: arguments.map(\.type))
      let columns = [try Column(type: .text, words), try Column(type: .int32, lengths)]
      return (Batch(schema: schema, columns: columns, rowCount: words.count), parents)
    }
  }

  private func session() throws -> Session {
    let environment = Environment(
      files: SystemEnvironment.real.files, clock: ManualClock(), randomness: SeededRandomSource(seed: 1), console: BufferedConsole())
    let session = Session(environment: environment, options: SessionOptions())
    try session.register(
      function: RowFunction("shout", [.text], returns: .text) { values throws(MillraceError) in
        guard case .text(let text) = values[0] else { return .null }
        return .text(text.uppercased() + "!")
      })
    try session.register(function: Product())
    try session.register(function: Words())
    return session
  }

  private func rows(_ sql: String) throws -> [[Value]] {
    let batch = try session().query(text: sql, name: "test")
    return (0..<batch.rowCount).map { batch.row($0) }
  }

  @Test func scalarsAndAggregates() throws {
    let found = try rows(
      """
      SELECT shout(k) AS k, product_of(x) AS p, product_of(x) FILTER (WHERE x > 2) AS q
      FROM (VALUES ('a', 2), ('a', 3), ('b', 5), ('b', CAST(NULL AS INT)), ('c', 1)) AS t(k, x) GROUP BY k ORDER BY k
      """)
    #expect(
      found == [
        [.text("A!"), .int(6), .int(3)], [.text("B!"), .int(5), .int(5)], [.text("C!"), .int(1), .null],
      ])
  }

  @Test func tableFunctions() throws {
    let sql = """
      SELECT k, word, length FROM (VALUES (1, 'to be or'), (2, ''), (3, CAST(NULL AS STRING)), (4, 'not')) AS t(k, s)
      """
    let found = try rows(sql + ", LATERAL TABLE(words(s)) ORDER BY k, word")
    #expect(
      found == [
        [.int(1), .text("be"), .int(2)], [.int(1), .text("or"), .int(2)], [.int(1), .text("to"), .int(2)],
        [.int(4), .text("not"), .int(3)],
      ])
    let outer = try rows(sql + " LEFT JOIN LATERAL TABLE(words(s)) ON TRUE WHERE k > 1 ORDER BY k")
    #expect(outer == [[.int(2), .null, .null], [.int(3), .null, .null], [.int(4), .text("not"), .int(3)]])
    #expect(try rows("SELECT w FROM TABLE(words('a b')) AS t(w, n) ORDER BY w") == [[.text("a")], [.text("b")]])
    let error = #expect(throws: MillraceError.self) { try rows("SELECT * FROM TABLE(words(1))") }
    #expect(error?.message.contains("function WORDS: give it one STRING") == true)
  }

  @Test func errorsNameTheFunction() throws {
    let error = #expect(throws: MillraceError.self) { try rows("SELECT product_of(x) AS p FROM (VALUES (13)) AS t(x)") }
    #expect(error?.message.contains("function product_of: thirteen is refused") == true)
    let typed = #expect(throws: MillraceError.self) { try rows("SELECT product_of(x) AS p FROM (VALUES ('a')) AS t(x)") }
    #expect(typed?.message.contains("function PRODUCT_OF: give it one integer") == true)
  }

  @Test func aTimeZoneOfTheSystem() throws {
    guard try SystemEnvironment.real.files.info("/usr/share/zoneinfo/Europe/Berlin") != nil else { return }
    let found = try rows(
      """
      SET 'table.local-time-zone' = 'Europe/Berlin';
      SELECT FROM_UNIXTIME(1719786600) AS f, HOUR(TO_TIMESTAMP_LTZ(1719786600, 0)) AS h,
        CONVERT_TZ('2024-12-24 18:00:00', 'Europe/Berlin', 'America/New_York') AS c
      FROM (VALUES (1)) AS t(x)
      """)
    #expect(found == [[.text("2024-07-01 00:30:00"), .int(0), .text("2024-12-24 12:00:00")]])
    let error = #expect(throws: MillraceError.self) { try rows("SET 'table.local-time-zone' = 'Europe/Berlim'; SELECT 1") }
    #expect(error?.message.contains("there is no time zone 'Europe/Berlim'") == true)
  }
}
