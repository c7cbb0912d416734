import Foundation

// Prints one JSON object per line: the machine, then each benchmark. See `--help`.

let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]

func printLine(_ value: some Encodable) throws { FileHandle.standardOutput.write(try encoder.encode(value) + Data("\n".utf8)) }

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
  exit(1)
}

do {
  let options = try BenchmarkOptions(Array(CommandLine.arguments.dropFirst()))
  if options.help {
    print(BenchmarkOptions.usage)
    exit(0)
  }
  try printLine(Machine.current())
  for benchmark in BenchmarkList.all(options) where options.includes(benchmark.name) {
    for measurement in try benchmark.run(options.repetitions) { try printLine(measurement) }
  }
} catch {
  fail("\(error)")
}
