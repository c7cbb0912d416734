import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// An aggregate written by a user: one state object per group. Words: a handle.
final class UserAggregateAccumulator: Accumulator {
  private let function: any UserAggregateFunction
  private let resultType: DataType
  private let retracts: Bool
  private var states = StoredValues<any UserAggregateState>()
  override var wordCount: Int { 1 }
  /// What a state takes is its own affair: as many bytes as it is written as.
  override var heldBytes: Int { states.heldBytes { $0.encoded().count } }

  /// The argument is a row of the function's arguments.
  init(offset: Int, function: any UserAggregateFunction, resultType: DataType, retracts: Bool) throws(MillraceError) {
    if retracts && !function.canRetract { throw Self.cannotRetract(function.name) }
    self.function = function
    self.resultType = resultType
    self.retracts = retracts
    super.init(offset: offset)
  }

  private func named(_ error: MillraceError) -> MillraceError {
    var error = error
    error.message = "function \(function.name): \(error.message)"
    return error
  }

  override func update(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateInput
  ) throws(MillraceError) {
    guard let argument = input.argument else { return }
    if !function.canRetract, input.firstRetraction(count) != nil { throw Self.cannotRetract(function.name) }
    for i in 0..<count where (input.mask?[i] ?? 1) != 0 {
      let weight = input.weights?[i] ?? 1
      guard weight != 0, case .row(let values) = argument[i] else { continue }
      if !function.takesNulls && values.contains(where: \.isNull) { continue }
      let row = rows.row(ids[i], offset)
      let state = states[row[0]] ?? function.makeState()
      do throws(MillraceError) { try state.add(values, weight: weight) } catch { throw named(error) }
      row[0] = states.store(state, row[0])
    }
  }

  override func merge(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, from other: Accumulator, _ otherRows: StateRows, _ otherIDs: UnsafePointer<Int32>,
    _ count: Int
  ) throws(MillraceError) {
    guard let other = other as? UserAggregateAccumulator else { return }
    for i in 0..<count {
      guard let theirs = other.states[otherRows.row(otherIDs[i], offset)[0]] else { continue }
      let row = rows.row(ids[i], offset)
      let state = states[row[0]] ?? function.makeState()
      do throws(MillraceError) { try state.merge(theirs) } catch { throw named(error) }
      row[0] = states.store(state, row[0])
    }
  }

  override func result(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) throws(MillraceError) -> Column {
    let builder = ColumnBuilder(resultType, capacity: count)
    for i in 0..<count {
      let state = states[rows.row(ids[i], offset)[0]] ?? function.makeState()
      do throws(MillraceError) { try builder.append(try state.result()) } catch { throw named(error) }
    }
    return builder.finish()
  }

  override func clear(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int) {
    for i in 0..<count {
      let row = rows.row(ids[i], offset)
      states.release(row[0])
      row[0] = 0
    }
  }

  override func write(_ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, into writer: inout ByteWriter) {
    for i in 0..<count {
      let state = states[rows.row(ids[i], offset)[0]]
      writer.write(UInt8(state == nil ? 0 : 1))
      if let state { writer.write(block: state.encoded()) }
    }
  }

  override func read(
    _ rows: StateRows, _ ids: UnsafePointer<Int32>, _ count: Int, from reader: inout ByteReader
  ) throws(MillraceError) {
    for i in 0..<count {
      guard try reader.readUInt8() != 0 else { continue }
      let bytes = try reader.readBlock()
      do throws(MillraceError) {
        rows.row(ids[i], offset)[0] = states.store(try function.state(decoding: bytes), 0)
      } catch { throw named(error) }
    }
  }
}
