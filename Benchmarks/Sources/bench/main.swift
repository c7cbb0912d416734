// bench [name ...]: runs all benchmarks, or those whose name begins with one of the arguments; a JSON line per figure.

let all: [Benchmark] = slidingWindowBenchmarks

let wanted = CommandLine.arguments.dropFirst()
let chosen = all.filter { benchmark in wanted.isEmpty || wanted.contains { benchmark.name.hasPrefix($0) } }
if chosen.isEmpty {
  print("no benchmark begins so; there are: \(all.map(\.name).joined(separator: ", "))")
}
for benchmark in chosen { try benchmark.run() }
