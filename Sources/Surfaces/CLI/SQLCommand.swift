import ArgumentParser
import Foundation
import MillraceServer
import MillraceShell

struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "An interactive shell; with a file or a text, run that and print what queries return.",
    discussion: """
      Without -f and -e, on a terminal, it is a shell: statements end with ';', Tab completes, Up and Ctrl-R go through the history, results \
      of input without an end are shown as they change, Ctrl-C stops what runs and not the shell. HELP in it lists the rest. Without a terminal \
      the statements are read from standard input.

      Examples:
        millrace sql                           the shell
        millrace sql -i tables.sql             the shell, after running a file
        millrace sql -e "SELECT 1 AS one"      one statement
        millrace sql -f job.sql --stats        a file, and what operators did
        millrace sql -e "EXPLAIN ANALYZE ..."  the plan with what operators did

      A bare SELECT on bounded input prints the final table; --changelog prints every change with its kind (+I, -U, +U, -D).
      The history is kept in $MILLRACE_HISTORY, else in millrace/history of the user's data folder.
      """)

  @Option(name: .shortAndLong, help: "The SQL file.")
  var file: String?
  @Option(name: [.customShort("e"), .long], help: "The SQL text.")
  var execute: String?
  @Option(name: [.customShort("i"), .customLong("init")], help: "A SQL file that is run before the shell begins.")
  var initFile: String?
  @Option(help: "table, csv or json.")
  var output = OutputFormat.table
  @Flag(help: "Print changes instead of the final table.")
  var changelog = false
  @OptionGroup var job: JobOptions

  func validate() throws {
    if file != nil && execute != nil { throw ValidationError("Give -f FILE or -e TEXT, not both.") }
  }

  func run() throws {
    if file == nil, execute == nil, let terminal = SystemTerminal() { return try runShell(terminal) }
    try CommandRunner.run(job) { session in
      if let initFile { try session.run(file: initFile, output: output, changelog: changelog) }
      if let file {
        try session.run(file: file, output: output, changelog: changelog)
      } else if let execute {
        try session.run(text: execute, name: "<command line>", output: output, changelog: changelog)
      } else {
        try session.run(text: try standardInput(), name: "<standard input>", output: output, changelog: changelog)
      }
    }
  }

  private func standardInput() throws -> String {
    guard let text = String(validating: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) else {
      throw MillraceError(.invalidInput, "the text is not UTF-8", subject: "<standard input>")
    }
    return text
  }

  /// Ctrl-C is the shell's own affair there.
  private func runShell(_ terminal: SystemTerminal) throws {
    let environment = SystemEnvironment.real
    let session = Session(environment: environment, options: job.configured())
    if let initFile {
      do {
        try session.run(file: initFile, output: output, changelog: changelog)
      } catch {
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        throw ExitCode.failure
      }
    }
    Shell(session: session, environment: environment, terminal: terminal).run()
  }
}
