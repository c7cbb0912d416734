import MillraceColumns
import MillracePlan
import MillraceRuntime
import MillraceServer
import MillraceTypes
import Synchronization

extension Shell {
  /// How results are shown, under Flink's names.
  private enum ResultMode: String {
    /// In place, as the result is now.
    case table
    /// Every change as a line.
    case changelog
    /// As a table that is printed once where there is an end, else as a changelog.
    case tableau
  }

  private var resultMode: ResultMode {
    session.settings["sql-client.execution.result-mode"].flatMap { ResultMode(rawValue: $0.lowercased()) } ?? .table
  }

  /// Rows that are kept of a live result, and printed of a final one.
  private func rowsMax(_ standard: Int) -> Int {
    session.settings["sql-client.execution.max-table-result.rows"].flatMap { Int($0) } ?? standard
  }

  // MARK: queries

  func query(_ job: JobPlan) throws(MillraceError) {
    let isLive = try !session.isBounded(job) || session.settings["execution.runtime-mode"] == "streaming"
    guard isLive else { return try showFinal(job) }
    if resultMode == .table { try showLive(job) } else { try showChanges(job) }
  }

  /// A query with an end: its final table, or all of its changes in their order.
  private func showFinal(_ job: JobPlan) throws(MillraceError) {
    let isChangelog = resultMode == .changelog
    var line = ProgressLine(self, after: 500_000_000)
    let found: (result: JobResult, rows: Batch)
    do throws(MillraceError) {
      found = try session.collect(job, changelog: isChangelog) { line.show($0) }
    } catch {
      line.clear()
      guard error.code == .cancelled else { throw error }
      write("stopped\n")
      return
    }
    line.clear()
    let limit = rowsMax(1000)
    var rows = found.rows
    let kinds = isChangelog ? Changelog.kinds(rows) : nil
    rows.weights = nil
    let count = rows.rowCount
    if count > limit { rows = rows.slice(0..<limit) }
    let noun = "\(StatisticsText.grouped(Int64(count))) \(isChangelog ? "change" : "row")\(count == 1 ? "" : "s")"
    var footer = "\(noun) in \(StatisticsText.duration(found.result.statistics.elapsedNanos))"
    if count > limit {
      footer += ", the first \(StatisticsText.grouped(Int64(limit))) shown ('sql-client.execution.max-table-result.rows' says how many)"
    }
    write(ResultText.table(rows, kinds: kinds.map { Array($0.prefix(limit)) }, footer: footer + lateText(found.result.statistics) + "\n"))
  }

  /// A bare LIMIT over rows that only come in: the first so many rows are enough, and the job can stop then.
  private func withoutLimit(_ job: JobPlan) -> (job: JobPlan, limit: Int?) {
    guard job.outputs.count == 1, case .sort(let sort) = job.outputs[0].input, sort.keys.isEmpty, sort.offset == 0, let limit = sort.limit,
      !sort.input.isUpdating
    else { return (job, nil) }
    return (JobPlan(outputs: [JobPlan.Output(table: nil, input: sort.input)]), Int(clamping: limit))
  }

  private func showLive(_ whole: JobPlan) throws(MillraceError) {
    let (job, limit) = withoutLimit(whole)
    let schema = whole.outputs.first?.input.schema ?? Schema([])
    let live = LiveResult(schema: schema, rowsMax: rowsMax(100_000))
    let gate = RowGate(limit: limit, flag: session.cancellation)
    var table = LiveTable(schema: schema)
    var progress = ProgressText()
    var region = LiveRegion(terminal)
    var failure: MillraceError?
    func draw(_ statistics: JobStatistics, _ end: String?) {
      let size = terminal.size
      let view = live.view(last: max(3, size.height - 8))
      do throws(MillraceError) {
        var lines = try table.lines(view, width: size.width - 1)
        let rows = "\(StatisticsText.grouped(Int64(view.rowCount))) row\(view.rowCount == 1 ? "" : "s")"
        let text = progress.line(statistics, nowMicros: environment.clock.nowMicros)
        lines.append(DisplayWidth.cut(rows + (end ?? " (Ctrl-C stops)") + " | " + text, to: size.width - 1))
        region.paint(lines)
      } catch {
        failure = error
      }
    }
    var last = JobStatistics()
    var end = ", the input has ended"
    do throws(MillraceError) {
      _ = try session.watch(job, receiver: { batch in gate.pass(batch) { live.add($0) } }) {
        last = $0
        draw($0, nil)
      }
    } catch {
      guard error.code == .cancelled else {
        region.leave()
        throw error
      }
      end = gate.isFull ? "" : ", stopped"
    }
    draw(last, end)
    region.leave()
    if let failure { throw failure }
    if !lateText(last).isEmpty { write(String(lateText(last).dropFirst(2)) + "\n") }
  }

