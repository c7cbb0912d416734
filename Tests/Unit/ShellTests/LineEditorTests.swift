import MillraceServer
import Testing

@testable import MillraceShell

/// Keys in, screen text out.
@Suite struct LineEditorTests {
  /// An editor with its keyboard.
  struct Typist {
    var editor: LineEditor
    var decoder = KeyReader()
    var submitted: [String] = []
    var candidates: [String] = []

    init(history: [String] = [], candidates: [String] = []) {
      editor = LineEditor(prompt: "> ", continuation: ". ", history: History(history))
      self.candidates = candidates
    }

    /// The bytes of some keys. Returns the outcome of the last.
    @discardableResult mutating func type(_ text: String) -> LineEditor.Outcome { type(Array(text.utf8)) }

    @discardableResult mutating func type(_ bytes: [UInt8]) -> LineEditor.Outcome {
      var last = LineEditor.Outcome.editing
      for key in decoder.feed(bytes) {
        let all = candidates
        last = editor.handle(key, isComplete: { $0.hasSuffix(";") }) { _, before in
          let word = before.split(separator: " ", omittingEmptySubsequences: false).last ?? ""
          return .init(replaces: word.count, candidates: all.filter { $0.hasPrefix(word) })
        }
        if case .submitted(let text) = last { submitted.append(text) }
      }
      return last
    }

    func screen(width: Int = 40, height: Int = 24) -> EditorScreen { editor.screen(width: width, height: height) }
  }

  private static let left = "\u{1B}[D"
  private static let up = "\u{1B}[A"
  private static let down = "\u{1B}[B"

  @Test func typingAndMoving() {
    var typist = Typist()
    typist.type("selct 1" + String(repeating: Self.left, count: 4) + "e")
    #expect(typist.screen() == EditorScreen(rows: ["> select 1"], cursorRow: 0, cursorColumn: 6))
    typist.type("\u{01}X\u{05}Y")  // Ctrl-A, Ctrl-E
    #expect(typist.editor.text == "Xselect 1Y")
    typist.type("\u{1B}[H\u{1B}[3~\u{1B}[F\u{7F}")  // Home, Delete, End, Backspace
    #expect(typist.editor.text == "select 1")
    typist.type("\u{1B}[1;5D\u{1B}[1;5D")  // Ctrl-Left twice
    #expect(typist.screen().cursorColumn == 2)
    typist.type("\u{1B}f!")  // Alt-F
    #expect(typist.editor.text == "select! 1")
  }

  @Test func killingAndYanking() {
    var typist = Typist()
    typist.type("one two three\u{17}")  // Ctrl-W
    #expect(typist.editor.text == "one two ")
    typist.type("\u{15}")  // Ctrl-U
    #expect(typist.editor.text == "")
    typist.type("\u{19}\u{01}\u{0B}")  // Ctrl-Y, Ctrl-A, Ctrl-K
    #expect(typist.editor.text == "")
    typist.type("\u{19}four")
    #expect(typist.editor.text == "one two four")
  }

  @Test func severalLines() {
    var typist = Typist()
    #expect(typist.type("select 1,\r2") == .editing)
    #expect(typist.screen() == EditorScreen(rows: ["> select 1,", ". 2"], cursorRow: 1, cursorColumn: 3))
    typist.type(Self.up + "0")
    #expect(typist.editor.text == "s0elect 1,\n2")
    typist.type(Self.down + "\u{05};")
    #expect(typist.type("\r") == .submitted("s0elect 1,\n2;"))
    #expect(typist.screen().rows == ["> "])
  }

  @Test func longLinesAndWideCharacters() {
    var typist = Typist()
    typist.type("abcdefghij日本語")
    // 2 + 10 columns, then two each; the last one does not fit into 17.
    #expect(typist.screen(width: 17) == EditorScreen(rows: ["> abcdefghij日本", "語"], cursorRow: 1, cursorColumn: 2))
    typist.type("\u{7F}" + Self.left)
    #expect(typist.screen(width: 17) == EditorScreen(rows: ["> abcdefghij日本"], cursorRow: 0, cursorColumn: 14))
    // A combining mark joins its letter and goes with it.
    var other = Typist()
    other.type("e\u{301}x" + Self.left + "\u{7F}")
    #expect(other.editor.text == "x")
    // A full row leaves the cursor in the next one.
    var full = Typist()
    full.type("12345678")
    #expect(full.screen(width: 10) == EditorScreen(rows: ["> 12345678", ""], cursorRow: 1, cursorColumn: 0))
  }

  @Test func screensLowerThanTheText() {
    var typist = Typist()
    typist.type("1\r2\r3\r4\r5")
    let screen = typist.screen(width: 40, height: 4)
    #expect(screen == EditorScreen(rows: [". 3", ". 4", ". 5"], cursorRow: 2, cursorColumn: 3))
    typist.type(Self.up + Self.up + Self.up + Self.up)
    #expect(typist.screen(width: 40, height: 4) == EditorScreen(rows: ["> 1", ". 2", ". 3"], cursorRow: 0, cursorColumn: 3))
  }

