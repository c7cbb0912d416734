/// Statements of the topics of Flink's SQL documentation, over a few small tables: what each gives.
struct FlinkSnippet: Sendable, CustomStringConvertible {
  enum Outcome: Sendable {
    /// Rows of the last statement, in no particular order.
    case rows([String])
    /// It runs; so many rows.
    case count(Int)
    /// What the error says. A snippet that begins to work fails its test: then give its rows.
    case refused(String)
  }

  var topic: String
  var sql: String
  var outcome: Outcome
  var description: String { topic }

  init(_ topic: String, _ sql: String, _ outcome: Outcome) {
    self.topic = topic
    self.sql = sql
    self.outcome = outcome
  }

  static let files: [(path: String, content: String)] = [
    (
      "/in/bid.csv",
      """
      2020-04-15 08:05:00,4.00,C,supplier1
      2020-04-15 08:07:00,2.00,A,supplier1
      2020-04-15 08:09:00,5.00,D,supplier2
      2020-04-15 08:11:00,3.00,B,supplier2
      2020-04-15 08:13:00,1.00,E,supplier1
      2020-04-15 08:17:00,6.00,F,supplier2

      """
    ),
    (
      "/in/orders.csv",
      """
      1,apple,3,EUR,2024-01-01 10:00:00
      2,pear,5,USD,2024-01-01 10:05:00
      3,apple,2,EUR,2024-01-01 10:20:00
      4,plum,9,YEN,2024-01-01 10:40:00

      """
    ),
    (
      "/in/shipments.csv",
      """
      1,10,2024-01-01 11:00:00
      3,11,2024-01-01 12:30:00
      9,12,2024-01-01 13:00:00

      """
    ),
    (
      "/in/rates.csv",
      """
      EUR,1.10,2024-01-01 09:00:00
      USD,1.00,2024-01-01 09:00:00
      EUR,1.20,2024-01-01 10:15:00

      """
    ),
    ("/in/products.csv", "apple,fruit\npear,fruit\nleek,vegetable\n"),
    ("/in/left.csv", "1,L1,2020-04-15 12:02:00\n2,L2,2020-04-15 12:06:00\n3,L3,2020-04-15 12:03:00\n"),
    ("/in/right.csv", "2,R2,2020-04-15 12:01:00\n3,R3,2020-04-15 12:04:00\n4,R4,2020-04-15 12:05:00\n"),
    ("/in/users.json", "{\"id\": 1, \"tags\": [\"a\", \"b\"], \"scores\": {\"x\": 3}}\n{\"id\": 2, \"tags\": [], \"scores\": {}}\n"),
  ]

  static let tables = """
    CREATE TABLE Bid (bidtime TIMESTAMP(3), price DECIMAL(10, 2), item STRING, supplier_id STRING,
      WATERMARK FOR bidtime AS bidtime - INTERVAL '1' SECOND) WITH ('connector' = 'filesystem', 'path' = '/in/bid.csv', 'format' = 'csv');
    CREATE TABLE Orders (order_id BIGINT, product STRING, amount INT, currency STRING, order_time TIMESTAMP(3),
      WATERMARK FOR order_time AS order_time) WITH ('connector' = 'filesystem', 'path' = '/in/orders.csv', 'format' = 'csv');
    CREATE TABLE Shipments (order_id BIGINT, shipment_id BIGINT, ship_time TIMESTAMP(3), WATERMARK FOR ship_time AS ship_time)
      WITH ('connector' = 'filesystem', 'path' = '/in/shipments.csv', 'format' = 'csv');
    CREATE TABLE currency_rates (currency STRING, conversion_rate DECIMAL(32, 2), update_time TIMESTAMP(3),
      WATERMARK FOR update_time AS update_time, PRIMARY KEY (currency) NOT ENFORCED)
      WITH ('connector' = 'filesystem', 'path' = '/in/rates.csv', 'format' = 'csv');
    CREATE TABLE Product (name STRING, kind STRING) WITH ('connector' = 'filesystem', 'path' = '/in/products.csv', 'format' = 'csv');
    CREATE TABLE LeftTable (num INT, id STRING, row_time TIMESTAMP(3), WATERMARK FOR row_time AS row_time - INTERVAL '4' MINUTE)
      WITH ('connector' = 'filesystem', 'path' = '/in/left.csv', 'format' = 'csv');
    CREATE TABLE RightTable (num INT, id STRING, row_time TIMESTAMP(3), WATERMARK FOR row_time AS row_time - INTERVAL '4' MINUTE)
      WITH ('connector' = 'filesystem', 'path' = '/in/right.csv', 'format' = 'csv');
    CREATE TABLE Users (id INT, tags ARRAY<STRING>, scores MAP<STRING, INT>)
      WITH ('connector' = 'filesystem', 'path' = '/in/users.json', 'format' = 'json');
    CREATE TABLE Sink (product STRING, total BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out', 'format' = 'csv');

    """

