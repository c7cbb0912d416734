import MillraceColumns
import MillraceExpressions
import MillraceOperators
import MillraceTypes

/// Bids through a predicate and a projection, as `SELECT auction, bidder, 0.908 * price FROM bids WHERE ...`.
struct FilterProjectBenchmark {
  enum Prices: String {
    /// DOUBLE prices times a DOUBLE literal.
    case double
    /// BIGINT prices, whole arithmetic.
    case int
    /// BIGINT prices times 0.908 as SQL types it: DECIMAL.
    case decimal
  }

  let name: String
  let prices: Prices
  /// `auction % divisor = 0`.
  let divisor: Int64
  private static let rowCount = 4_096_000
  /// Batches that are used over and over: about what stays in the second-level cache.
  private static let distinctBatches = 16

  func run(repetitions: Int) throws -> BenchmarkResult {
    let priceType: DataType = prices == .double ? .float64 : .int64
    let input = Schema([Field("auction", .int64), Field("bidder", .int64), Field("price", priceType)])
    let batches = makeBatches(input)
    let (predicate, scaled) = try expressions(input)
    let output = Schema([input.fields[0], input.fields[1], Field("scaled", scaled.type)])
    let subject = try FilterProjectOperator(
      predicate: predicate, expressions: [.column(0, input.fields[0]), .column(1, input.fields[1]), scaled], inputSchema: input,
      outputSchema: output)
    let expected = batches.map(reference)
    var times: [Int64] = []
    let rounds = Self.rowCount / batchRows
    for _ in 0..<repetitions {
      var watch = Stopwatch()
      var outputs: [OperatorOutput] = []
      outputs.reserveCapacity(rounds)
      try watch.time {
        for round in 0..<rounds {
          var output = OperatorOutput()
          try subject.process(batches[round % batches.count], port: 0, into: &output)
          // The output of one round of batches is kept for the check.
          if round < batches.count { outputs.append(output) }
        }
      }
      for (index, output) in outputs.enumerated() { try check(output, expected[index]) }
      times.append(watch.nanoseconds)
    }
    let kept = expected.reduce(0) { $0 + $1.count }
    let share = Double(kept) / Double(Self.distinctBatches * batchRows)
    return BenchmarkResult(
      name, rows: rounds * batchRows, nanoseconds: times,
      note: "\(text), \((share * 1000).rounded() / 10)% pass, 3 columns out")
  }

  private var text: String {
    let price = prices == .int ? "price * 908 > 100000" : "price * 0.908 > 100"
    return "\(price) AND auction % \(divisor) = 0, price \(prices == .double ? "DOUBLE" : "BIGINT")"
  }

  private func makeBatches(_ schema: Schema) -> [Batch] {
    var random = Randoms(seed: 1)
    return (0..<Self.distinctBatches).map { _ in
      var auctions: [Int64] = []
      var bidders: [Int64] = []
      var whole: [Int64] = []
      for _ in 0..<batchRows {
        auctions.append(Int64(random.below(1_000_000)))
        bidders.append(Int64(random.below(100_000)))
        whole.append(Int64(random.below(400)))
      }
      let price =
        prices == .double
        ? Column(type: .float64, count: batchRows, values: .fixed(Buffer(whole.map { Double($0) + 0.25 }))) : .int64s(whole)
      return Batch(schema: schema, columns: [.int64s(auctions), .int64s(bidders), price], rowCount: batchRows)
    }
  }

  private func expressions(_ input: Schema) throws -> (predicate: Expression, scaled: Expression) {
    let registry = FunctionRegistry.builtIn
    let price = Expression.column(2, input.fields[2])
    let (factor, limit): (Expression, Expression) =
      switch prices {
      case .double: (.literal(.float(0.908), .float64), .literal(.int(100), .int32))
      case .int: (.literal(.int(908), .int64), .literal(.int(100_000), .int64))
      case .decimal: (.literal(.decimal(908), .decimal(precision: 3, scale: 3)), .literal(.int(100), .int32))
      }
    let scaled = try registry.resolve("*", [price, factor])
    let rest = try registry.resolve("%", [.column(0, input.fields[0]), .literal(.int(divisor), .int32)])
    let predicate = try registry.resolve(
      "AND", [registry.resolve(">", [scaled, limit]), registry.resolve("=", [rest, .literal(.int(0), .int32)])])
    return (predicate, scaled)
  }

  private struct Row: Equatable {
    var auction: Int64
    var bidder: Int64
    var scaled: Value
  }

  private func reference(_ batch: Batch) -> [Row] {
    (0..<batch.rowCount).compactMap { i in
      let (auction, bidder) = (batch.columns[0].pointer(Int64.self)[i], batch.columns[1].pointer(Int64.self)[i])
      guard auction % divisor == 0 else { return nil }
      switch prices {
      case .double:
        let scaled = batch.columns[2].pointer(Double.self)[i] * 0.908
        return scaled > 100 ? Row(auction: auction, bidder: bidder, scaled: .float(scaled)) : nil
      case .int, .decimal:
        let scaled = batch.columns[2].pointer(Int64.self)[i] * 908
        let value: Value = prices == .int ? .int(scaled) : .decimal(Int128(scaled))
        return scaled > 100_000 ? Row(auction: auction, bidder: bidder, scaled: value) : nil
      }
    }
  }

  private func check(_ output: OperatorOutput, _ expected: [Row]) throws {
    var found: [Row] = []
    for batch in output.batches {
      for i in 0..<batch.rowCount {
        guard case .int(let auction) = batch.columns[0][i], case .int(let bidder) = batch.columns[1][i] else {
          throw WrongAnswer("\(name): a null")
        }
        found.append(Row(auction: auction, bidder: bidder, scaled: batch.columns[2][i]))
      }
    }
    guard found == expected else { throw WrongAnswer("\(name): \(found.count) rows, expected \(expected.count), or their values") }
  }
}
