#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs a program over UTF-8 bytes: backtracking in the order of `java.util.regex` (leftmost, then by preference), but no place of
/// the program is tried twice at one position. So the time is bounded by the product of the lengths of program and text, and the
/// outcome is the same: what failed once fails again, as nothing depends on what groups hold.
///
/// One difference from Java: in a repetition of something that can be empty, such as `(a*|b)*`, an empty round may be passed over for
/// another way on, and groups may keep the last round that took anything.
///
/// Owned by one thread.
final class RegexMatcher {
  private enum Job: UInt8 {
    case state, slot, back, on
  }
  private struct Entry: BitwiseCopyable {
    var job: Job
    var pc: Int32
    var a: Int
    var b: Int
  }

  private let program: RegexProgram
  private let children: [RegexMatcher]
  // What the loop reads and writes lies in memory of its own: no counting of references, no checks of access.
  private let code: UnsafeMutablePointer<RegexProgram.Instruction>
  private let tables: UnsafeMutablePointer<UInt8>
  private let literals: UnsafeMutablePointer<UInt8>
  private let markCount: Int
  private let slotCount: Int
  /// Positions of the match and its groups; -1 for a group that took no part.
  let slots: UnsafeMutablePointer<Int>
  private var stack: UnsafeMutablePointer<Entry>
  private var stackCapacity = 64
  private var depth = 0
  private var visited: UnsafeMutablePointer<UInt64>
  private var visitedCapacity = 16
  /// First word of `visited` that has not been touched.
  private var touched = 0
  private var base = 0
  /// Where a match has to end; -1 for anywhere.
  private var requiredEnd = -1

  init(_ program: RegexProgram) {
    self.program = program
    children = program.programs.map { RegexMatcher($0) }
    code = Self.copy(program.code)
    tables = Self.copy(program.tables)
    literals = Self.copy(program.literals)
    markCount = program.markCount
    slotCount = program.slotCount
    slots = .allocate(capacity: program.slotCount)
    slots.initialize(repeating: -1, count: program.slotCount)
    stack = .allocate(capacity: stackCapacity)
    visited = .allocate(capacity: visitedCapacity)
    visited.initialize(repeating: 0, count: visitedCapacity)
  }

  deinit {
    code.deallocate()
    tables.deallocate()
    literals.deallocate()
    slots.deallocate()
    stack.deallocate()
    visited.deallocate()
  }

  private static func copy<T: BitwiseCopyable>(_ values: [T]) -> UnsafeMutablePointer<T> {
    let memory = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
    for (i, value) in values.enumerated() { (memory + i).initialize(to: value) }
    return memory
  }

