import MillraceColumns
import MillraceTypes

/// Makes the columns of events from their numbers.
///
/// The proportions, ids, hot keys, prices, lengths and sizes are those of the Nexmark benchmark (github.com/nexmark/nexmark); the random
/// numbers are `NexmarkRandom`'s, so that the same settings give the same events anywhere. Immutable: shared by all readers.
struct NexmarkGenerator: Sendable {
  let settings: NexmarkSettings
  private let random: NexmarkRandom
  private let prices = NexmarkPrices()
  private let texts: NexmarkTexts

  init(_ settings: NexmarkSettings) {
    self.settings = settings
    random = NexmarkRandom(seed: settings.seed)
    texts = NexmarkTexts(seed: settings.seed)
  }

  @inline(__always) private func kind(_ event: NexmarkEvent) -> NexmarkSchema.Kind {
    event.place < settings.persons ? .persons : event.place < settings.persons &+ settings.auctions ? .auctions : .bids
  }

  /// Columns of `NexmarkSchema`'s table `events`, one row per event: every column of every event.
  func events(_ numbers: UnsafeBufferPointer<Int64>) -> [Column] {
    let rows = numbers.count
    let settings = settings
    let random = random
    // What the texts of each kind need depends on how many there are.
    var counts = (persons: 0, auctions: 0)
    let kinds = Buffer(uninitialized: rows * 4)
    let kindOf = kinds.pointer(Int32.self)
    let masks = Buffer(zeroed: 3 * rows)
    let (isPerson, isAuction) = (masks.pointer(UInt8.self), masks.pointer(UInt8.self) + rows)
    let isBid = isAuction + rows
    let places = Buffer(uninitialized: rows * MemoryLayout<NexmarkEvent>.stride)
    let events = places.pointer(NexmarkEvent.self)
    for i in 0..<rows {
      let event = NexmarkEvent(numbers[i], settings)
      events[i] = event
      let (person, auction) = (event.place < settings.persons, event.place < settings.persons &+ settings.auctions)
      kindOf[i] = person ? 0 : auction ? 1 : 2
      isPerson[i] = person ? 1 : 0
      isAuction[i] = auction && !person ? 1 : 0
      isBid[i] = auction ? 0 : 1
      counts.persons &+= person ? 1 : 0
      counts.auctions &+= auction && !person ? 1 : 0
    }
    var persons = NexmarkPersons(rows: rows, count: counts.persons, settings)
    var auctions = NexmarkAuctions(rows: rows, count: counts.auctions, settings)
    var bids = NexmarkBids(rows: rows, count: rows - counts.persons - counts.auctions, settings)
    prices.withTable { prices in
      let constants = NexmarkBids.Constants(texts, prices)
      for i in 0..<rows {
        switch kindOf[i] {
        case 2: bids.append(i, events[i], settings, random, constants)
        case 1: auctions.append(i, events[i], settings, random, texts, prices)
        default: persons.append(i, events[i], settings, random, texts)
        }
      }
    }
    func row(_ schema: Schema, _ mask: UnsafeMutablePointer<UInt8>, _ columns: [Column]) -> Column {
      Column(type: .row(schema.fields), count: rows, validity: Bitmap(mask: mask, count: rows), values: .fields(columns))
    }
    return withExtendedLifetime((masks, texts)) {
      [
        Column(type: .int32, count: rows, values: .fixed(kinds)), row(NexmarkSchema.person, isPerson, persons.columns(rows)),
        row(NexmarkSchema.auction, isAuction, auctions.columns(rows)), row(NexmarkSchema.bid, isBid, bids.columns(rows)),
      ]
    }
  }

  /// Numbers of the events of one kind among some, in their order.
  func numbers(of wanted: NexmarkSchema.Kind, among numbers: UnsafeBufferPointer<Int64>) -> [Int64] {
    numbers.filter { kind(NexmarkEvent($0, settings)) == wanted }
  }

  /// Columns of the table of one kind, one row per event; all events are of that kind.
  func rows(of kind: NexmarkSchema.Kind, _ numbers: UnsafeBufferPointer<Int64>) -> [Column] {
    let rows = numbers.count
    let columns = prices.withTable { prices -> [Column] in
      switch kind {
      case .events: return events(numbers)
      case .persons:
        var persons = NexmarkPersons(rows: rows, count: rows, settings)
        for i in 0..<rows { persons.append(i, NexmarkEvent(numbers[i], settings), settings, random, texts) }
        return persons.columns(rows)
      case .auctions:
        var auctions = NexmarkAuctions(rows: rows, count: rows, settings)
        for i in 0..<rows { auctions.append(i, NexmarkEvent(numbers[i], settings), settings, random, texts, prices) }
        return auctions.columns(rows)
      case .bids:
        var bids = NexmarkBids(rows: rows, count: rows, settings)
        let constants = NexmarkBids.Constants(texts, prices)
        for i in 0..<rows { bids.append(i, NexmarkEvent(numbers[i], settings), settings, random, constants) }
        return bids.columns(rows)
      }
    }
    return withExtendedLifetime(texts) { columns }
  }
}
