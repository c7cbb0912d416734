/// What the shell itself understands, with or without `;`.
enum ShellCommand: Equatable {
  case quit
  case help
  case clear

  init?(_ text: String) {
    let word = text.filter { !$0.isWhitespace && $0 != ";" }.lowercased()
    switch word {
    case "quit", "exit", "\\q": self = .quit
    case "help", "\\h", "\\?", "?": self = .help
    case "clear": self = .clear
    default: return nil
    }
  }

  static let helpText = """
    Statements end with ';' and may have several lines.
      SELECT ..., WITH ..., VALUES ...      show a result; of input without an end, as it changes
      INSERT INTO t SELECT ...              run a job
      CREATE TABLE | VIEW | FEATURE VIEW | MODEL ..., DROP ..., ALTER ...
      SHOW TABLES | VIEWS | FEATURE VIEWS | MODELS | FUNCTIONS | JOBS | CREATE TABLE t
      DESCRIBE t                            columns and their types
      EXPLAIN ...                           the plan
      EXPLAIN ANALYZE [LIMIT INTERVAL '10' SECOND] ...
                                            run it and show rows, CPU, state and watermark per operator
      SET, SET 'key' = 'value', RESET       settings; among them
        'sql-client.execution.result-mode'  'table', 'changelog' (every change as a line) or 'tableau'
        'execution.runtime-mode'            'batch' or 'streaming'
        'parallelism.default'               partitions side by side
      HELP, CLEAR, QUIT (\\q, EXIT)
    Keys
      Tab completes words. Up and Down go through the history, Ctrl-R searches it.
      Ctrl-C stops what runs, or drops what was typed. Ctrl-D leaves.
      Ctrl-A and Ctrl-E: start and end of line. Ctrl-W, Ctrl-U, Ctrl-K: delete word, to start, to end. Ctrl-Y puts it back.

    """
}
