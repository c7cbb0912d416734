import CMillraceKernels
import MillraceColumns
import MillraceExpressions
import MillraceTypes

/// How the states of a query's aggregates lie in a group's row: word 0 counts the group's rows, then each aggregate's words.
struct AggregateLayout {
  let calls: [AggregateCall]
  /// The input retracts rows: values that cannot be taken back are all kept.
  let retracts: Bool
  /// Groups are never merged, and hardly ever cleared.
  var isForGood = false

  func makeAccumulators() throws(MillraceError) -> [Accumulator] {
    var offset = 1
    var made: [Accumulator] = []
    var sets: [(argument: Expression, set: SharedDistinctSet, calls: Int)] = []
    for call in calls {
      let shared = makeShared(call, offset, &sets)
      let accumulator = if let shared { shared } else { try make(call, offset) }
      offset += accumulator.wordCount
      made.append(accumulator)
    }
    return made
  }

  /// COUNT(DISTINCT) of integers: calls of one argument share their set.
  private func makeShared(
    _ call: AggregateCall, _ offset: Int, _ sets: inout [(argument: Expression, set: SharedDistinctSet, calls: Int)]
  ) -> Accumulator? {
    guard isForGood, !retracts, call.function == .count, call.isDistinct, call.arguments.count == 1,
      let argument = call.arguments.first, IntegerKeyTable.accepts(argument.type)
    else { return nil }
    if let known = sets.firstIndex(where: { $0.argument == argument && $0.calls < SharedDistinctSet.callLimit }) {
      defer { sets[known].calls += 1 }
      return SharedDistinctAccumulator(offset: offset, set: sets[known].set, call: sets[known].calls)
    }
    sets.append((argument, SharedDistinctSet(), 1))
    return SharedDistinctAccumulator(offset: offset, set: sets[sets.count - 1].set, call: 0)
  }

  private func make(_ call: AggregateCall, _ offset: Int) throws(MillraceError) -> Accumulator {
    if call.isDistinct && call.function != .countStar, let argument = call.arguments.first {
      var plain = call
      plain.isDistinct = false
      switch call.function {
      // A set has the same extremes as its elements.
      case .min, .max, .firstValue, .lastValue, .approxCountDistinct: return try make(plain, offset)
      // They leave out repeated values themselves, in their order.
      case .listAgg, .arrayAgg, .collect, .jsonArrayAgg: return try makeKept(call, offset)
      default: return DistinctAccumulator(offset: offset, type: argument.type, inner: try make(plain, offset + 1))
      }
    }
    guard let argument = call.arguments.first else {
      return call.filter == nil ? RowCountAccumulator(offset: offset) : CountAccumulator(offset: offset)
    }
    let type = argument.type
    switch call.function {
    case .count, .countStar: return CountAccumulator(offset: offset)
    case .sum where type.isInteger:
      return IntegerSumAccumulator(
        offset: offset, type: call.type, counts: argument.isNullable || call.filter != nil || call.isDistinct || retracts)
    case .sum where type.isDecimal: return WideIntegerAccumulator(offset: offset, type: call.type, kind: .decimalSum)
    case .sum where type.isFloating: return FloatSumAccumulator(offset: offset, type: call.type, isAverage: false)
    case .avg where type.isInteger: return WideIntegerAccumulator(offset: offset, type: call.type, kind: .integerAverage)
    case .avg where type.isFloating: return FloatSumAccumulator(offset: offset, type: call.type, isAverage: true)
    case .avg:
      if case .decimal(_, let scale) = type, case .decimal(_, let resultScale) = call.type {
        return WideIntegerAccumulator(
          offset: offset, type: call.type, kind: .decimalAverage(moreDigits: max(0, resultScale - scale)))
      }
    case .min, .max, .firstValue, .lastValue:
      if retracts { return RetractableValueAccumulator(offset: offset, type: type, function: call.function) }
      if call.function == .firstValue || call.function == .lastValue {
        return OrderedValueAccumulator(offset: offset, type: type, isLast: call.function == .lastValue)
      }
      let isMax = call.function == .max
      return FixedExtremeAccumulator.accepts(type)
        ? FixedExtremeAccumulator(offset: offset, type: type, isMax: isMax)
        : EncodedExtremeAccumulator(offset: offset, type: type, isMax: isMax)
    case .stddevPop, .stddevSamp, .varPop, .varSamp:
      return VarianceAccumulator(
        offset: offset, isSample: call.function == .stddevSamp || call.function == .varSamp,
        isDeviation: call.function == .stddevPop || call.function == .stddevSamp)
    case .approxCountDistinct:
      if retracts { throw Accumulator.cannotRetract("APPROX_COUNT_DISTINCT") }
      return SketchAccumulator(offset: offset, argument: type)
    case .listAgg, .arrayAgg, .collect, .jsonObjectAgg, .jsonArrayAgg, .mode, .percentile, .approxTopK: return try makeKept(call, offset)
    case .approxQuantile:
      if case .literal(.float(let part))? = call.arguments.last?.kind { return QuantileSketchAccumulator(offset: offset, quantile: part) }
    case .user:
      if let reference = call.user {
        return try UserAggregateAccumulator(offset: offset, function: reference.function, resultType: call.type, retracts: retracts)
      }
    default: break
    }
    throw .notSupported("\(call.name) of \(type)")
  }

