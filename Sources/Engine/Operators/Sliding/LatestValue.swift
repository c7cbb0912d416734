import MillraceColumns
import MillraceTypes

/// LAST_VALUE over any windows, and FIRST_VALUE over an unbounded one: one entry per key.
final class LatestValue: SlidingComponent {
  private struct Slot {
    var isPresent = false
    var mark: Int64 = 0
    var low: Int64 = 0
    var high: Int64 = 0
  }
  private let form: ValueForm
  private let keepsFirst: Bool
  private let slots = DenseArray<Slot>(fill: Slot())
  /// One value on its way in or out.
  private let value = DenseArray<Int64>(fill: 0, capacity: 2)

  init(form: ValueForm, keepsFirst: Bool, lengths: [Int64], outputs: [SlidingOutput]) {
    self.form = form
    self.keepsFirst = keepsFirst
    super.init(lengths: lengths, outputs: outputs)
  }

  deinit { if form == .bytes { for i in 0..<slots.capacity where slots.base[i].isPresent { Blob.release(slots.base[i].low) } } }

  override var heldBytes: Int {
    guard form == .bytes else { return slots.heldBytes }
    return (0..<slots.capacity).reduce(slots.heldBytes) { $0 + (slots.base[$1].isPresent ? Blob.heldBytes(slots.base[$1].low) : 0) }
  }

  override func grow(to bound: Int) { slots.grow(to: bound) }

  override func run(_ steps: SlidingSteps, _ rows: LaneRows) {
    aim()
    let slots = slots.base
    let value = value.base
    for step in 0..<steps.count {
      let key = Int(steps.keys[step])
      let row = Int(steps.rows[step])
      if row >= 0 {
        guard rows.enters(row), !(keepsFirst && slots[key].isPresent) else { continue }
        if form == .bytes && slots[key].isPresent { Blob.release(slots[key].low) }
        slots[key].isPresent = true
        slots[key].mark = steps.marks[step]
        StoredValue.store(rows, row, value)
        slots[key].low = value[0]
        slots[key].high = value[1]
      } else {
        for index in 0..<outputs.count {
          let target = targets[index]
          let bound = isUnbounded ? Int64.min : Self.bound(steps.marks[step], lengths[target.length])
          guard key >= 0, slots[key].isPresent, slots[key].mark >= bound else {
            emitNull(target, ~row)
            continue
          }
          value[0] = slots[key].low
          value[1] = slots[key].high
          emit(stored: value, target, ~row)
        }
      }
    }
  }

  override func sweep(_ key: Int32, now: Int64) -> Bool {
    let slot = slots[Int(key)]
    if slot.isPresent && !isUnbounded && slot.mark < Self.bound(now, longest) { clear(key) }
    return !slots[Int(key)].isPresent
  }

  override func clear(_ key: Int32) {
    let slot = slots[Int(key)]
    if form == .bytes && slot.isPresent { Blob.release(slot.low) }
    slots[Int(key)] = Slot()
  }

  override func write(_ key: Int32, into writer: inout ByteWriter) {
    let slot = slots[Int(key)]
    writer.write(UInt8(slot.isPresent ? 1 : 0))
    guard slot.isPresent else { return }
    writer.write(slot.mark)
    value[0] = slot.low
    value[1] = slot.high
    StoredValue.write(form, value.base, into: &writer)
  }

  override func read(_ key: Int32, from reader: inout ByteReader) throws(MillraceError) {
    guard try reader.readUInt8() == 1 else { return }
    var slot = Slot()
    slot.mark = try reader.readInt64()
    try StoredValue.read(form, value.base, from: &reader)
    slot.low = value[0]
    slot.high = value[1]
    slot.isPresent = true
    slots[Int(key)] = slot
  }
}
