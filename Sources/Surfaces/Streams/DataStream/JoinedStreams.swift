import MillraceColumns
import MillraceOperators
import MillracePlan
import MillraceRows
import MillraceTypes

extension DataStream {
  /// Pairs of rows with equal keys whose event times are near each other: from `before` before to `after` after the row of this stream.
  ///
  /// The event time of a pair is the later of both, or the `@EventTime` of what is made of it, if that is later still.
  ///
  /// - Parameters:
  ///   - key: of this stream; null equals nothing.
  ///   - otherKey: of the other stream.
  ///   - combine: the row of a pair.
  /// - Throws: `invalidOption` when a row type has no `@EventTime`.
  @inlinable public func joined<Other: Row, Key: RowValue, OtherKey: RowValue, Out: Row>(
    with other: DataStream<Other>, on key: KeyPath<R, Key>, equals otherKey: KeyPath<Other, OtherKey>, before: Duration = .zero,
    after: Duration = .zero, id: String? = nil, _ combine: @escaping @Sendable (ViewOf<R>, ViewOf<Other>) throws -> Out
  ) throws(MillraceError) -> DataStream<Out> {
    let width = R.fields.count
    return try paired(with: other, R.field(of: key), Other.field(of: otherKey), before, after).applying("join", id, Out.self) { batch in
      let (left, right) = (
        try R.Reader(batch.columns, at: 0, within: nil), try Other.Reader(batch.columns, at: width, within: nil)
      )
      let made = MadeRows(schema: Out.schema, capacity: batch.rowCount)
      for row in 0..<batch.rowCount {
        Out.append(try combine(left.view(at: row), right.view(at: row)), to: made.builders, at: 0)
        made.end(row: row)
      }
      return try made.finish(of: batch, schema: Out.schema, timeColumn: Out.eventTimeField)
    }
  }

  /// Pairs side by side: the columns of both, under the name of this stream's row type.
  @usableFromInline func paired<Other: Row>(
    with other: DataStream<Other>, _ key: Int?, _ otherKey: Int?, _ before: Duration, _ after: Duration
  ) throws(MillraceError) -> DataStream<R> {
    guard let key, let otherKey, let time = R.eventTimeField, let otherTime = Other.eventTimeField else {
      throw MillraceError(
        .invalidOption, "streams are joined by stored properties and their event times", subject: job.name,
        hint: "mark the event times of \(R.self) and \(Other.self) with @EventTime")
    }
    func columns(_ side: String, _ fields: [Field], _ prefix: String) -> String {
      fields.map { "\(side).\(SQLText.name($0.name)) AS \(SQLText.name(prefix + $0.name))" }.joined(separator: ", ")
    }
    let mine = left(R.fields[time].name)
    let (earliest, latest) = (mine - (try TableExpression.span(before)), mine + (try TableExpression.span(after)))
    let near = right(Other.fields[otherTime].name).between(earliest, and: latest)
    let condition = left(R.fields[key].name) == right(Other.fields[otherKey].name) && near
    let table = try asTable().joined(
      "SELECT \(columns(SQLText.this, R.fields, "left_")), \(columns(SQLText.other, Other.fields, "right_")) "
        + "FROM \(SQLText.this) JOIN \(SQLText.other) ON \(condition.text)", other.asTable())
    return DataStream(job: job, plan: table.plan)
  }
}