  private func makeKept(_ call: AggregateCall, _ offset: Int) throws(MillraceError) -> Accumulator {
    let type = call.arguments[0].type
    var constant = Value.null
    if call.arguments.count > 1, case .literal(let value) = call.arguments[1].kind { constant = value }
    let form: KeptRowsResult.Form
    switch (call.function, constant) {
    case (.listAgg, .text(let separator)): form = .list(separator: Array(separator.utf8))
    case (.arrayAgg, _): form = .array
    case (.collect, _): form = .counts
    case (.mode, _): form = .mode
    case (.approxTopK, .int(let most)): form = .top(Int(most))
    case (.jsonObjectAgg, .text(let flags)): form = .jsonObject(keepsNulls: flags.hasPrefix("NULL"), isJSON: flags.hasSuffix("j"))
    case (.jsonArrayAgg, .text(let flags)): form = .jsonArray(keepsNulls: flags.hasPrefix("NULL"), isJSON: flags.hasSuffix("j"))
    case (.percentile, .float(let part)): form = .percentiles([part], isList: false, isWeighted: type != .float64)
    case (.percentile, .list(let parts)):
      let numbers = parts.compactMap { if case .float(let part) = $0 { part } else { nil } }
      form = .percentiles(numbers, isList: true, isWeighted: type != .float64)
    default: throw .notSupported("\(call.name) of \(type)")
    }
    return KeptRowsAccumulator(
      offset: offset, type: type, finish: KeptRowsResult(form: form, type: call.type, isDistinct: call.isDistinct))
  }
}

/// The arguments and filters of a query's aggregates, evaluated for one batch.
struct AggregateArguments {
  /// Per call.
  var arguments: [Column?]
  var filters: [Column?]

  func take(_ indices: UnsafeBufferPointer<Int32>) -> AggregateArguments {
    AggregateArguments(arguments: arguments.map { $0?.take(indices) }, filters: filters.map { $0?.take(indices) })
  }

  func slice(_ rows: Range<Int>) -> AggregateArguments {
    AggregateArguments(arguments: arguments.map { $0?.slice(rows) }, filters: filters.map { $0?.slice(rows) })
  }
}

/// The aggregates of many groups, by dense id.
final class AggregateTable {
  let accumulators: [Accumulator]
  private let stride: Int
  private let words: DenseArray<Int64>
  private let mask = DenseArray<UInt8>(fill: 0, capacity: 4096)
  private let filterMask = DenseArray<UInt8>(fill: 0, capacity: 4096)
  private var arrival: UInt64 = 0
  /// How the states of this table's groups are put together: as the least simple of its aggregates.
  let combining: Accumulator.Combining

  init(_ layout: AggregateLayout) throws(MillraceError) {
    accumulators = try layout.makeAccumulators()
    combining = accumulators.map(\.combining).max() ?? .addition
    stride = 1 + accumulators.reduce(0) { $0 + $1.wordCount }
    words = DenseArray(fill: 0, capacity: 64 * stride)
  }

