import MillraceColumns
import MillraceTypes

/// Places whose results were computed anew: with the slots of the old and of the new results, -1 where there is none.
struct OrderedChanges {
  private(set) var rows: [Int32] = []
  private(set) var old: [Int32] = []
  private(set) var new: [Int32] = []
  private(set) var instants: [Int64] = []

  var count: Int { rows.count }

  @inline(__always) mutating func add(row: Int32, old oldSlot: Int32, new newSlot: Int32, _ instant: Int64) {
    rows.append(row)
    old.append(oldSlot)
    new.append(newSlot)
    instants.append(instant)
  }

  mutating func removeAll() {
    rows.removeAll(keepingCapacity: true)
    old.removeAll(keepingCapacity: true)
    new.removeAll(keepingCapacity: true)
    instants.removeAll(keepingCapacity: true)
  }
}

/// Turns changes into the rows that go out.
struct OrderedOverEmitter {
  /// Begins the order bytes of changes: they come after the rows of tables.
  private static let rank: [UInt8] = [128, 255]

  let schema: Schema
  let functions: [FrameFunction]
  let rows: OrderedRows
  let index: KeyIndex
  /// Rows go out with their own event time and order bytes.
  let keepsTimes: Bool
  /// Somebody reads the order bytes of changes.
  let needsOrder: Bool
  let batchRows: Int

  /// Emits the old results of each instant as -1, then the new ones as +1; equal ones are no change.
  func emit(_ changes: OrderedChanges, withTimes: Bool, into output: inout OperatorOutput) throws(MillraceError) {
    let count = changes.count
    let hasOld = changes.old.contains { $0 >= 0 }
    let new = try results(changes.new, changes.rows)
    var columns = new
    var isSame = [UInt8](repeating: 0, count: count)
    if hasOld {
      let old = try results(changes.old, changes.rows)
      isSame = [UInt8](repeating: 1, count: count)
      for (a, b) in zip(old, new) { ColumnComparison.clearDifferences(a, b, &isSame) }
      for i in 0..<count where changes.old[i] < 0 || changes.new[i] < 0 { isSame[i] = 0 }
      columns = zip(old, new).map { Column.concat([$0, $1], type: $1.type) }
    }
    // Places among the old results, then the new ones.
    var places: [Int32] = []
    var weights: [Int64] = []
    let newBase = hasOld ? count : 0
    var start = 0
    while start < count {
      var end = start + 1
      while end < count && changes.instants[end] == changes.instants[start] { end += 1 }
      if hasOld {
        for i in start..<end where changes.old[i] >= 0 && isSame[i] == 0 {
          places.append(Int32(truncatingIfNeeded: i))
          weights.append(-1)
        }
      }
      for i in start..<end where changes.new[i] >= 0 && isSame[i] == 0 {
        places.append(Int32(truncatingIfNeeded: newBase + i))
        weights.append(1)
      }
      start = end
    }
    func change(_ place: Int32) -> Int { Int(place) >= newBase ? Int(place) - newBase : Int(place) }
    for from in stride(from: 0, to: places.count, by: batchRows) {
      let range = from..<min(places.count, from + batchRows)
      let part = Array(places[range])
      let numbers = part.map { changes.rows[change($0)] }
      let results = part.withUnsafeBufferPointer { part in columns.map { $0.take(part) } }
      var batch: Batch
      if keepsTimes {
        let stored = rows.store.gather(numbers)
        batch = stored.replacing(schema: schema, columns: stored.columns[..<rows.inputSchema.count] + results)
      } else {
        let inputs = rows.store.gather(numbers, columns: Array(rows.inputSchema.fields.indices))
        batch = Batch(schema: schema, columns: inputs + results, rowCount: numbers.count)
        let signs = Array(weights[range])
        if withTimes { batch.eventTimes = .int64s(part.map { changes.instants[change($0)] }) }
        if needsOrder { batch.order = order(numbers, signs) }
        if signs.contains(where: { $0 != 1 }) { batch.weights = .int64s(signs) }
      }
      output.emit(batch)
    }
  }

  /// The columns of all calls, in their order. A slot of -1 gives anything.
  private func results(_ slots: [Int32], _ rowNumbers: [Int32]) throws(MillraceError) -> [Column] {
    let slots = slots.map { max(0, $0) }
    var columns = [Column?](repeating: nil, count: schema.count - rows.inputSchema.count)
    for function in functions {
      for (call, column) in zip(function.calls, try function.results(slots, rows: rowNumbers, rows.store)) { columns[call] = column }
    }
    return columns.enumerated().map { $1 ?? .nulls(schema.fields[rows.inputSchema.count + $0].type, count: slots.count) }
  }

  /// Rank, sign, partition key, sort key.
  private func order(_ numbers: [Int32], _ weights: [Int64]) -> Column {
    let partitions = index.encodedKeys(numbers.map { rows.partition($0) })
    let offsets = Buffer(uninitialized: (numbers.count + 1) * 4)
    let ends = offsets.pointer(Int32.self)
    ends[0] = 0
    for (i, number) in numbers.enumerated() {
      ends[i &+ 1] = ends[i] &+ Int32(truncatingIfNeeded: 3 &+ partitions.slot(i).count &+ rows.key(number).count)
    }
    let bytes = Buffer(uninitialized: Int(ends[numbers.count]))
    let out = bytes.pointer(UInt8.self)
    for (i, number) in numbers.enumerated() {
      let target = out + Int(ends[i])
      target[0] = Self.rank[0]
      target[1] = Self.rank[1]
      target[2] = weights[i] < 0 ? 0 : 1
      let (partition, key) = (partitions.slot(i), rows.key(number))
      if let base = partition.baseAddress { (target + 3).copyShort(from: base, count: partition.count) }
      if let base = key.baseAddress { (target + 3 + partition.count).copyShort(from: base, count: key.count) }
    }
    return withExtendedLifetime(partitions) {
      Column(type: .bytes, count: numbers.count, values: .variable(offsets: offsets, bytes: bytes))
    }
  }
}

/// Row by row equality of two columns of one type.
enum ColumnComparison {
  /// Clears the mask where the columns differ. Nulls are equal to nulls; of floats the bits count.
  static func clearDifferences(_ a: Column, _ b: Column, _ mask: inout [UInt8]) {
    if a.validity != nil || b.validity != nil {
      for i in mask.indices where a.isNull(i) != b.isNull(i) { mask[i] = 0 }
    }
    func compare<T: Equatable & BitwiseCopyable>(_ type: T.Type) {
      let (x, y) = (a.pointer(type), b.pointer(type))
      if a.validity == nil && b.validity == nil {
        for i in mask.indices { mask[i] &= x[i] == y[i] ? 1 : 0 }
      } else {
        for i in mask.indices where x[i] != y[i] && !a.isNull(i) { mask[i] = 0 }
      }
    }
    switch (a.values, b.values) {
    case (.none, .none): break
    case (.fixed, .fixed):
      switch a.type.fixedWidth ?? 8 {
      case 1: compare(UInt8.self)
      case 2: compare(UInt16.self)
      case 4: compare(UInt32.self)
      case 16: compare(UInt128.self)
      default: compare(UInt64.self)
      }
    default:
      let (x, y) = (KeyEncoder.encode([a], rowCount: a.count), KeyEncoder.encode([b], rowCount: b.count))
      for i in mask.indices where mask[i] != 0 && ByteOrder.compare(x.slot(i), y.slot(i)) != 0 { mask[i] = 0 }
    }
    withExtendedLifetime((a, b)) {}
  }
}
