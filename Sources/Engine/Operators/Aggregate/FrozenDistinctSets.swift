import MillraceColumns
import MillraceTypes

/// The distinct values of an aggregate's groups at a barrier, on their way into a snapshot by key group.
///
/// Stored per set: the number of entries, then values, groups and bits, each as a block. A group is its place among the key group's keys.
struct FrozenDistinctSets: Sendable {
  /// Per set.
  let entries: [[SharedDistinctSet.Entry]]
  /// By group id; -1 for those that the snapshot does not have.
  let keyGroups: [Int32]
  let places: [Int32]

  /// - Parameter ids: the groups of the snapshot by key group.
  init(_ sets: [SharedDistinctSet], isIncrement: Bool, ids: [[Int32]], idBound: Int) {
    entries = sets.map { $0.freeze(isIncrement: isIncrement) }
    var (keyGroups, places) = ([Int32](), [Int32]())
    if !sets.isEmpty {
      keyGroups = Array(repeating: -1, count: idBound)
      places = keyGroups
      for (keyGroup, ids) in ids.enumerated() {
        for (place, id) in ids.enumerated() {
          keyGroups[Int(id)] = Int32(truncatingIfNeeded: keyGroup)
          places[Int(id)] = Int32(truncatingIfNeeded: place)
        }
      }
    }
    (self.keyGroups, self.places) = (keyGroups, places)
  }

  var count: Int { entries.reduce(0) { $0 + $1.count } }

  /// Entries by key group.
  func split(_ maxParallelism: Int) -> Split {
    Split(
      sets: entries.map { entries in
        var parts = [[SharedDistinctSet.Entry]](repeating: [], count: maxParallelism)
        for entry in entries where keyGroups[Int(entry.group)] >= 0 { parts[Int(keyGroups[Int(entry.group)])].append(entry) }
        return parts
      }, places: places)
  }

  struct Split {
    fileprivate let sets: [[[SharedDistinctSet.Entry]]]
    fileprivate let places: [Int32]

    func write(_ keyGroup: Int, into writer: inout ByteWriter) {
      for set in sets {
        let entries = set[keyGroup]
        writer.write(count: entries.count)
        writer.write(blockOf: entries.count * 8) { raw in
          for (i, entry) in entries.enumerated() { raw.storeBytes(of: entry.value.littleEndian, toByteOffset: i &* 8, as: Int64.self) }
        }
        writer.write(blockOf: entries.count * 4) { raw in
          for (i, entry) in entries.enumerated() {
            raw.storeBytes(of: places[Int(entry.group)].littleEndian, toByteOffset: i &* 4, as: Int32.self)
          }
        }
        writer.write(blockOf: entries.count * 4) { raw in
          for (i, entry) in entries.enumerated() { raw.storeBytes(of: entry.bits.littleEndian, toByteOffset: i &* 4, as: UInt32.self) }
        }
      }
    }
  }

  /// Adds what was written to the sets.
  ///
  /// - Parameter ids: the groups of the key group, in the order written.
  static func read(
    _ reader: inout ByteReader, into sets: [SharedDistinctSet], ids: [Int32]
  ) throws(MillraceError) {
    for set in sets {
      let count = try reader.readCount(unit: 16)
      let values = try reader.readBlock()
      let places = try reader.readBlock()
      let bits = try reader.readBlock()
      guard values.count == count * 8, places.count == count * 4, bits.count == count * 4 else { throw damaged }
      for i in 0..<count {
        let place = Int(Int32(littleEndian: load(places, i * 4)))
        guard ids.indices.contains(place) else { throw damaged }
        set.insert(Int64(littleEndian: load(values, i * 8)), group: ids[place], bits: UInt32(littleEndian: load(bits, i * 4)))
      }
    }
  }

  private static func load<T: BitwiseCopyable>(_ bytes: [UInt8], _ offset: Int) -> T {
    bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
  }

  private static var damaged: MillraceError {
    MillraceError(.checkpointInvalid, "the distinct values of an aggregate are damaged", hint: "restore from an older checkpoint")
  }
}