  private static let window = "TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES)"
  private static func numbered(_ side: String) -> String {
    "SELECT * FROM TABLE(TUMBLE(TABLE \(side), DESCRIPTOR(row_time), INTERVAL '5' MINUTES))"
  }

  static let all: [FlinkSnippet] = [
    // SELECT, WHERE, VALUES, WITH, DISTINCT
    .init("select", "SELECT order_id, UPPER(product) FROM Orders WHERE amount > 2 AND currency <> 'YEN'", .rows(["1,APPLE", "2,PEAR"])),
    .init("values", "SELECT order_id, price FROM (VALUES (1, 2.0), (2, 3.1)) AS t (order_id, price)", .rows(["1,2.0", "2,3.1"])),
    .init(
      "with",
      "WITH orders_with_total AS (SELECT order_id, amount + 1 AS total FROM Orders) SELECT order_id, SUM(total) FROM orders_with_total GROUP BY order_id",
      .rows(["1,4", "2,6", "3,3", "4,10"])),
    .init(
      "with in insert",
      "INSERT INTO Sink WITH x AS (SELECT product, CAST(amount AS BIGINT) AS a FROM Orders) SELECT * FROM x; SELECT * FROM Sink", .count(4)),
    .init("select distinct", "SELECT DISTINCT currency FROM Orders", .rows(["EUR", "USD", "YEN"])),
    .init("recursive with", "WITH RECURSIVE r AS (SELECT 1 AS n) SELECT * FROM r", .refused("not supported yet: WITH RECURSIVE")),

    // Windows
    .init("window tvf: tumble", "SELECT item, window_start, window_end FROM TABLE(\(window))", .count(6)),
    .init(
      "window tvf: named arguments",
      "SELECT * FROM TABLE(TUMBLE(DATA => TABLE Bid, TIMECOL => DESCRIPTOR(bidtime), SIZE => INTERVAL '10' MINUTES))", .count(6)),
    .init(
      "window tvf: hop", "SELECT * FROM TABLE(HOP(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES))", .count(12)
    ),
    .init(
      "window tvf: cumulate", "SELECT * FROM TABLE(CUMULATE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES))",
      .count(17)),
    .init(
      "window tvf: session", "SELECT * FROM TABLE(SESSION(TABLE Bid PARTITION BY item, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES))",
      .count(6)),
    .init(
      "window aggregation",
      "SELECT window_start, window_end, SUM(price) AS total_price FROM TABLE(\(window)) GROUP BY window_start, window_end",
      .rows(["2020-04-15 08:00:00.000,2020-04-15 08:10:00.000,11.00", "2020-04-15 08:10:00.000,2020-04-15 08:20:00.000,10.00"])),
    .init(
      "window aggregation: grouping sets",
      """
      SELECT window_start, window_end, supplier_id, SUM(price) AS total_price FROM TABLE(\(window))
      GROUP BY window_start, window_end, GROUPING SETS ((supplier_id), ())
      """,
      .rows([
        "2020-04-15 08:00:00.000,2020-04-15 08:10:00.000,,11.00", "2020-04-15 08:00:00.000,2020-04-15 08:10:00.000,supplier1,6.00",
        "2020-04-15 08:00:00.000,2020-04-15 08:10:00.000,supplier2,5.00", "2020-04-15 08:10:00.000,2020-04-15 08:20:00.000,,10.00",
        "2020-04-15 08:10:00.000,2020-04-15 08:20:00.000,supplier1,1.00", "2020-04-15 08:10:00.000,2020-04-15 08:20:00.000,supplier2,9.00",
      ])),
    .init(
      "window aggregation: rollup, cube",
      """
      SELECT window_start, window_end, item, supplier_id, SUM(price) FROM TABLE(\(window)) GROUP BY window_start, window_end, ROLLUP (supplier_id)
        , CUBE (item)
      """, .count(18)),
    .init(
      "cascading window aggregation",
      """
      CREATE VIEW window1 AS SELECT window_start AS window_5mintumble_start, window_time AS rowtime, SUM(price) AS partial_price
        FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES)) GROUP BY supplier_id, window_start, window_end, window_time;
      SELECT window_start, window_end, SUM(partial_price) FROM TABLE(TUMBLE(TABLE window1, DESCRIPTOR(rowtime), INTERVAL '10' MINUTES))
        GROUP BY window_start, window_end
      """, .count(2)),
    .init(
      "group windows (old syntax)",
      "SELECT TUMBLE_START(order_time, INTERVAL '1' DAY), SUM(amount) FROM Orders GROUP BY TUMBLE(order_time, INTERVAL '1' DAY)",
      .rows(["2024-01-01 00:00:00.000,19"])),

    // Aggregation
    .init("group aggregation", "SELECT COUNT(*), SUM(amount), COUNT(DISTINCT currency) FROM Orders", .rows(["4,19,3"])),
    .init(
      "group by", "SELECT product, SUM(amount) AS total FROM Orders GROUP BY product HAVING SUM(amount) > 4",
      .rows(["apple,5", "pear,5", "plum,9"])),
    .init(
      "distinct and filter",
      "SELECT product, COUNT(DISTINCT currency) AS c, COUNT(*) FILTER (WHERE amount > 2) AS f FROM Orders GROUP BY product",
      .rows(["apple,1,1", "pear,1,1", "plum,1,1"])),
    .init(
      "grouping sets",
      """
      SELECT supplier_id, rating, COUNT(*) AS total FROM (VALUES ('supplier1', 'product1', 4), ('supplier1', 'product2', 3),
        ('supplier2', 'product3', 3), ('supplier2', 'product4', 4)) AS Products (supplier_id, product_id, rating)
      GROUP BY GROUPING SETS ((supplier_id, rating), (supplier_id), ())
      """,
      .rows([
        ",,4", "supplier1,,2", "supplier1,3,1", "supplier1,4,1", "supplier2,,2", "supplier2,3,1", "supplier2,4,1",
      ])),
    .init(
      "rollup",
      "SELECT a, b, COUNT(*), GROUPING_ID(a, b) FROM (VALUES ('x', 1), ('x', 2)) AS t (a, b) GROUP BY ROLLUP (a, b)",
      .rows([",,2,3", "x,,2,1", "x,1,1,0", "x,2,1,0"])),
    .init("cube", "SELECT a, b, COUNT(*) FROM (VALUES ('x', 1), ('y', 1)) AS t (a, b) GROUP BY CUBE (a, b)", .count(6)),
    .init(
      "over aggregation: range",
      """
      SELECT order_id, SUM(amount) OVER (PARTITION BY product ORDER BY order_time
        RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) AS s FROM Orders
      """, .rows(["1,3", "2,5", "3,5", "4,9"])),
    .init(
      "over aggregation: rows, window clause",
      """
      SELECT order_id, SUM(amount) OVER w AS s, AVG(amount) OVER w AS a FROM Orders
        WINDOW w AS (PARTITION BY product ORDER BY order_time ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
      """, .rows(["1,3,3", "2,5,5", "3,5,2", "4,9,9"])),

    // Joins
    .init(
      "inner equi-join", "SELECT order_id, kind FROM Orders INNER JOIN Product ON Orders.product = Product.name",
      .rows(["1,fruit", "2,fruit", "3,fruit"])),
    .init("left join", "SELECT order_id, kind FROM Orders LEFT JOIN Product ON Orders.product = Product.name", .count(4)),
    .init("right join", "SELECT order_id, kind FROM Orders RIGHT JOIN Product ON Orders.product = Product.name", .count(4)),
    .init("full outer join", "SELECT order_id, kind FROM Orders FULL OUTER JOIN Product ON Orders.product = Product.name", .count(5)),
    .init("natural join", "SELECT shipment_id FROM Orders NATURAL JOIN Shipments", .rows(["10", "11"])),
    .init(
      "interval join",
      "SELECT o.order_id FROM Orders o, Shipments s WHERE o.order_id = s.order_id AND o.order_time BETWEEN s.ship_time - INTERVAL '4' HOUR AND s.ship_time",
      .rows(["1", "3"])),
    .init(
      "temporal join: event time",
      """
      SELECT order_id, amount, Orders.currency, conversion_rate FROM Orders LEFT JOIN currency_rates FOR SYSTEM_TIME AS OF Orders.order_time
        ON Orders.currency = currency_rates.currency
      """, .rows(["1,3,EUR,1.10", "2,5,USD,1.00", "3,2,EUR,1.20", "4,9,YEN,"])),
    .init(
      "time travel", "SELECT * FROM Orders FOR SYSTEM_TIME AS OF TIMESTAMP '2023-07-31 00:00:00'",
      .refused("FOR SYSTEM_TIME AS OF belongs on the right side of a join")),
    .init("array expansion", "SELECT id, tag FROM Users CROSS JOIN UNNEST(tags) AS t (tag)", .rows(["1,a", "1,b"])),
    .init("left array expansion", "SELECT id, tag FROM Users LEFT JOIN UNNEST(tags) AS t (tag) ON TRUE", .rows(["1,a", "1,b", "2,"])),
    .init(
      "unnest with ordinality", "SELECT id, tag, n FROM Users CROSS JOIN UNNEST(tags) WITH ORDINALITY AS t (tag, n)",
      .rows(["1,a,1", "1,b,2"])),
    .init("map expansion", "SELECT id, k, v FROM Users CROSS JOIN UNNEST(scores) AS t (k, v)", .rows(["1,x,3"])),
    .init(
      "table function", "SELECT order_id, res FROM Orders, LATERAL TABLE(split(product)) AS T (res)",
      .refused("not supported yet: LATERAL table functions")),
    .init(
      "lateral subquery",
      "SELECT name, c FROM Product, LATERAL (SELECT COUNT(*) AS c FROM Orders WHERE Orders.product = Product.name) AS o",
      .rows(["apple,2", "leek,0", "pear,1"])),
    .init(
      "window join",
      """
      SELECT L.num AS l_num, R.num AS r_num, L.window_start FROM (\(numbered("LeftTable"))) L FULL JOIN (\(numbered("RightTable"))) R
        ON L.num = R.num AND L.window_start = R.window_start AND L.window_end = R.window_end
      """, .count(5)),
    .init(
      "semi window join",
      """
      SELECT L.num FROM (\(numbered("LeftTable"))) L WHERE L.num IN (SELECT num FROM (\(numbered("RightTable"))) R
        WHERE L.window_start = R.window_start AND L.window_end = R.window_end)
      """, .rows(["3"])),
    .init(
      "anti window join",
      """
      SELECT L.num FROM (\(numbered("LeftTable"))) L WHERE NOT EXISTS (SELECT * FROM (\(numbered("RightTable"))) R
        WHERE L.num = R.num AND L.window_start = R.window_start AND L.window_end = R.window_end)
      """, .rows(["1", "2"])),

    // Set operations and subqueries
    .init(
      "union", "SELECT s FROM (VALUES ('c'), ('a'), ('b'), ('b')) AS t1 (s) UNION (SELECT s FROM (VALUES ('d'), ('a')) AS t2 (s))",
      .count(4)),
    .init(
      "union all", "SELECT s FROM (VALUES ('c'), ('a')) AS t1 (s) UNION ALL (SELECT s FROM (VALUES ('d'), ('a')) AS t2 (s))", .count(4)),
    .init(
      "intersect",
      "(SELECT s FROM (VALUES ('c'), ('a'), ('b'), ('b')) AS t1 (s)) INTERSECT (SELECT s FROM (VALUES ('b'), ('a'), ('b')) AS t2 (s))",
      .rows(["a", "b"])),
    .init(
      "intersect all",
      "(SELECT s FROM (VALUES ('c'), ('a'), ('b'), ('b')) AS t1 (s)) INTERSECT ALL (SELECT s FROM (VALUES ('b'), ('a'), ('b')) AS t2 (s))",
      .rows(["a", "b", "b"])),
    .init("except", "(SELECT s FROM (VALUES ('c'), ('a'), ('c')) AS t1 (s)) EXCEPT (SELECT s FROM (VALUES ('a')) AS t2 (s))", .rows(["c"])),
    .init(
      "except all", "(SELECT s FROM (VALUES ('c'), ('a'), ('c')) AS t1 (s)) EXCEPT ALL (SELECT s FROM (VALUES ('a'), ('c')) AS t2 (s))",
      .rows(["c"])),
    .init("in", "SELECT order_id, amount FROM Orders WHERE product IN (SELECT name FROM Product)", .rows(["1,3", "2,5", "3,2"])),
    .init("exists", "SELECT order_id FROM Orders WHERE EXISTS (SELECT name FROM Product WHERE name = product)", .rows(["1", "2", "3"])),
    .init(
      "scalar subquery",
      "SELECT order_id FROM Orders WHERE amount > (SELECT AVG(amount) FROM Orders AS o WHERE o.currency = Orders.currency)",
      .rows(["1"])),

    // ORDER BY, LIMIT, Top-N, deduplication, patterns
    .init("order by", "SELECT order_id FROM Orders ORDER BY order_time DESC, order_id", .count(4)),
    .init("limit", "SELECT order_id FROM Orders ORDER BY amount LIMIT 2", .rows(["1", "3"])),
    .init(
      "top-n",
      """
      SELECT product, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY amount DESC) AS row_num FROM Orders)
        WHERE row_num <= 1
      """, .rows(["apple,3", "pear,5", "plum,9"])),
    .init(
      "window top-n",
      """
      SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rownum
        FROM TABLE(\(window))) WHERE rownum <= 3
      """, .count(6)),
    .init(
      "deduplication",
      """
      SELECT order_id, product FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY order_time ASC) AS row_num FROM Orders)
        WHERE row_num = 1
      """, .rows(["1,apple", "2,pear", "4,plum"])),
    .init(
      "window deduplication",
      """
      SELECT bidtime, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY bidtime DESC) AS rownum
        FROM TABLE(\(window))) WHERE rownum <= 1
      """, .rows(["2020-04-15 08:09:00.000,5.00", "2020-04-15 08:17:00.000,6.00"])),
    .init(
      "pattern recognition",
      """
      SELECT * FROM Bid MATCH_RECOGNIZE (PARTITION BY item ORDER BY bidtime MEASURES A.price AS p ONE ROW PER MATCH
        AFTER MATCH SKIP PAST LAST ROW PATTERN (A) DEFINE A AS A.price > 3)
      """, .refused("not supported yet: MATCH_RECOGNIZE")),
    .init("qualify", "SELECT order_id FROM Orders QUALIFY ROW_NUMBER() OVER (ORDER BY order_time) = 1", .refused("not supported yet")),

    // Statements
    .init(
      "hints", "SELECT /*+ STATE_TTL('Orders' = '1d') */ order_id FROM Orders /*+ OPTIONS('csv.ignore-parse-errors' = 'true') */", .count(4)
    ),
    .init(
      "create table like",
      "CREATE TABLE Orders_copy WITH ('path' = '/in/orders.csv') LIKE Orders (EXCLUDING WATERMARKS OVERWRITING OPTIONS); SELECT * FROM Orders_copy",
      .count(4)),
    .init(
      "create table as",
      """
      CREATE TABLE my_ctas WITH ('connector' = 'filesystem', 'path' = '/ctas', 'format' = 'json') AS SELECT order_id, product FROM Orders
        WHERE MOD(order_id, 2) = 0; SELECT order_id FROM my_ctas
      """, .rows(["2", "4"])),
    .init("alter table", "ALTER TABLE Orders RENAME TO NewOrders; SELECT order_id FROM NewOrders", .count(4)),
    .init("alter table add", "ALTER TABLE Orders ADD category STRING", .refused("not supported yet: ALTER TABLE ... ADD")),
    .init(
      "metadata columns", "CREATE TABLE m (ts TIMESTAMP(3) METADATA FROM 'timestamp') WITH ('connector' = 'x')",
      .refused("not supported yet: METADATA columns")),
    .init("insert overwrite", "INSERT OVERWRITE Sink SELECT product, 1 FROM Orders", .refused("not supported yet: INSERT OVERWRITE")),
    .init(
      "statement set",
      """
      EXECUTE STATEMENT SET BEGIN INSERT INTO Sink SELECT product, 1 FROM Orders; INSERT INTO Sink SELECT product, 2 FROM Orders; END;
      SELECT * FROM Sink
      """, .count(8)),
    .init("create function", "CREATE FUNCTION f AS 'com.example.F'", .refused("not supported yet: CREATE FUNCTION")),
    .init("create catalog", "CREATE CATALOG c WITH ('type' = 'hive')", .refused("not supported yet: CREATE CATALOG")),
    .init("use", "USE CATALOG default_catalog; USE default_database; SELECT order_id FROM Orders", .count(4)),
    .init("analyze", "ANALYZE TABLE Orders COMPUTE STATISTICS", .refused("not supported yet: ANALYZE")),
    .init("update", "UPDATE Orders SET amount = 1", .refused("not supported yet: UPDATE")),
    .init("delete", "DELETE FROM Orders WHERE amount = 1", .refused("not supported yet: DELETE")),
    .init("explain", "EXPLAIN PLAN FOR SELECT order_id FROM Orders; SELECT 1", .rows(["1"])),
    .init("explain details", "EXPLAIN CHANGELOG_MODE SELECT order_id FROM Orders", .refused("not supported yet: EXPLAIN details")),
    .init("set and reset", "SET 'parallelism.default' = '2'; RESET 'parallelism.default'; SELECT 1", .rows(["1"])),
  ]
}
