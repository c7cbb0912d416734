/// What the command line asked for.
struct BenchmarkOptions {
  var filter: String?
  var repetitions = 3
  var help = false

  static let usage = """
    millrace-bench [--filter TEXT] [--repetitions N]

    Prints one JSON object per line: the machine, then per benchmark the CPU time of one thread per event (best of N repetitions),
    after checking its answers against a slow, obvious computation. A wrong answer ends it with exit code 1.
      --filter TEXT      only benchmarks whose name contains TEXT
      --repetitions N    default 3
    """

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      switch option {
      case "--help", "-h": help = true
      case "--filter":
        guard let text = rest.popFirst() else { throw UsageError("--filter needs a text") }
        filter = text
      case "--repetitions":
        guard let count = rest.popFirst().flatMap({ Int($0) }), count > 0 else { throw UsageError("--repetitions needs a number above 0") }
        repetitions = count
      default: throw UsageError("unknown option '\(option)'; there are --filter, --repetitions and --help")
      }
    }
  }

  func includes(_ name: String) -> Bool { filter.map(name.contains) ?? true }

  struct UsageError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }
}

/// A benchmark by name; most print one line.
struct NamedBenchmark {
  var name: String
  var run: (_ repetitions: Int) throws -> [BenchmarkResult]
}

enum BenchmarkList {
  static func all(_ options: BenchmarkOptions) -> [NamedBenchmark] {
    let filters = [
      FilterProjectBenchmark(name: "filter_project_double", prices: .double, divisor: 123),
      FilterProjectBenchmark(name: "filter_project_int", prices: .int, divisor: 123),
      FilterProjectBenchmark(name: "filter_project_decimal", prices: .decimal, divisor: 123),
      FilterProjectBenchmark(name: "filter_project_double_half", prices: .double, divisor: 1),
    ]
    let second: Int64 = 1_000_000
    func windows(_ name: String, _ keys: Int, slide: Int64, _ aim: Double?) -> WindowBenchmark {
      WindowBenchmark(
        name: name, keyCount: keys, sizeMicros: 10 * second, slideMicros: slide * second, aim: aim, rate: 1_000_000,
        rowCount: 30_000_000)
    }
    var texts = windows("hop_10s_2s_10k_text_keys", 10_000, slide: 2, nil)
    texts.hasTextKeys = true
    // Sixty panes to a window.
    let panes = WindowBenchmark(
      name: "hop_5m_5s_20k_keys", keyCount: 20_000, sizeMicros: 300 * second, slideMicros: 5 * second, aim: nil, rate: 10_000,
      rowCount: 6_000_000)
    // One size, slides from a second to the size: what a window costs must not grow with the panes it has.
    let slides = [("1s", 1), ("1m", 60), ("1h", 3600)].map { name, slide in
      WindowBenchmark(
        name: "hop_1h_\(name)_100_keys", keyCount: 100, sizeMicros: 3600 * second, slideMicros: Int64(slide) * second, aim: nil,
        rate: 20_000, rowCount: 80_000_000)
    }
    let windows =
      [
        windows("tumble_10s_10k_keys", 10_000, slide: 10, nil), windows("tumble_10s_1m_keys", 1_000_000, slide: 10, nil),
        windows("hop_10s_2s_10k_keys", 10_000, slide: 2, 40), windows("hop_10s_2s_1m_keys", 1_000_000, slide: 2, 80), texts, panes,
      ] + slides
    let growth = [("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000), ("10m", 10_000_000)].map { name, keys in
      KeyGrowthBenchmark(name: "group_\(name)_keys", keyCount: keys, rowCount: 40_000_000)
    }
    let sliding = [
      SlidingBenchmark(name: "sliding_30_windows_10k_keys", keyCount: 10_000, rowCount: 2_000_000, days: 60, aim: 3000),
      SlidingBenchmark(name: "sliding_30_windows_500_keys", keyCount: 500, rowCount: 2_000_000, days: 60, aim: 3000),
    ]
    let nexmark = [
      NexmarkBenchmark(name: "nexmark_events", table: "events"), NexmarkBenchmark(name: "nexmark_bids", table: "bid"),
      NexmarkBenchmark(name: "nexmark_events_disorder", table: "events", disorder: "2 s"),
    ]
    return filters.map { benchmark in NamedBenchmark(name: benchmark.name) { [try benchmark.run(repetitions: $0)] } }
      + windows.map { benchmark in NamedBenchmark(name: benchmark.name) { [try benchmark.run(repetitions: $0)] } }
      + growth.map { benchmark in NamedBenchmark(name: benchmark.name) { [try benchmark.run(repetitions: $0)] } }
      + sliding.map { benchmark in NamedBenchmark(name: benchmark.name) { [try benchmark.run(repetitions: $0)] } }
      + nexmark.map { benchmark in NamedBenchmark(name: benchmark.name) { [try benchmark.run(repetitions: $0)] } }
      + ScoringBenchmark.sizes.map { size in
        NamedBenchmark(name: "score_predict_xgboost_batch_\(size)") {
          try ScoringBenchmark(batch: size).run(repetitions: $0, model: BenchmarkModel.make())
        }
      }
  }
}
