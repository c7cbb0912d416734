import MillraceColumns
import MillraceTypes

/// What is expected at one place of a JSON row: the type, where values go, and the names of the fields below.
final class JSONField {
  enum Shape { case scalar, number, text, array, map, row }

  let path: String
  let isNullable: Bool
  let type: DataType
  let shape: Shape
  let column: ColumnAssembler
  /// Fields of a row, or the element of an array, or key and value of a map.
  let children: [JSONField]
  /// `children` without reference counting: this object keeps them.
  let borrowed: UnsafeMutablePointer<Unmanaged<JSONField>>
  let names: JSONNames
  /// Rows are numbered per attempt; a field that was not seen in the current attempt is missing.
  var seen = -1

  init(_ field: Field, path: String, column: ColumnAssembler) throws(MillraceError) {
    self.path = path
    isNullable = field.isNullable
    type = field.type
    self.column = column
    var below: [(Field, String)] = []
    switch field.type {
    case .text: shape = .text
    case .int8, .int16, .int32, .int64, .float32, .float64, .decimal, .intervalMonths, .intervalMillis: shape = .number
    case .array(let element):
      shape = .array
      below = [(element, path + "[]")]
    case .map(let key, let value):
      shape = .map
      guard key.type == .text else {
        throw MillraceError.notSupported(
          "MAP with keys of type \(key.type) in JSON", subject: "column \(path)", hint: "use MAP<STRING, ...>: JSON field names are text")
      }
      below = [(key, path + " key"), (value, path + "[]")]
    case .row(let fields):
      shape = .row
      below = fields.map { ($0, path.isEmpty ? $0.name : "\(path).\($0.name)") }
    case .null: throw MillraceError.notSupported("a column of type NULL in JSON", subject: "column \(path)")
    default: shape = .scalar
    }
    var children: [JSONField] = []
    for (index, (child, name)) in below.enumerated() {
      children.append(try JSONField(child, path: name, column: column.children[index]))
    }
    self.children = children
    borrowed = .allocate(capacity: max(1, children.count))
    for (index, child) in children.enumerated() { (borrowed + index).initialize(to: Unmanaged.passUnretained(child)) }
    if case .row(let fields) = field.type { names = JSONNames(fields.map(\.name)) } else { names = JSONNames([]) }
  }

  deinit { borrowed.deallocate() }
}

/// Finds a field by the bytes of its name. Rows mostly have the same fields in the same order, so the one that stood at this place
/// last time is tried first.
final class JSONNames {
  private let bytes: [UInt8]
  private let starts: [Int]
  private let order: [Int]
  /// Per place in the object: the field found there last.
  private var guesses: [Int]
  /// A bit per length (63 and more share one) that some name has.
  private let lengths: UInt64

  init(_ names: [String]) {
    var bytes: [UInt8] = []
    var starts = [0]
    for name in names {
      bytes.append(contentsOf: name.utf8)
      starts.append(bytes.count)
    }
    // Room for a word read at the last name.
    self.bytes = bytes + [UInt8](repeating: 0, count: 8)
    self.starts = starts
    // By length, then the last of equal names first: names that repeat are filled by the last one.
    order = names.indices.sorted { (names[$0].utf8.count, $0) < (names[$1].utf8.count, $1) }
    guesses = Array(repeating: -1, count: names.count + 8)
    lengths = names.reduce(0) { $0 | 1 << UInt64(min(63, $1.utf8.count)) }
  }

  @inline(__always) private func isName(_ index: Int, _ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard starts[index &+ 1] &- starts[index] == count else { return false }
    return bytes.withUnsafeBufferPointer { own in
      guard let base = own.baseAddress else { return false }
      let name = base + starts[index]
      var i = 0
      while i &+ 8 <= count {
        if UnsafeRawPointer(name + i).loadUnaligned(as: UInt64.self) != UnsafeRawPointer(p + i).loadUnaligned(as: UInt64.self) {
          return false
        }
        i &+= 8
      }
      while i < count {
        if name[i] != p[i] { return false }
        i &+= 1
      }
      return true
    }
  }

  /// - Parameter place: how many fields the object had before this one.
  /// - Returns: the field's index, or -1.
  @inline(__always) func find(_ p: UnsafePointer<UInt8>, count: Int, place: Int) -> Int {
    if place < guesses.count {
      let guess = guesses[place]
      if guess >= 0 && isName(guess, p, count) { return guess }
    }
    if lengths >> UInt64(truncatingIfNeeded: min(63, count)) & 1 == 0 { return -1 }
    return search(p, count, place)
  }

  private func search(_ p: UnsafePointer<UInt8>, _ count: Int, _ place: Int) -> Int {
    // Names are in order of length: find the first of this length, then compare those that have it.
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if length(order[middle]) < count { low = middle + 1 } else { high = middle }
    }
    while low < order.count, length(order[low]) == count {
      if isName(order[low], p, count) {
        if place < guesses.count { guesses[place] = order[low] }
        return order[low]
      }
      low += 1
    }
    return -1
  }

  private func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }
}
