import MillraceColumns
import MillraceTypes

/// Functions of maps. Keys and values are shared or picked by row, never copied one by one.
enum MapKernels {
  static func kernel(_ name: String, _ context: KernelContext) -> Kernel? {
    let type = context.type
    switch name {
    case "MAP_KEYS", "MAP_VALUES":
      return KernelTable.strict(type) { v, _ in
        guard case .list(let offsets, let children) = v[0].column.values else { return .null(type) }
        return part(v[0], type, .list(offsets: offsets, children: [children[name == "MAP_KEYS" ? 0 : 1]]))
      }
    case "MAP_ENTRIES":
      guard case .array(let element) = type else { return nil }
      return KernelTable.strict(type) { v, _ in
        guard case .list(let offsets, let children) = v[0].column.values else { return .null(type) }
        let entries = Column(type: element.type, count: children[0].count, values: .fields(children))
        return part(v[0], type, .list(offsets: offsets, children: [entries]))
      }
    case "MAP_FROM_ARRAYS":
      let reason = "the arrays of keys and values have different lengths, in \(context.text)"
      return KernelTable.strict(type) { v, n in fromArrays(v, n, type, reason) }
    case "MAP_FROM_ENTRIES": return KernelTable.strict(type) { v, n in fromEntries(v, n, type) }
    case "MAP_UNION": return KernelTable.strict(type) { v, n in union(v, n, type) }
    default: return nil
    }
  }

  private static func part(_ vector: Vector, _ type: DataType, _ values: Column.Values) -> Vector {
    let column = Column(type: type, count: vector.column.count, validity: vector.column.validity, values: values)
    return Vector(column: column, isConstant: vector.isConstant, faults: vector.faults)
  }

  /// Picks entries of pools of keys and values; a key that comes again gives its place the later value.
  private struct Entries {
    let keys: Column
    let values: Column
    private let encoded: Column
    private var chosenKeys: [Int32] = []
    private var chosenValues: [Int32] = []
    private var ends: [Int32] = [0]
    private var start = 0

    init(_ keys: [Column], _ values: [Column], key: DataType, value: DataType) {
      self.keys = .concat(keys, type: key)
      self.values = .concat(values, type: value)
      encoded = KeyEncoder.encode([self.keys], rowCount: self.keys.count)
    }

    private func key(_ at: Int32) -> Bytes {
      let (offsets, bytes) = encoded.variable
      let from = Int(offsets[Int(at)])
      return Bytes(start: bytes + from, count: Int(offsets[Int(at) &+ 1]) &- from)
    }

    mutating func add(_ entry: Int32) {
      for i in start..<chosenKeys.count where ComparisonKernels.equal(key(chosenKeys[i]), key(entry)) {
        chosenValues[i] = entry
        return
      }
      chosenKeys.append(entry)
      chosenValues.append(entry)
    }

    mutating func endRow() {
      start = chosenKeys.count
      ends.append(Int32(truncatingIfNeeded: start))
    }

    func column(_ type: DataType, _ n: Int, _ validity: Bitmap?) -> Column {
      let children = [chosenKeys.withUnsafeBufferPointer(keys.take), chosenValues.withUnsafeBufferPointer(values.take)]
      return Column(type: type, count: n, validity: validity, values: .list(offsets: Buffer(ends), children: children))
    }
  }

  private static func fromArrays(_ v: [Vector], _ n: Int, _ type: DataType, _ reason: String) -> Vector {
    let (keys, values) = (v[0].expanded(n), v[1].expanded(n))
    guard case .map(let key, let value) = type, case .list(let keyOffsets, let keyChildren) = keys.values,
      case .list(let valueOffsets, let valueChildren) = values.values
    else { return .null(type) }
    let (k, o) = (keyOffsets.pointer(Int32.self), valueOffsets.pointer(Int32.self))
    let validity = Bitmap.both(keys.validity, values.validity)
    var collector = FaultCollector(n)
    var pickedKeys: [Int32] = []
    var pickedValues: [Int32] = []
    var ends: [Int32] = [0]
    for row in 0..<n {
      if validity?[row] ?? true {
        if k[row &+ 1] &- k[row] == o[row &+ 1] &- o[row] {
          pickedKeys.append(contentsOf: k[row]..<k[row &+ 1])
          pickedValues.append(contentsOf: o[row]..<o[row &+ 1])
        } else {
          collector.mark(row)
        }
      }
      ends.append(Int32(truncatingIfNeeded: pickedKeys.count))
    }
    let children = [
      pickedKeys.withUnsafeBufferPointer(keyChildren[0].take).retyped(key.type),
      pickedValues.withUnsafeBufferPointer(valueChildren[0].take).retyped(value.type),
    ]
    let column = Column(type: type, count: n, validity: validity, values: .list(offsets: Buffer(ends), children: children))
    return Loops.adding(RowFaults.merged(Loops.faults(v), collector.faults(reason)), to: Vector(column: column))
  }

  /// Null when an entry is null.
  private static func fromEntries(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    let array = v[0].expanded(n)
    guard case .map(let key, let value) = type, case .list(let offsets, let children) = array.values,
      case .fields(let fields) = children[0].values
    else { return .null(type) }
    let o = offsets.pointer(Int32.self)
    var entries = Entries([fields[0]], [fields[1]], key: key.type, value: value.type)
    var nulls: Buffer?
    for row in 0..<n {
      if array.validity?[row] ?? true {
        if (o[row]..<o[row &+ 1]).contains(where: { children[0].isNull(Int($0)) }) {
          Loops.markNull(row, n, &nulls)
        } else {
          for entry in o[row]..<o[row &+ 1] { entries.add(entry) }
        }
      }
      entries.endRow()
    }
    let column = entries.column(type, n, Loops.without(nulls, array.validity, n))
    return Loops.adding(v[0].faults, to: Vector(column: column))
  }

  private static func union(_ v: [Vector], _ n: Int, _ type: DataType) -> Vector {
    guard case .map(let key, let value) = type else { return .null(type) }
    let maps = v.map { $0.expanded(n) }
    var keys: [Column] = []
    var values: [Column] = []
    var bases: [Int32] = []
    var at = 0
    for map in maps {
      keys.append(map.children[0])
      values.append(map.children[1])
      bases.append(Int32(truncatingIfNeeded: at))
      at += map.children[0].count
    }
    var entries = Entries(keys, values, key: key.type, value: value.type)
    let validity = Loops.validity(v)
    for row in 0..<n {
      if validity?[row] ?? true {
        for (map, base) in zip(maps, bases) {
          guard case .list(let offsets, _) = map.values else { continue }
          let o = offsets.pointer(Int32.self)
          for entry in o[row]..<o[row &+ 1] { entries.add(base &+ entry) }
        }
      }
      entries.endRow()
    }
    return Loops.adding(Loops.faults(v), to: Vector(column: entries.column(type, n, validity)))
  }
}