  @inline(__always) private func push(_ entry: Entry) {
    if depth == stackCapacity {
      let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: stackCapacity * 2)
      bigger.update(from: stack, count: depth)
      stack.deallocate()
      stack = bigger
      stackCapacity *= 2
    }
    stack[depth] = entry
    depth &+= 1
  }

  /// Begins a search whose attempts start at `start` or behind.
  func begin(_ text: Bytes, from start: Int) {
    base = start
    if touched > 0 { visited.update(repeating: 0, count: touched) }
    touched = 0
    let words = ((text.count &- start &+ 1) &* markCount &+ 63) / 64
    if words > visitedCapacity {
      visited.deallocate()
      visitedCapacity = max(words, visitedCapacity * 2)
      visited = .allocate(capacity: visitedCapacity)
      visited.initialize(repeating: 0, count: visitedCapacity)
    }
  }

  /// Tries a match at a position, which is never below that of an earlier attempt of the search.
  func attempt(_ text: Bytes, at start: Int) -> Bool {
    slots.update(repeating: -1, count: slotCount)
    depth = 0
    let end = run(text, start)
    if end < 0 { return false }
    slots[0] = start
    slots[1] = end
    return true
  }

  /// A whole search at one position.
  private func matchOnce(_ text: Bytes, at start: Int, end: Int = -1) -> Bool {
    requiredEnd = end
    begin(text, from: start)
    return attempt(text, at: start)
  }

  /// Whether a place is met for the first time.
  @inline(__always) private func mark(_ id: Int32, _ at: Int) -> Bool {
    let bit = (at &- base) &* markCount &+ Int(id)
    let word = bit >> 6
    let flag: UInt64 = 1 << UInt64(truncatingIfNeeded: bit & 63)
    if visited[word] & flag != 0 { return false }
    visited[word] |= flag
    if word >= touched { touched = word &+ 1 }
    return true
  }

  /// The end of the match, or -1.
  private func run(_ text: Bytes, _ start: Int) -> Int {
    var pc = 0
    var at = start
    while true {
      attempt: while true {
        let instruction = code[pc]
        switch instruction.operation {
        case .bytes:
          let count = Int(instruction.second)
          guard at &+ count <= text.count, let base = text.baseAddress,
            base[at] == literals[Int(instruction.first)], memcmp(base + at, literals + Int(instruction.first), count) == 0
          else { break attempt }
          at &+= count
          pc &+= 1
        case .one:
          guard let next = step(text, at, instruction.first) else { break attempt }
          at = next
          pc &+= 1
        case .split:
          guard mark(instruction.mark, at) else { break attempt }
          push(Entry(job: .state, pc: instruction.second, a: at, b: 0))
          pc = Int(instruction.first)
        case .loop:
          if mark(instruction.mark, at) {
            push(Entry(job: .state, pc: instruction.second, a: at, b: 0))
            pc = Int(instruction.first)
          } else {
            pc = Int(instruction.least)
          }
        case .jump: pc = Int(instruction.first)
        case .save:
          let slot = Int(instruction.first)
          if depth > 0 { push(Entry(job: .slot, pc: instruction.first, a: slots[slot], b: 0)) }
          slots[slot] = at
          pc &+= 1
        case .assertion:
          guard RegexMatcher.holds(instruction.assertion, text, at) else { break attempt }
          pc &+= 1
        case .possessiveRun:
          guard let end = runEnd(text, at, instruction) else { break attempt }
          at = end
          pc &+= 1
        case .greedyRun:
          guard mark(instruction.mark, at), let least = leastEnd(text, at, instruction),
            let end = runEnd(text, at, instruction)
          else { break attempt }
          at = end
          if end > least { push(Entry(job: .back, pc: Int32(truncatingIfNeeded: pc), a: least, b: end)) }
          guard mark(instruction.mark &+ 1, at) else { break attempt }
          pc &+= 1
        case .lazyRun:
          guard mark(instruction.mark, at), let least = leastEnd(text, at, instruction) else { break attempt }
          at = least
          push(Entry(job: .on, pc: Int32(truncatingIfNeeded: pc), a: least, b: Int(instruction.least)))
          guard mark(instruction.mark &+ 1, at) else { break attempt }
          pc &+= 1
        case .look:
          guard look(text, at, instruction) else { break attempt }
          pc &+= 1
        case .atomic:
          let child = children[Int(instruction.first)]
          guard child.matchOnce(text, at: at) else { break attempt }
          takeGroups(of: child)
          at = child.slots[1]
          pc &+= 1
        case .match:
          guard requiredEnd < 0 || requiredEnd == at else { break attempt }
          return at
        }
      }
      // Back to the last choice.
      resume: while true {
        if depth == 0 { return -1 }
        depth &-= 1
        let entry = stack[depth]
        switch entry.job {
        case .slot: slots[Int(entry.pc)] = entry.a
        case .state:
          pc = Int(entry.pc)
          at = entry.a
          break resume
        case .back:
          at = UTF8Slices.previous(text, entry.b)
          if at > entry.a { push(Entry(job: .back, pc: entry.pc, a: entry.a, b: at)) }
          guard mark(code[Int(entry.pc)].mark &+ 1, at) else { continue }
          pc = Int(entry.pc) &+ 1
          break resume
        case .on:
          let instruction = code[Int(entry.pc)]
          guard entry.b < Int(instruction.most), let next = step(text, entry.a, instruction.first) else { continue }
          at = next
          push(Entry(job: .on, pc: entry.pc, a: next, b: entry.b &+ 1))
          guard mark(instruction.mark &+ 1, at) else { continue }
          pc = Int(entry.pc) &+ 1
          break resume
        }
      }
    }
  }

  /// Behind one code point of a class, or nil.
  @inline(__always) private func step(_ text: Bytes, _ at: Int, _ index: Int32) -> Int? {
    guard at < text.count else { return nil }
    let byte = text[at]
    let answer = tables[Int(index) &* 256 &+ Int(byte)]
    if answer == 0 { return nil }
    if byte < 128 { return at &+ 1 }
    if answer == 2 && !program.classes[Int(index)].matches(UTF8Slices.codePoint(text, at)) { return nil }
    return UTF8Slices.next(text, at)
  }

  /// Behind the most code points that a run may take; nil when there are too few.
  private func runEnd(_ text: Bytes, _ start: Int, _ run: RegexProgram.Instruction) -> Int? {
    var at = start
    let first = Int(run.first) &* 256
    if run.most == .max && run.least <= 1 && tables[first &+ 255] != 2 {
      // The class holds all or none of the code points beyond ASCII: bytes will do.
      while at < text.count && tables[first &+ Int(text[at])] != 0 { at &+= 1 }
      return at > start || run.least == 0 ? at : nil
    }
    var count: Int32 = 0
    while count < run.most, let next = step(text, at, run.first) {
      at = next
      count &+= 1
    }
    return count >= run.least ? at : nil
  }

  /// Behind the fewest code points that a run must take.
  private func leastEnd(_ text: Bytes, _ start: Int, _ run: RegexProgram.Instruction) -> Int? {
    var at = start
    for _ in 0..<run.least {
      guard let next = step(text, at, run.first) else { return nil }
      at = next
    }
    return at
  }

  private func look(_ text: Bytes, _ at: Int, _ instruction: RegexProgram.Instruction) -> Bool {
    let child = children[Int(instruction.first)]
    let isNegative = instruction.second & 2 != 0
    var found = false
    if instruction.second & 1 != 0 {
      found = child.matchOnce(text, at: at)
    } else {
      let width = child.program.lookWidth
      var start = at &- width.least
      while !found && start >= 0 && at &- start <= width.most {
        if start == text.count || !UTF8Slices.isContinuation(text[start]) { found = child.matchOnce(text, at: start, end: at) }
        start &-= 1
      }
    }
    if found && !isNegative { takeGroups(of: child) }
    return found != isNegative
  }

  private func takeGroups(of child: RegexMatcher) {
    for slot in 2..<max(2, slotCount) where child.slots[slot] >= 0 {
      if depth > 0 { push(Entry(job: .slot, pc: Int32(slot), a: slots[slot], b: 0)) }
      slots[slot] = child.slots[slot]
    }
  }

  // MARK: assertions

  private static func holds(_ assertion: RegexNode.Assertion, _ text: Bytes, _ at: Int) -> Bool {
    switch assertion {
    case .textStart: return at == 0
    case .textEnd: return at == text.count
    case .textEndOrLastLine:
      if at == text.count { return true }
      // Between the two halves of a line end is no end of a line.
      guard let behind = lineEnd(text, at), !(text[at] == 10 && at > 0 && text[at &- 1] == 13) else { return false }
      return behind == text.count
    case .lineStart:
      if at == 0 { return true }
      if at == text.count { return false }
      return followsLineEnd(text, at)
    case .lineEnd:
      if at == text.count { return true }
      return lineEnd(text, at) != nil && !(text[at] == 10 && at > 0 && text[at &- 1] == 13)
    case .wordBoundary: return isWord(text, at) != isWord(text, at &- 1)
    case .noWordBoundary: return isWord(text, at) == isWord(text, at &- 1)
    }
  }

  @inline(__always) private static func isWord(_ text: Bytes, _ at: Int) -> Bool {
    at >= 0 && at < text.count && text[at] < 128 && CharacterProperty.word.holds(UInt32(text[at]))
  }

  /// Behind the line end at a position; nil when there is none.
  private static func lineEnd(_ text: Bytes, _ at: Int) -> Int? {
    switch text[at] {
    case 10: return at &+ 1
    case 13: return at &+ 1 < text.count && text[at &+ 1] == 10 ? at &+ 2 : at &+ 1
    case 0xC2: return at &+ 1 < text.count && text[at &+ 1] == 0x85 ? at &+ 2 : nil
    case 0xE2:
      guard at &+ 2 < text.count, text[at &+ 1] == 0x80, text[at &+ 2] & 0xFE == 0xA8 else { return nil }
      return at &+ 3
    default: return nil
    }
  }

  private static func followsLineEnd(_ text: Bytes, _ at: Int) -> Bool {
    let before = UTF8Slices.previous(text, at)
    guard lineEnd(text, before) != nil else { return false }
    return !(text[before] == 13 && text[at] == 10)
  }
}