  var rows: StateRows { StateRows(base: words.base, stride: stride) }

  /// Bytes reserved for the states of groups.
  var heldBytes: Int { accumulators.reduce(words.heldBytes) { $0 + $1.heldBytes } }

  /// Makes groups below `bound` usable.
  func grow(to bound: Int) { words.grow(to: bound * stride) }

  /// Groups below this are usable.
  var bound: Int { words.capacity / stride }

  @inline(__always) func rowCount(_ id: Int32) -> Int64 { words.base[Int(id) &* stride] }

  /// Takes in `count` rows, row i of group `ids[i]`.
  ///
  /// - Parameter fresh: if given, room for `count` ids: gets those of groups that had no rows before.
  /// - Returns: how many ids were put there.
  @discardableResult
  func update(
    _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateArguments, weights: Column?, times: Column?, order: Column?,
    fresh: UnsafeMutablePointer<Int32>? = nil
  ) throws(MillraceError) -> Int {
    let rows = rows
    let weightValues = weights?.pointer(Int64.self)
    let freshCount = countRows(ids, count, weightValues, fresh)
    for (index, accumulator) in accumulators.enumerated() {
      let argument = input.arguments[index]
      let prepared = AggregateInput(
        argument: argument, mask: mask(of: argument, input.filters[index], count), weights: weightValues,
        times: times?.pointer(Int64.self), order: order, arrival: arrival)
      try accumulator.update(rows, ids, count, prepared)
    }
    arrival &+= UInt64(count)
    withExtendedLifetime((weights, times, order)) {}
    return freshCount
  }

  /// Whether `record` works for all of the aggregates.
  var recordsHistory: Bool { accumulators.allSatisfy(\.recordsHistory) }

  /// The groups' words before and after each of a run of rows, until the next run is recorded.
  private let history = DenseArray<Int64>(fill: 0)

  /// As `update`, row after row, keeping what each row made of its group: state 2i is before row i, state 2i + 1 after it.
  func record(
    _ ids: UnsafePointer<Int32>, _ count: Int, _ input: AggregateArguments, weights: Column?, times: Column?, order: Column?
  ) throws(MillraceError) {
    history.grow(to: 2 * count * stride)
    let rows = rows
    let recorded = StateRows(base: history.base, stride: stride)
    let weightValues = weights?.pointer(Int64.self)
    let distance = IntegerKeyTable.prefetchDistance
    let ahead = max(0, count &- distance)
    for i in 0..<count {
      if i < ahead { millrace_prefetch_write(words.base + Int(ids[i &+ distance]) &* stride) }
      let row = words.base + Int(ids[i]) &* stride
      let at = history.base + 2 &* i &* stride
      at[0] = row[0]
      row[0] &+= weightValues?[i] ?? 1
      at[stride] = row[0]
    }
    for (index, accumulator) in accumulators.enumerated() {
      let argument = input.arguments[index]
      let prepared = AggregateInput(
        argument: argument, mask: mask(of: argument, input.filters[index], count), weights: weightValues,
        times: times?.pointer(Int64.self), order: order, arrival: arrival)
      try accumulator.record(rows, ids, count, prepared, into: recorded)
    }
    arrival &+= UInt64(count)
    withExtendedLifetime((weights, times, order)) {}
  }

  /// Rows of a group at a recorded state.
  @inline(__always) func recordedRowCount(_ state: Int) -> Int64 { history.base[state &* stride] }

  /// The results at recorded states, one column per aggregate.
  func recordedResults(_ states: [Int32]) throws(MillraceError) -> [Column] {
    let recorded = StateRows(base: history.base, stride: stride)
    return try states.withUnsafeBufferPointer { states throws(MillraceError) -> [Column] in
      var columns: [Column] = []
      guard let base = states.baseAddress else { return columns }
      for accumulator in accumulators { columns.append(try accumulator.result(recorded, base, states.count)) }
      return columns
    }
  }

  func forgetHistory() { for accumulator in accumulators { accumulator.forgetHistory() } }

