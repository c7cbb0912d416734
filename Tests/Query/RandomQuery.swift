import Foundation
import MillraceEnvironment

/// Random tables and a random query over them, as a query file without expected rows. The same seed gives the same query.
///
/// The query is a chain of views (projection, union, OVER, feature view, window, interval join) under a last SELECT. It names its
/// columns v0, v1, ...; a relation that still has event time calls it `at`.
struct RandomQuery {
  enum Kind: CaseIterable { case whole, real, decimal, text }

  struct Relation {
    var name: String
    var columns: [(name: String, kind: Kind)]
    /// The column that is the rows' event time (`isExact`), or trails it (fit for windows only).
    var time: String?
    var isExact = true
    /// Whether rows may be retracted.
    var isUpdating = false
  }

  private var random: SeededGenerator
  private var statements: [String] = []
  private var relations: [Relation] = []
  private var files: [(path: String, content: String)] = []
  private var count = 0

  static func file(seed: UInt64) -> QueryFile {
    var query = RandomQuery(random: SeededGenerator(seed: seed))
    query.build()
    return QueryFile(name: "random \(seed)", files: query.files, sql: query.statements.joined(separator: ";\n"))
  }

  private init(random: SeededGenerator) { self.random = random }

  private mutating func build() {
    table("t", rows: 40, isOrderedByID: true)
    table("u", rows: 25, isOrderedByID: Bool.random(using: &random))
    for _ in 0..<Int.random(in: 0...4, using: &random) { addLayer() }
    addLast()
  }

  // MARK: Data

  private mutating func table(_ name: String, rows: Int, isOrderedByID: Bool) {
    let parts = Int.random(in: 1...3, using: &random)
    let rank = Int.random(in: -1...1, using: &random)
    for part in 0..<parts {
      var lines: [String] = []
      var second = Int.random(in: -40...0, using: &random)
      for row in 0..<rows / parts {
        second += Int.random(in: 0...3, using: &random)
        // Mostly within the delay of 5 s; now and then too late.
        let late = chance(15) ? Int.random(in: 6...9, using: &random) : chance(3) ? Int.random(in: 0...5, using: &random) : 0
        let x = ["0.1", "-2.5", "1e300", "-1e300", "3", "1e-9", "NaN", "-0.0", ""].randomElement(using: &random) ?? ""
        let fields = [
          String(part * 1000 + row), chance(8) ? "" : ["a", "b", "c", "d"].randomElement(using: &random) ?? "",
          String(Int.random(in: 0...2, using: &random)), chance(6) ? "" : String(Int.random(in: -9...9, using: &random)), x,
          chance(6) ? "" : "\(Int.random(in: -99...99, using: &random)).\(Int.random(in: 10...99, using: &random))", moment(second - late),
        ]
        lines.append(fields.joined(separator: ","))
      }
      files.append(("/in/\(name)/\(part).csv", lines.joined(separator: "\n") + "\n"))
    }
    let order = isOrderedByID ? ", 'order.by' = 'id'" : ""
    statements.append(
      """
      CREATE TABLE \(name) (id BIGINT, k STRING, j INT, n BIGINT, x DOUBLE, d DECIMAL(8, 2), at TIMESTAMP(3),
        WATERMARK FOR at AS at - INTERVAL '5' SECOND)
      WITH ('connector' = 'filesystem', 'path' = '/in/\(name)', 'format' = 'csv', 'csv.null-literal' = '',
        'order.rank' = '\(rank)'\(order))
      """)
    relations.append(
      Relation(
        name: name,
        columns: [("id", .whole), ("k", .text), ("j", .whole), ("n", .whole), ("x", .real), ("d", .decimal)], time: "at"))
  }

  /// Seconds before and after 1970.
  private func moment(_ second: Int) -> String {
    let shifted = second + 3600
    let text = String(format: "%02d:%02d", (shifted % 3600) / 60, shifted % 60)
    return shifted >= 3600 ? "1970-01-01 00:\(text)" : "1969-12-31 23:\(text)"
  }

  // MARK: Choices