  @Test func historyByArrows() {
    var typist = Typist(history: ["first;", "second\nline;"])
    typist.type("draft" + Self.up)
    #expect(typist.editor.text == "second\nline;")
    // Within the entry first, then to the one before.
    typist.type(Self.up + Self.up)
    #expect(typist.editor.text == "first;")
    typist.type(Self.down)
    #expect(typist.editor.text == "second\nline;")
    typist.type(Self.down)
    #expect(typist.editor.text == "draft")
    typist.type(";\r")
    #expect(typist.editor.history.entries == ["first;", "second\nline;", "draft;"])
  }

  @Test func historyBySearch() {
    var typist = Typist(history: ["select a;", "show tables;", "select b;"])
    typist.type("x\u{12}sel")  // Ctrl-R
    #expect(typist.screen().rows == ["(search 'sel') select b;"])
    typist.type("\u{12}")
    #expect(typist.editor.text == "select a;")
    typist.type("zzz")
    #expect(typist.screen().rows == ["(no search 'selzzz') select a;"])
    typist.type([7])  // Ctrl-G
    #expect(typist.editor.text == "x")
    typist.type("\u{12}show")
    #expect(typist.type("\r") == .submitted("show tables;"))
  }

  @Test func completion() {
    var typist = Typist(candidates: ["SELECT", "SET", "SHOW"])
    typist.type("SH\t")
    #expect(typist.editor.text == "SHOW ")
    typist.type("\u{15}S\t")
    #expect(typist.screen().rows == ["> S", "SELECT  SET     SHOW"])
    typist.type("E\t")
    #expect(typist.screen().rows == ["> SE", "SELECT  SET"])
    typist.type("L\t1")
    #expect(typist.screen().rows == ["> SELECT 1"])
  }

  @Test func controlCAndControlD() {
    var typist = Typist()
    #expect(typist.type("abc\u{03}") == .cancelled)
    #expect(typist.editor.text == "")
    #expect(typist.type("ab\u{01}\u{04}") == .editing)
    #expect(typist.editor.text == "b")
    #expect(typist.type("\u{04}\u{04}") == .ended)
  }

  @Test func pasting() {
    var typist = Typist()
    #expect(typist.type("\u{1B}[200~select\r\n\t1;\u{1B}[20") == .editing)
    #expect(typist.type("1~") == .editing)
    #expect(typist.editor.text == "select\n  1;")
    #expect(typist.submitted.isEmpty)
    #expect(typist.type("\r") == .submitted("select\n  1;"))
  }

  /// However its bytes are cut, a text is the same keys; bytes that are none do no harm.
  @Test func bytesInPieces() {
    let bytes = Array("aé日\u{1B}[1;5C\u{1B}OA\u{1B}[200~x\ny\u{1B}[201~\u{1B}d\u{7F}😀".utf8) + [0xFF, 0x62]
    var whole = KeyReader()
    let wanted = whole.feed(bytes)
    #expect(wanted.count == 10)
    for cut in 0..<bytes.count {
      var decoder = KeyReader()
      #expect(decoder.feed(Array(bytes[..<cut])) + decoder.feed(Array(bytes[cut...])) == wanted, "cut at \(cut)")
    }
    var lone = KeyReader()
    #expect(lone.feed([0x1B]).isEmpty && lone.isWaiting)
    #expect(lone.flush() == [.escape] && !lone.isWaiting)
  }

  @Test func historyFile() {
    let history = History(["a;", "b\nc;", "back\\slash;", "back\\slash;"])
    #expect(history.entries.count == 3)
    #expect(History(decoding: history.encoded) == history)
    #expect(!History.mayKeep("CREATE TABLE t (a INT) WITH ('PassWord' = 'x')") && History.mayKeep("SELECT 1;"))
    #expect(History((0..<3000).map { "\($0);" }).entries.count == History.countMax)
  }

  @Test func widths() {
    for (text, width) in [("abc", 3), ("日本", 4), ("é", 1), ("e\u{301}", 1), ("😀", 2), ("👩‍👩‍👧", 2), ("한", 2), ("Ａ", 2), ("─", 1), ("", 0)] {
      #expect(DisplayWidth.of(text) == width, "\(text)")
    }
    #expect(DisplayWidth.cut("日本語", to: 5) == "日本…" && DisplayWidth.cut("a\nb", to: 5) == "a b")
  }

  /// What the painter writes leaves the cursor where the screen says.
  @Test func painting() {
    var painter = ScreenPainter()
    #expect(
      painter.paint(EditorScreen(rows: ["> a", ". b", "menu"], cursorRow: 1, cursorColumn: 3))
        == "\r\u{1B}[J> a\r\n. b\r\nmenu\u{1B}[1A\r\u{1B}[3C")
    #expect(painter.paint(EditorScreen(rows: ["> "], cursorRow: 0, cursorColumn: 2)) == "\u{1B}[1A\r\u{1B}[J> \r\u{1B}[2C")
  }
}