  private func showChanges(_ whole: JobPlan) throws(MillraceError) {
    let (job, limit) = withoutLimit(whole)
    let writer = ChangelogWriter(console: environment.console, schema: whole.outputs.first?.input.schema ?? Schema([]))
    let gate = RowGate(limit: limit, flag: session.cancellation)
    var last = JobStatistics()
    var end = ""
    writer.begin()
    do throws(MillraceError) {
      _ = try session.watch(job, receiver: { batch in gate.pass(batch) { writer.write($0) } }) { last = $0 }
    } catch {
      writer.end()
      guard error.code == .cancelled else { throw error }
      if !gate.isFull { end = ", stopped" }
      write("\(StatisticsText.grouped(writer.changes)) changes in \(StatisticsText.duration(last.elapsedNanos))\(end)\(lateText(last))\n")
      return
    }
    writer.end()
    write("\(StatisticsText.grouped(writer.changes)) changes in \(StatisticsText.duration(last.elapsedNanos))\(lateText(last))\n")
  }

  private func lateText(_ statistics: JobStatistics) -> String {
    let late = statistics.operators.reduce(0) { $0 + $1.lateRows }
    return late > 0 ? ", \(StatisticsText.grouped(late)) late rows left out" : ""
  }

  // MARK: jobs

  func insert(_ job: JobPlan) throws(MillraceError) {
    let name = job.outputs.compactMap { $0.table?.name }.joined(separator: ", ")
    // What `print` writes stands where progress would.
    let isQuiet = job.outputs.contains { $0.table?.connector == "print" }
    if isQuiet { write("INSERT INTO \(name) runs; Ctrl-C stops it\n") }
    let writesFiles = job.outputs.contains { $0.table?.connector == "filesystem" }
    if writesFiles, !session.takesCheckpoints, try !session.isBounded(job) {
      write("note: the input has no end, and files appear when a checkpoint is taken: SET 'state.checkpoints.dir' = '...' first\n")
    }
    var line = ProgressLine(self, after: isQuiet ? .max : 0, prefix: "INSERT INTO \(name): ")
    var last = JobStatistics()
    let result: JobResult
    do throws(MillraceError) {
      result = try session.insert(job) {
        last = $0
        line.show($0)
      }
    } catch {
      line.clear()
      guard error.code == .cancelled else { throw error }
      write("INSERT INTO \(name) stopped: \(StatisticsText.summary(last))\n")
      return
    }
    line.clear()
    let restored = result.restoredFrom.map { ", restored from checkpoint \($0)" } ?? ""
    if let savepoint = result.savepoint {
      write("INSERT INTO \(name) stopped: \(StatisticsText.summary(last))\(restored)\nsavepoint \(savepoint)\n")
    } else {
      write("INSERT INTO \(name) is done: \(StatisticsText.summary(last))\(restored)\n")
    }
  }

  func analyze(_ job: JobPlan, limitMillis: Int64?) throws(MillraceError) {
    var line = ProgressLine(self, after: 500_000_000)
    let text: String
    do throws(MillraceError) {
      text = try session.analyze(job, limitMillis: limitMillis, observer: { line.show($0) }, isInteractive: true)
    } catch {
      line.clear()
      throw error
    }
    line.clear()
    write(text)
  }
}

/// A line of progress that is painted over while a job runs.
private struct ProgressLine {
  private let shell: Shell
  private let afterNanos: Int64
  private let prefix: String
  private var progress = ProgressText()
  private var region: LiveRegion

  init(_ shell: Shell, after nanos: Int64, prefix: String = "") {
    self.shell = shell
    afterNanos = nanos
    self.prefix = prefix
    region = LiveRegion(shell.terminal)
  }

  mutating func show(_ statistics: JobStatistics) {
    let line = prefix + progress.line(statistics, nowMicros: shell.environment.clock.nowMicros)
    guard statistics.elapsedNanos >= afterNanos else { return }
    region.paint([DisplayWidth.cut(line, to: shell.terminal.size.width - 1)])
  }

  mutating func clear() { region.clear() }
}

/// Lets rows of all partitions through until there are enough, and none once the statement is stopped.
private final class RowGate: Sendable {
  private let limit: Int?
  private let flag: CancellationFlag
  private let passed = Mutex(0)

  init(limit: Int?, flag: CancellationFlag) {
    self.limit = limit
    self.flag = flag
    if limit == 0 { flag.cancel() }
  }

  /// There are as many rows as are wanted.
  var isFull: Bool { limit.map { limit in passed.withLock { $0 >= limit } } ?? false }

  func pass(_ batch: Batch, to body: (Batch) -> Void) {
    guard !flag.isCancelled else { return }
    guard let limit else { return body(batch) }
    passed.withLock { count in
      let rows = min(batch.rowCount, limit - count)
      guard rows > 0 else { return }
      count += rows
      body(rows == batch.rowCount ? batch : batch.slice(0..<rows))
      if count >= limit { flag.cancel() }
    }
  }
}