  private func countRows(
    _ ids: UnsafePointer<Int32>, _ count: Int, _ weights: UnsafePointer<Int64>?, _ fresh: UnsafeMutablePointer<Int32>?
  ) -> Int {
    let (base, stride) = (words.base, stride)
    let distance = IntegerKeyTable.prefetchDistance
    let ahead = max(0, count &- distance)
    var found = 0
    if let fresh, weights == nil {
      for i in 0..<count {
        if i < ahead { millrace_prefetch_write(base + Int(ids[i &+ distance]) &* stride) }
        let row = base + Int(ids[i]) &* stride
        let old = row[0]
        fresh[found] = ids[i]
        // 1 where the count was zero, without a branch on it.
        found &+= Int((old | (0 &- old)) >> 63 &+ 1)
        row[0] = old &+ 1
      }
      return found
    }
    for i in 0..<count {
      if i < ahead { millrace_prefetch_write(base + Int(ids[i &+ distance]) &* stride) }
      let row = base + Int(ids[i]) &* stride
      let old = row[0]
      if let fresh, old == 0 {
        fresh[found] = ids[i]
        found &+= 1
      }
      row[0] = old &+ (weights?[i] ?? 1)
    }
    return found
  }

  /// Appends to `out` the groups among `ids` that have rows.
  func appendPresent(among ids: ArraySlice<Int32>, to out: inout [Int32]) {
    let (base, stride) = (words.base, stride)
    let distance = IntegerKeyTable.prefetchDistance
    ids.withUnsafeBufferPointer { ids in
      for i in 0..<ids.count {
        if i &+ distance < ids.count { millrace_prefetch(base + Int(ids[i &+ distance]) &* stride) }
        if base[Int(ids[i]) &* stride] != 0 { out.append(ids[i]) }
      }
    }
  }

  /// Bytes that are non-zero where the filter is true and the argument is there; nil when that is everywhere.
  private func mask(of argument: Column?, _ filter: Column?, _ count: Int) -> UnsafePointer<UInt8>? {
    var used = false
    if let argument {
      if case .none = argument.values {
        mask.grow(to: count)
        mask.base.update(repeating: 0, count: count)
        return UnsafePointer(mask.base)
      }
      if let validity = argument.validity {
        mask.grow(to: count)
        validity.unpack(into: mask.base)
        used = true
      }
    }
    if let filter {
      mask.grow(to: count)
      filterMask.grow(to: count)
      if !used { mask.base.update(repeating: 1, count: count) }
      used = true
      if case .bits(let bits) = filter.values {
        bits.unpack(into: filterMask.base)
        for i in 0..<count { mask.base[i] &= filterMask.base[i] }
        if let validity = filter.validity {
          validity.unpack(into: filterMask.base)
          for i in 0..<count { mask.base[i] &= filterMask.base[i] }
        }
      } else {
        mask.base.update(repeating: 0, count: count)
      }
    }
    return used ? UnsafePointer(mask.base) : nil
  }

  /// Adds groups `otherIDs` of a table of the same layout to groups `ids`, pair by pair.
  func merge(_ ids: [Int32], from other: AggregateTable, _ otherIDs: [Int32]) throws(MillraceError) {
    let (rows, otherRows) = (rows, other.rows)
    arrival = max(arrival, other.arrival)
    try ids.withUnsafeBufferPointer { ids throws(MillraceError) in
      try otherIDs.withUnsafeBufferPointer { otherIDs throws(MillraceError) in
        guard let mine = ids.baseAddress, let theirs = otherIDs.baseAddress else { return }
        for i in 0..<ids.count { rows.row(mine[i], 0)[0] &+= otherRows.row(theirs[i], 0)[0] }
        for (target, source) in zip(accumulators, other.accumulators) {
          try target.merge(rows, mine, from: source, otherRows, theirs, ids.count)
        }
      }
    }
  }

