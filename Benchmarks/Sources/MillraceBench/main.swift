import Foundation
import MillraceSystemEnvironment

// Prints one JSON object per line: the machine, then each benchmark. See `--help`.

func printLine(_ line: JSONLine) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
  exit(1)
}

SystemMemory.keepFreedBlocks()

do {
  let options = try BenchmarkOptions(Array(CommandLine.arguments.dropFirst()))
  if options.help {
    print(BenchmarkOptions.usage)
    exit(0)
  }
  printLine(Machine.line())
  for benchmark in BenchmarkList.all(options) where options.includes(benchmark.name) {
    do {
      for result in try benchmark.run(options.repetitions) { printLine(result.line) }
    } catch let missing as BenchmarkModel.Missing {
      var line = JSONLine()
      line.add("name", benchmark.name)
      line.add("skipped", missing.description)
      printLine(line)
    }
  }
} catch {
  fail("\(error)")
}
