import MillraceEnvironment

/// Small tables with disorder, late rows, nulls in keys, equal instants and equal rows; of each seed its own.
enum CrashPointData {
  static let ddl = """
    CREATE TABLE t (id BIGINT, k STRING, j BIGINT, n BIGINT, x DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '3' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/t', 'format' = 'csv', 'csv.null-literal' = '');
    CREATE TABLE u (id BIGINT, k STRING, j BIGINT, n BIGINT, x DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/u', 'format' = 'csv', 'csv.null-literal' = '');
    CREATE TABLE v (k STRING, rate BIGINT, at TIMESTAMP(3), PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR at AS at - INTERVAL '2' SECOND)
    WITH ('connector' = 'filesystem', 'path' = '/in/v.csv', 'format' = 'csv');
    CREATE TABLE d (j BIGINT, name STRING) WITH ('connector' = 'filesystem', 'path' = '/in/d.csv', 'format' = 'csv');
    CREATE FEATURE VIEW f KEYED BY (k) AS
    SELECT COUNT(*) OVER LAST '9' SECOND AS c, SUM(x) OVER LAST '5' SECOND AS s, COUNT(DISTINCT n) OVER LAST '9' SECOND AS d,
      MIN(n) OVER LAST '7' SECOND AS m, AVG(n) OVER LAST 3 ROWS AS l
    FROM u;

    """

  static func files(seed: UInt64) -> [(path: String, content: String)] {
    var random = SeededGenerator(seed: seed &* 77 &+ 5)
    var files: [(path: String, content: String)] = []
    var id = 0
    for (table, parts) in [("t", 2), ("u", 2)] {
      for part in 0..<parts {
        var lines = ""
        var clock = part * 2
        for _ in 0..<Int.random(in: 8...16, using: &random) {
          id += 1
          clock += Int.random(in: 0...3, using: &random)
          let isLate = Int.random(in: 0...9, using: &random) == 0
          let second = max(0, clock - (isLate ? 9 : Int.random(in: 0...2, using: &random)))
          let key = Int.random(in: 0...6, using: &random) == 0 ? "" : ["a", "b", "c"].randomElement(using: &random) ?? "a"
          let n = Int.random(in: 0...7, using: &random) == 0 ? "" : "\(Int.random(in: -9...9, using: &random))"
          lines +=
            "\(id),\(key),\(Int.random(in: 0...3, using: &random)),\(n),\(Int.random(in: 0...99, using: &random)).1,\(time(second))\n"
        }
        files.append(("/in/\(table)/\(part).csv", lines))
      }
    }
    let versions = (0..<8).map { at in "\(["a", "b", "c"][at % 3]),\(at * 10),\(time(at * 3))\n" }
    files.append(("/in/v.csv", versions.joined()))
    files.append(("/in/d.csv", "0,zero\n1,one\n1,uno\n2,two\n"))
    return files
  }

  private static func time(_ second: Int) -> String {
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return "2024-01-01 00:\(two(second / 60)):\(two(second % 60))"
  }
}