  /// Adds the groups of a table of the same layout to the same groups here, or takes them away. For `combining` `.addition` only.
  ///
  /// - Parameter ids: the groups of `other` that have rows, in any order.
  func add(_ other: AggregateTable, _ ids: [Int32], subtract: Bool) {
    let (mine, theirs) = (words.base, UnsafePointer(other.words.base))
    if ids.count &* 4 >= min(words.capacity, other.words.capacity) / stride {
      let count = min(words.capacity, other.words.capacity)
      if subtract {
        for w in 0..<count { mine[w] = mine[w] &- theirs[w] }
      } else {
        for w in 0..<count { mine[w] = mine[w] &+ theirs[w] }
      }
      return
    }
    let stride = stride
    let sign: Int64 = subtract ? -1 : 1
    for id in ids {
      let at = Int(id) &* stride
      for w in at..<(at &+ stride) { mine[w] = mine[w] &+ theirs[w] &* sign }
    }
  }

  /// As `add`, with group n of `other` going to group `ids[n]` here.
  func addInOrder(_ other: AggregateTable, to ids: [Int32], subtract: Bool) {
    let (mine, theirs, stride) = (words.base, UnsafePointer(other.words.base), stride)
    let sign: Int64 = subtract ? -1 : 1
    for (group, id) in ids.enumerated() {
      let (at, from) = (Int(id) &* stride, group &* stride)
      for w in 0..<stride { mine[at &+ w] = mine[at &+ w] &+ theirs[from &+ w] &* sign }
    }
  }

  /// One column per aggregate.
  func results(_ ids: [Int32]) throws(MillraceError) -> [Column] {
    let rows = rows
    return try ids.withUnsafeBufferPointer { ids throws(MillraceError) -> [Column] in
      var columns: [Column] = []
      guard let base = ids.baseAddress else { return columns }
      for accumulator in accumulators { columns.append(try accumulator.result(rows, base, ids.count)) }
      return columns
    }
  }

  /// Makes groups as good as new.
  func clear(_ ids: [Int32]) {
    let rows = rows
    ids.withUnsafeBufferPointer { ids in
      guard let base = ids.baseAddress else { return }
      for id in ids { rows.row(id, 0)[0] = 0 }
      for accumulator in accumulators { accumulator.clear(rows, base, ids.count) }
    }
  }

  /// As a table that has never been used; `ids` are the groups with rows.
  func reset(_ ids: [Int32]) {
    arrival = 0
    if combining == .addition && ids.count &* 4 >= words.capacity / stride { words.reset() } else { clear(ids) }
  }

  /// Writes the states of groups; `read` takes them in the same order into groups that are new.
  func write(_ ids: [Int32], into writer: inout ByteWriter) {
    let rows = rows
    writer.write(arrival)
    ids.withUnsafeBufferPointer { ids in
      guard let base = ids.baseAddress else { return }
      writer.write(blockOf: ids.count * 8) { raw in
        for (i, id) in ids.enumerated() { raw.storeBytes(of: rows.row(id, 0)[0].littleEndian, toByteOffset: i &* 8, as: Int64.self) }
      }
      for accumulator in accumulators { accumulator.write(rows, base, ids.count, into: &writer) }
    }
  }

  /// An increment brings new states of groups, which `read` takes next.
  func makeRoom(_ ids: [Int32]) {
    let rows = rows
    ids.withUnsafeBufferPointer { ids in
      guard let base = ids.baseAddress else { return }
      for accumulator in accumulators { accumulator.makeRoom(rows, base, ids.count) }
    }
  }

  /// The sets of distinct values that stand beside the groups' states: `write` does not have them.
  var sharedSets: [SharedDistinctSet] { accumulators.compactMap { ($0 as? SharedDistinctAccumulator)?.ledSet } }

  func read(_ ids: [Int32], from reader: inout ByteReader) throws(MillraceError) {
    let rows = rows
    arrival = max(arrival, try reader.readUInt64())
    try ids.withUnsafeBufferPointer { ids throws(MillraceError) in
      guard let base = ids.baseAddress else { return }
      let counts = try reader.readBlock()
      guard counts.count == ids.count * 8 else {
        throw MillraceError(.checkpointInvalid, "the state of an aggregate is damaged", hint: "restore from an older checkpoint")
      }
      counts.withUnsafeBytes { raw in
        for (i, id) in ids.enumerated() {
          rows.row(id, 0)[0] = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: i &* 8, as: Int64.self))
        }
      }
      for accumulator in accumulators { try accumulator.read(rows, base, ids.count, from: &reader) }
    }
  }
}
