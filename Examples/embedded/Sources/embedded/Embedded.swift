import MillraceServer

/// Runs a query over a CSV file inside this program and reads its rows as values.
@main
struct Embedded {
  static func main() throws {
    let session = Session(environment: SystemEnvironment.real, options: SessionOptions())
    let rows = try session.query(
      text: """
        CREATE TABLE visits (page STRING, millis INT) WITH ('connector' = 'filesystem', 'path' = 'visits.csv', 'format' = 'csv');
        SELECT page, COUNT(*) AS visits, AVG(CAST(millis AS DOUBLE)) AS mean_millis FROM visits GROUP BY page ORDER BY page;
        """, name: "visits")
    for index in 0..<rows.rowCount {
      if case .text(let page) = rows.row(index)[0], case .int(let count) = rows.row(index)[1] { print("\(page): \(count) visits") }
    }
    print(ResultText.table(rows), terminator: "")
  }
}
