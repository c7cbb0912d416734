import MillraceEnvironment
import MillraceRuntime
import MillraceSQL
import MillraceServer
import MillraceTypes

/// The interactive shell: reads statements from a terminal, runs them, shows what they give, until the user leaves.
///
/// Everything happens on the calling thread, except for Ctrl-C while a statement runs, which stops the statement.
public final class Shell {
  let session: Session
  let environment: Environment
  let terminal: any Terminal
  private let historyFile: HistoryFile?
  private var editor: LineEditor
  private var painter = ScreenPainter()
  private var decoder = KeyReader()
  /// Keys that came with those of the statement that runs.
  private var typedAhead: [Key] = []

  public init(session: Session, environment: Environment, terminal: any Terminal) {
    self.session = session
    self.environment = environment
    self.terminal = terminal
    historyFile = HistoryFile(environment)
    editor = LineEditor(prompt: "millrace> ", continuation: "       -> ", history: historyFile?.load() ?? History())
  }

  /// Returns when the user leaves.
  public func run() {
    defer { terminal.end() }
    terminal.write("Millrace \(MillraceVersion.text). Statements end with ';'. HELP lists what there is, Ctrl-D leaves.\n")
    while let text = readInput() {
      guard execute(text) else { return }
    }
  }

  // MARK: reading

  /// The next complete input; nil when the user leaves.
  private func readInput() -> String? {
    terminal.beginEditing()
    painter.forget()
    paint()
    while true {
      if typedAhead.isEmpty {
        guard let bytes = terminal.read(timeoutMillis: decoder.isWaiting ? 50 : nil) else {
          terminal.write("\r\n")
          return nil
        }
        typedAhead += bytes.isEmpty ? decoder.flush() : decoder.feed(bytes)
      }
      while !typedAhead.isEmpty {
        let before = editor
        let outcome = editor.handle(typedAhead.removeFirst(), isComplete: Self.isComplete) { [self] text, before in
          Completer(catalog: session.catalog, connectors: session.connectors, functions: session.functionNames)
            .complete(text, before: before)
        }
        switch outcome {
        case .editing: continue
        case .clearScreen:
          terminal.write("\u{1B}[H\u{1B}[2J")
          painter.forget()
        case .cancelled:
          leave(before, with: "^C")
        case .ended:
          terminal.write("\r\n")
          return nil
        case .submitted(let text):
          leave(before, with: "")
          if text.contains(where: { !$0.isWhitespace }) {
            historyFile?.append(text)
            return text
          }
        }
      }
      paint()
    }
  }

  static func isComplete(_ text: String) -> Bool { ShellCommand(text) != nil || StatementText.isComplete(text) }

  private func paint() {
    let size = terminal.size
    terminal.write(painter.paint(editor.screen(width: size.width, height: size.height)))
  }

  /// What was typed stays on the screen as it is.
  private func leave(_ editor: LineEditor, with mark: String) {
    let size = terminal.size
    var screen = editor.screen(width: size.width, height: size.height)
    screen.rows[screen.rows.count - 1] += mark
    terminal.write(painter.leave(screen))
  }

  // MARK: running

  /// Runs what was typed. Returns false when the user wants to leave.
  private func execute(_ text: String) -> Bool {
    if let command = ShellCommand(text) {
      switch command {
      case .quit: return false
      case .help: write(ShellCommand.helpText)
      case .clear: terminal.write("\u{1B}[H\u{1B}[2J")
      }
      return true
    }
    do {
      for statement in try session.compile(text, name: "shell") {
        // Ctrl-C stops this statement and no other.
        let flag = CancellationFlag()
        session.cancellation = flag
        terminal.beginJob { flag.cancel() }
        try perform(statement)
      }
    } catch {
      write("\(error)\n")
    }
    return true
  }

  private func perform(_ statement: BoundStatement) throws(MillraceError) {
    switch statement.kind {
    case .changed(let text): write(text + "\n")
    case .set(let key, let value):
      try session.perform(statement, output: .table, changelog: false)
      write("'\(key)' is '\(value)'\n")
    case .reset(let key):
      try session.perform(statement, output: .table, changelog: false)
      write(key.map { "'\($0)' is as at the start\n" } ?? "all settings are as at the start\n")
    case .query(let job): try query(job)
    case .insert(let job): try insert(job)
    case .analyze(let job, let limitMillis): try analyze(job, limitMillis: limitMillis)
    default: try session.perform(statement, output: .table, changelog: false)
    }
  }

  func write(_ text: String) { environment.console.write(text) }
}
