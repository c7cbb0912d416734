/// The place of an event among all events: what its ids follow from.
struct NexmarkEvent {
  var number: Int64
  /// Cycles before it, and its place in its own.
  var cycle: Int64
  var place: Int64
  var millis: Int64

  @inline(__always) init(_ number: Int64, _ settings: NexmarkSettings) {
    self.number = number
    (cycle, place) = number.quotientAndRemainder(dividingBy: settings.cycle)
    millis = settings.millis(number)
  }

  /// The newest person as of this event, counted from 0: itself if it is one.
  @inline(__always) func lastPerson(_ settings: NexmarkSettings) -> Int64 {
    cycle &* settings.persons &+ min(place, settings.persons &- 1)
  }

  /// The newest auction as of this event, counted from 0: itself if it is one; -1 before the first.
  @inline(__always) func lastAuction(_ settings: NexmarkSettings) -> Int64 {
    let inCycle = place < settings.persons ? -1 : min(place &- settings.persons, settings.auctions &- 1)
    return cycle &* settings.auctions &+ inCycle
  }

  /// A person that is active as of this event, or is about to come; counted from 0. From the high half of a word.
  @inline(__always) func person(_ word: UInt64, _ settings: NexmarkSettings) -> Int64 {
    let persons = lastPerson(settings) &+ 1
    let active = min(persons, NexmarkSettings.activePersons)
    return persons &- active &+ Int64(NexmarkRandom.high(word, UInt64(active &+ NexmarkSettings.lead)))
  }

  /// An auction that is likely to be open, or is about to come; counted from 0. From the low half of a word.
  @inline(__always) func auction(_ word: UInt64, _ settings: NexmarkSettings) -> Int64 {
    let last = lastAuction(settings)
    let first = max(last &- NexmarkSettings.openAuctions, 0)
    return first &+ Int64(NexmarkRandom.low(word, UInt64(last &- first &+ 1 &+ NexmarkSettings.lead)))
  }
}

/// How long extra texts are: such that an event has a given size on average, up to a fifth more or less.
struct NexmarkExtra {
  let least: Int
  /// Lengths to choose from.
  let span: UInt64

  /// - Parameter rest: bytes left for the text on average; at or below 0 there is none.
  @inline(__always) init(_ rest: Int) {
    let rest = max(0, rest)
    let delta = (2 &* rest &+ 5) / 10
    least = rest &- delta
    span = UInt64(2 &* delta)
  }

  /// From 16 bits of a word.
  @inline(__always) func length(_ word: UInt64, _ shift: UInt64) -> Int { least &+ Int(NexmarkRandom.short(word, shift, span)) }
  /// No text is longer.
  var longest: Int { least &+ Int(span) }
}
