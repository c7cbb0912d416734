import SwiftSyntax
import SwiftSyntaxBuilder
import SwiftSyntaxMacroExpansion
import SwiftSyntaxMacros
import SwiftSyntaxMacrosGenericTestSupport
import Testing

@testable import MillraceMacros

/// What `@Row` writes, and what it refuses and how.
@Suite struct RowMacroTests {
  private static let macros: [String: MacroSpec] = [
    "Row": MacroSpec(type: RowMacro.self, conformances: ["Row"]), "EventTime": MacroSpec(type: PropertyMarkMacro.self),
    "Column": MacroSpec(type: PropertyMarkMacro.self),
  ]

  private func check(
    _ source: String, expands expanded: String, _ diagnostics: [DiagnosticSpec] = [], location: Testing.SourceLocation = #_sourceLocation
  ) {
    assertMacroExpansion(
      source, expandedSource: expanded, diagnostics: diagnostics, macroSpecs: Self.macros, indentationWidth: .spaces(2),
      failureHandler: { Issue.record("\($0.message)", sourceLocation: location) })
  }

  /// A source that is refused stays as it is, without the marks.
  private func refused(
    _ body: String, _ message: String, line: Int, column: Int, location: Testing.SourceLocation = #_sourceLocation
  ) {
    let plain = body.replacing("@Row ", with: "").replacing("@EventTime ", with: "").replacing(#"@Column("n") "#, with: "")
    check(body, expands: plain, [DiagnosticSpec(message: message, line: line, column: column)], location: location)
  }

  @Test func expansion() {
    check(
      """
      @Row public struct Visit {
        public var pageID: Int64
        public var note: String?
        @EventTime public var at: Timestamp
        var shown: String { "\\(pageID)" }
      }
      """,
      expands: """
        public struct Visit {
          public var pageID: Int64
          public var note: String?
          public var at: Timestamp
          var shown: String { "\\(pageID)" }

          public typealias Reader = Columns

          public static var fields: [MillraceRows.Field] {
            [
              MillraceRows.RowCoding.field("page_id", (Int64).self),
              MillraceRows.RowCoding.field("note", (String?).self),
              MillraceRows.RowCoding.field("at", (Timestamp).self),
            ]
          }

          public static var eventTimeField: Int? {
            2
          }

          public static func eventTime(of row: Visit) -> MillraceRows.Timestamp? {
            row.at
          }

          public static func field(of property: PartialKeyPath<Visit>) -> Int? {
            if property == \\Visit.pageID {
              return 0
            }
            if property == \\Visit.note {
              return 1
            }
            if property == \\Visit.at {
              return 2
            }
            return nil
          }

          public static func append(_ row: Visit, to builders: [MillraceRows.ColumnBuilder], at first: Int) {
            MillraceRows.RowCoding.append(row.pageID, to: builders[first + 0])
            MillraceRows.RowCoding.append(row.note, to: builders[first + 1])
            MillraceRows.RowCoding.append(row.at, to: builders[first + 2])
          }

          public static func appendFiller(to builders: [MillraceRows.ColumnBuilder], at first: Int) {
            MillraceRows.RowCoding.appendFiller((Int64).self, to: builders[first + 0])
            MillraceRows.RowCoding.appendFiller((String?).self, to: builders[first + 1])
            MillraceRows.RowCoding.appendFiller((Timestamp).self, to: builders[first + 2])
          }

          public func encode(into writer: inout MillraceRows.ByteWriter) {
            MillraceRows.RowCoding.encode(self.pageID, into: &writer)
            MillraceRows.RowCoding.encode(self.note, into: &writer)
            MillraceRows.RowCoding.encode(self.at, into: &writer)
          }

          public struct Columns: MillraceRows.RowColumns {
            public let pageID: MillraceRows.ReaderOf<Int64>
            public let note: MillraceRows.ReaderOf<String?>
            public let at: MillraceRows.ReaderOf<Timestamp>
            public init(
              _ columns: [MillraceRows.Column], at first: Int, within parent: MillraceRows.Bitmap?
            ) throws(MillraceRows.MillraceError) {
              let source = MillraceRows.RowSource(columns, at: first, within: parent, row: "Visit")
              self.pageID = try source.reader((Int64).self, 0, "page_id")
              self.note = try source.reader((String?).self, 1, "note")
              self.at = try source.reader((Timestamp).self, 2, "at")
            }
            public func view(at row: Int) -> View {
              View(_columns: self, _row: row)
            }
            public subscript(row: Int) -> Visit {
              Visit(View(_columns: self, _row: row))
            }
          }

          public struct View: MillraceRows.RowView {
            public let _columns: Columns
            public let _row: Int
            public init(_columns: Columns, _row: Int) {
              self._columns = _columns
              self._row = _row
            }
            public var _value: Visit {
              Visit(self)
            }
            public var pageID: Int64 {
              _columns.pageID[_row]
            }
            public var note: String? {
              _columns.note[_row]
            }
            public var at: Timestamp {
              _columns.at[_row]
            }
          }
        }

        extension Visit: MillraceRows.Row {
          public init(decoding reader: inout MillraceRows.ByteReader) throws(MillraceRows.MillraceError) {
            self.pageID = try MillraceRows.RowCoding.decode(\\Visit.pageID, &reader)
            self.note = try MillraceRows.RowCoding.decode(\\Visit.note, &reader)
            self.at = try MillraceRows.RowCoding.decode(\\Visit.at, &reader)
          }

          public init(_ view: View) {
            self.pageID = view.pageID
            self.note = view.note
            self.at = view.at
          }
        }
        """)
  }

  @Test func onlyStructsOfOneType() {
    refused(
      "@Row class C {\n  var a: Int64 = 0\n}", "@Row is for structs: a row is a value with stored properties", line: 1, column: 1)
    refused(
      "@Row struct S<T> {\n  var a: Int64\n}", "@Row does not take generic structs: the columns of a row have one type each", line: 1,
      column: 14)
    refused("@Row struct S {\n}", "S has no stored properties: a row has at least one column", line: 1, column: 13)
  }

  @Test func typesMustBeWrittenAndFit() {
    refused(
      "@Row struct S {\n  var a = 0\n}",
      "write the type of 'a': @Row reads types as they are written, as in `var a: Int64`", line: 2, column: 7)
    refused(
      "@Row struct S {\n  var a: UInt64\n}", "'a' of type UInt64 cannot be a column: SQL has no unsigned numbers; use Int64", line: 2,
      column: 10)
    refused(
      "@Row struct S {\n  var a: (Int, Int)\n}",
      "'a' of type (Int, Int) cannot be a column: write a struct with @Row for values that belong together", line: 2, column: 10)
    refused(
      "@Row struct S {\n  var a: [String: Int]\n}",
      "'a' of type [String: Int] cannot be a column: write an array of a @Row struct with a key and a value", line: 2, column: 10)
    refused(
      "@Row struct S {\n  var a: [() -> Void]\n}",
      "'a' of type [() -> Void] cannot be a column: a function cannot be stored in a column", line: 2, column: 10)
    refused(
      "@Row struct S {\n  var a: Date?\n}", "'a' of type Date? cannot be a column: use Timestamp", line: 2, column: 10)
    refused(
      "@Row struct S {\n  var a: Int??\n}", "'a' of type Int?? cannot be a column: a column knows one kind of null; write a single ?",
      line: 2, column: 10)
    refused(
      "@Row struct S {\n  var a: any Error\n}", "'a' of type any Error cannot be a column: a column has one concrete type", line: 2,
      column: 10)
  }

  @Test func oneEventTimeAndOneColumnOfEachName() {
    refused(
      "@Row struct S {\n  @EventTime var a: Timestamp\n  @EventTime var b: Timestamp\n}", "a row has one event time, not 2: a, b",
      line: 1, column: 13)
    refused(
      "@Row struct S {\n  @EventTime var a: Int64\n}", "@EventTime 'a' is a Int64; event time is a Timestamp, and never absent", line: 1,
      column: 13)
    refused(
      "@Row struct S {\n  var n: Int64\n  @Column(\"n\") var m: Int64\n}",
      "two properties would be the column 'n'; give one another name with @Column(\"...\")", line: 1, column: 13)
  }

  @Test(arguments: [
    ("messageID", "message_id"), ("URLOfPage", "url_of_page"), ("count10m", "count10m"), ("a", "a"), ("x_y", "x_y"), ("isA", "is_a"),
    ("`class`", "class"),
  ]) func columnNames(_ name: String, _ column: String) { #expect(RowProperty.columnName(name) == column) }
}