  private mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 1...oneIn, using: &random) == 1 }

  private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }

  private mutating func relation(where fits: (Relation) -> Bool = { _ in true }) -> Relation {
    let fitting = relations.filter(fits)
    // Later relations more often: chains grow.
    return chance(2) ? fitting[fitting.count - 1] : pick(fitting)
  }

  private mutating func column(_ r: Relation, _ kinds: [Kind], _ prefix: String = "") -> String? {
    let names = r.columns.filter { kinds.contains($0.kind) }.map { prefix + $0.name }
    return names.isEmpty ? nil : pick(names)
  }

  private mutating func expression(_ r: Relation, _ kind: Kind, _ depth: Int = 2, _ prefix: String = "") -> String {
    if depth == 0 || chance(3) { return column(r, [kind], prefix) ?? literal(kind) }
    func inner(_ kind: Kind) -> String { expression(r, kind, depth - 1, prefix) }
    switch kind {
    case .whole:
      switch Int.random(in: 0...6, using: &random) {
      case 0: return "(\(inner(.whole)) + \(inner(.whole)))"
      case 1: return "(\(inner(.whole)) * 3 - \(inner(.whole)))"
      case 2: return "(\(inner(.whole)) / NULLIF(\(inner(.whole)), 0))"
      case 3: return "CHAR_LENGTH(\(inner(.text)))"
      case 4: return "CASE WHEN \(condition(r, depth - 1, prefix)) THEN \(inner(.whole)) ELSE \(inner(.whole)) END"
      case 5: return "COALESCE(\(inner(.whole)), \(inner(.whole)))"
      default: return "ABS(\(inner(.whole)))"
      }
    case .real:
      switch Int.random(in: 0...3, using: &random) {
      case 0: return "(\(inner(.real)) * \(inner(.real)))"
      case 1: return "CAST(\(inner(.whole)) AS DOUBLE)"
      case 2: return "(\(inner(.real)) - \(inner(.whole)))"
      default: return "CASE WHEN \(condition(r, depth - 1, prefix)) THEN \(inner(.real)) END"
      }
    case .decimal: return chance(2) ? "(\(column(r, [.decimal], prefix) ?? "1.25") + 1.5)" : "ROUND(\(inner(.decimal)), 1)"
    case .text:
      switch Int.random(in: 0...3, using: &random) {
      case 0: return "UPPER(\(inner(.text)))"
      case 1: return "CONCAT(\(inner(.text)), 'z')"
      case 2: return "CAST(\(inner(.whole)) AS STRING)"
      default: return "COALESCE(\(inner(.text)), 'none')"
      }
    }
  }

  private mutating func condition(_ r: Relation, _ depth: Int = 1, _ prefix: String = "") -> String {
    func value(_ kind: Kind) -> String { expression(r, kind, max(0, depth - 1), prefix) }
    switch Int.random(in: 0...(depth > 0 ? 8 : 5), using: &random) {
    case 0: return "\(value(.whole)) > \(value(.whole))"
    case 1: return "\(value(.text)) = 'a'"
    case 2: return "\(value(.whole)) IS NOT NULL"
    case 3: return "\(value(.real)) < 1.5E0"
    case 4: return "\(value(.whole)) IN (1, 2, 5, -3)"
    case 5: return "\(value(.decimal)) BETWEEN -20 AND 45.5"
    case 6: return "NOT (\(condition(r, depth - 1, prefix)))"
    case 7: return "(\(condition(r, depth - 1, prefix)) AND \(condition(r, depth - 1, prefix)))"
    default: return "(\(condition(r, depth - 1, prefix)) OR \(condition(r, depth - 1, prefix)))"
    }
  }

  private mutating func literal(_ kind: Kind) -> String {
    switch kind {
    case .whole: return "CAST(\(Int.random(in: -3...3, using: &random)) AS BIGINT)"
    case .real: return "0.5E0"
    case .decimal: return "CAST(2.25 AS DECIMAL(8, 2))"
    case .text: return "'b'"
    }
  }

  /// An aggregate call and the kind of its result.
  private mutating func aggregate(_ r: Relation, ordered: Bool) -> (text: String, kind: Kind, filter: String) {
    let filter = chance(4) ? " FILTER (WHERE \(condition(r)))" : ""
    let whole = expression(r, .whole, 1)
    switch Int.random(in: 0...(ordered ? 10 : 8), using: &random) {
    case 0: return ("COUNT(*)", .whole, filter)
    case 1: return ("SUM(\(whole))", .whole, filter)
    case 2: return ("SUM(\(expression(r, .real, 1)))", .real, filter)
    case 3: return ("AVG(\(expression(r, .real, 1)))", .real, filter)
    case 4: return ("COUNT(DISTINCT \(chance(2) ? whole : expression(r, .text, 1)))", .whole, filter)
    case 5: return ("MIN(\(expression(r, .text, 1)))", .text, filter)
    case 6: return ("MAX(\(whole))", .whole, filter)
    case 7: return ("STDDEV_POP(\(whole))", .real, filter)
    case 8: return ("MAX(\(expression(r, .real, 1)))", .real, filter)
    case 9: return ("LAST_VALUE(\(whole))", .whole, filter)
    default: return ("FIRST_VALUE(\(expression(r, .text, 1)))", .text, filter)
    }
  }

  // MARK: Layers

  private mutating func define(_ body: String, _ columns: [(name: String, kind: Kind)], time: String?, isExact: Bool = true) {
    count += 1
    statements.append("CREATE VIEW w\(count) AS \(body)")
    relations.append(Relation(name: "w\(count)", columns: columns, time: time, isExact: isExact))
  }

  private mutating func addLayer() {
    switch Int.random(in: 0...6, using: &random) {
    case 0: addProjection()
    case 1: addUnion()
    case 2: addOver()
    case 3, 4: addFeatures()
    case 5: addWindow()
    default: addIntervalJoin()
    }
  }

  private mutating func addProjection() {
    let r = relation { $0.isExact }
    var columns: [(name: String, kind: Kind)] = []
    var items: [String] = []
    for index in 0..<Int.random(in: 2...4, using: &random) {
      let kind = pick(Kind.allCases)
      items.append("\(expression(r, kind)) AS v\(index)")
      columns.append(("v\(index)", kind))
    }
    let filter = chance(2) ? " WHERE \(condition(r, 2))" : ""
    define("SELECT \(items.joined(separator: ", ")), at FROM \(r.name)\(filter)", columns, time: "at")
  }

  private mutating func addUnion() {
    let parts = (0..<2).map { _ in relation { $0.isExact } }
    let selects = parts.map { r in
      "SELECT \(expression(r, .whole, 0)) AS v0, \(expression(r, .text, 0)) AS v1, \(expression(r, .real, 0)) AS v2, at FROM \(r.name)"
    }
    define(selects.joined(separator: " UNION ALL "), [("v0", .whole), ("v1", .text), ("v2", .real)], time: "at")
  }

  private mutating func addOver() {
    let r = relation { $0.isExact }
    var items: [String] = []
    var columns: [(name: String, kind: Kind)] = [("v0", .whole)]
    for index in 1...Int.random(in: 1...3, using: &random) {
      let call = aggregate(r, ordered: true)
      let frame = pick([
        "RANGE BETWEEN INTERVAL '7' SECOND PRECEDING AND CURRENT ROW", "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
        "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
      ])
      let exclude = chance(3) ? " EXCLUDE CURRENT ROW" : ""
      let partition = column(r, [.text, .whole]).map { chance(4) ? "" : "PARTITION BY \($0) " } ?? ""
      items.append("\(call.text)\(call.filter) OVER (\(partition)ORDER BY at \(frame)\(exclude)) AS v\(index)")
      columns.append(("v\(index)", call.kind))
    }
    define("SELECT \(expression(r, .whole, 0)) AS v0, \(items.joined(separator: ", ")), at FROM \(r.name)", columns, time: "at")
  }

  private mutating func addFeatures() {
    let usesText = chance(2)
    let key: Kind = usesText ? .text : .whole
    let keyType = usesText ? "STRING" : "BIGINT"
    count += 1
    let view = "f\(count)"
    var branches: [String] = []
    var columns: [(name: String, kind: Kind)] = [("v0", .whole)]
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let r = relation { $0.isExact }
      var items: [String] = []
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let call = aggregate(r, ordered: true)
        let window = pick(["LAST '6' SECOND", "LAST '20' SECOND", "LAST 3 ROWS", "UNBOUNDED", "LAST '1' HOUR"])
        let fallback = call.kind == .whole && chance(4) ? " DEFAULT -1" : ""
        items.append("\(call.text)\(call.filter) OVER \(window)\(fallback) AS v\(columns.count)")
        columns.append(("v\(columns.count)", call.kind))
      }
      let source = "(SELECT CAST(\(expression(r, key, 1)) AS \(keyType)) AS entity, \(r.name).* FROM \(r.name))"
      let filter = chance(3) ? " WHERE \(condition(r))" : ""
      branches.append("SELECT \(items.joined(separator: ", ")) FROM \(source)\(filter)")
    }
    statements.append("CREATE FEATURE VIEW \(view) KEYED BY (entity) AS \(branches.joined(separator: " ALSO "))")
    let r = relation { $0.isExact }
    let shift = chance(3) ? " + INTERVAL '4' SECOND" : ""
    let items = columns.dropFirst().map { "f.\($0.name)" }.joined(separator: ", ")
    define(
      """
      SELECT \(expression(r, .whole, 0, "r.")) AS v0, \(items), r.at\(shift) AS at FROM \(r.name) AS r
        LEFT JOIN \(view) FOR SYSTEM_TIME AS OF r.at\(shift) AS f ON f.entity = \(expression(r, key, 1, "r."))
      """, columns, time: "at")
  }

  private mutating func addWindow() {
    let r = relation { $0.time != nil }
    let source = pick([
      "TUMBLE(TABLE \(r.name), DESCRIPTOR(at), INTERVAL '10' SECOND, INTERVAL '3' SECOND)",
      "HOP(TABLE \(r.name), DESCRIPTOR(at), INTERVAL '4' SECOND, INTERVAL '12' SECOND)",
      "TUMBLE(TABLE \(r.name), DESCRIPTOR(at), INTERVAL '1' MINUTE)",
    ])
    var items: [String] = []
    var keys = ""
    var columns: [(name: String, kind: Kind)] = []
    if chance(2), let key = column(r, [.text]) {
      items.append("\(key) AS v0")
      columns.append(("v0", .text))
      keys = ", \(key)"
    }
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let call = aggregate(r, ordered: true)
      items.append("\(call.text)\(call.filter) AS v\(columns.count)")
      columns.append(("v\(columns.count)", call.kind))
    }
    let having = chance(4) ? " HAVING COUNT(*) > 1" : ""
    define(
      "SELECT \(items.joined(separator: ", ")), window_time AS at FROM TABLE(\(source)) GROUP BY window_start, window_end, window_time\(keys)\(having)",
      columns, time: "at")
  }

  private mutating func addIntervalJoin() {
    let (l, r) = (relation { $0.isExact }, relation { $0.isExact })
    let lower = Int.random(in: -6...2, using: &random)
    let upper = lower + Int.random(in: 0...8, using: &random)
    let kind = chance(2) ? "LEFT JOIN" : "JOIN"
    var conditions = ["r.at BETWEEN l.at + INTERVAL '\(lower)' SECOND AND l.at + INTERVAL '\(upper)' SECOND"]
    let key: Kind = chance(2) ? .text : .whole
    if !chance(4) { conditions.append("\(expression(l, key, 0, "l.")) = \(expression(r, key, 1, "r."))") }
    if chance(3) { conditions.append("\(expression(l, .whole, 0, "l.")) <= \(expression(r, .whole, 0, "r."))") }
    define(
      """
      SELECT \(expression(l, .whole, 0, "l.")) AS v0, \(expression(r, .text, 0, "r.")) AS v1, \(expression(r, .real, 0, "r.")) AS v2, l.at AS at
        FROM \(l.name) AS l \(kind) \(r.name) AS r ON \(conditions.joined(separator: " AND "))
      """, [("v0", .whole), ("v1", .text), ("v2", .real)], time: "at", isExact: false)
  }

  // MARK: The last query

  private mutating func addLast() {
    let r = relation()
    let all = r.columns.map(\.name).joined(separator: ", ")
    switch Int.random(in: 0...7, using: &random) {
    case 7:
      let calls = (1...3).map { index -> String in
        let call = aggregate(r, ordered: true)
        return "\(call.text)\(call.filter) AS v\(index)"
      }
      statements.append("SELECT \(calls.joined(separator: ", ")) FROM \(r.name)")
    case 0: statements.append("SELECT \(all) FROM \(r.name) WHERE \(condition(r, 2))")
    case 1: statements.append("SELECT DISTINCT \(pick(r.columns).name) AS v, \(expression(r, .whole)) AS w FROM \(r.name)")
    case 2: statements.append("SELECT \(all) FROM \(r.name) ORDER BY \(all) LIMIT \(Int.random(in: 1...20, using: &random))")
    case 3: statements.append(joined(r, all))
    case 4:
      let inner = grouped(r)
      statements.append(
        "SELECT v1, COUNT(*) AS c, MIN(key) AS lo, MAX(v1) AS hi FROM (\(inner)) AS g GROUP BY v1")
    case 5: statements.append(grouped(r))
    default: statements.append("SELECT \(all)\(r.time.map { ", " + $0 } ?? "") FROM \(r.name)")
    }
  }

  private mutating func grouped(_ r: Relation) -> String {
    let key = expression(r, pick([.whole, .text]), 1)
    let calls = (1...3).map { index -> String in
      let call = aggregate(r, ordered: true)
      return "\(call.text)\(call.filter) AS v\(index)"
    }
    let having = chance(3) ? " HAVING COUNT(*) > 1" : ""
    return "SELECT \(key) AS key, \(calls.joined(separator: ", ")) FROM \(r.name) GROUP BY \(key)\(having)"
  }

  /// A bounded join of groups, so that changes meet changes.
  private mutating func joined(_ r: Relation, _ all: String) -> String {
    let other = relation()
    let kind = pick(["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN"])
    let (a, b) = (expression(r, .whole, 1), expression(other, .whole, 1))
    return """
      SELECT l.g, l.c, r.h, r.m FROM (SELECT \(a) AS g, COUNT(*) AS c FROM \(r.name) GROUP BY \(a)) AS l
        \(kind) (SELECT \(b) AS h, MAX(\(expression(other, .text, 1))) AS m FROM \(other.name) GROUP BY \(b)) AS r ON l.g = r.h
      """
  }
}
