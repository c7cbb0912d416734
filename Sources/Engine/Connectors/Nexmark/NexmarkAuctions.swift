import MillraceColumns
import MillraceTypes

/// The columns of auctions under construction.
struct NexmarkAuctions {
  private let id, initialBid, reserve, time, expires, seller, category: NexmarkNumberColumn
  private var name, description, extra: NexmarkTextColumn
  /// Rows written or passed over.
  private var next = 0

  init(rows: Int, count: Int, _ settings: NexmarkSettings) {
    func number() -> NexmarkNumberColumn { NexmarkNumberColumn(rows: rows) }
    (id, initialBid, reserve, time) = (number(), number(), number(), number())
    (expires, seller, category) = (number(), number(), number())
    name = NexmarkTextColumn(rows: rows, capacity: count * 19)
    description = NexmarkTextColumn(rows: rows, capacity: count * 99)
    // Names and descriptions have at least one byte each.
    extra = NexmarkTextColumn(rows: rows, capacity: count * NexmarkExtra(settings.auctionSize - 50).longest)
  }

  mutating func append(
    _ row: Int, _ event: NexmarkEvent, _ settings: NexmarkSettings, _ random: NexmarkRandom, _ texts: NexmarkTexts,
    _ prices: UnsafePointer<Double>
  ) {
    skip(to: row)
    next = row + 1
    let who = NexmarkRandom.word(random.key0, event.number)
    let places = NexmarkRandom.word(random.key3, event.number)
    let lengths = NexmarkRandom.word(random.key4, event.number)
    id.set(row, event.lastAuction(settings) + NexmarkSettings.firstAuction)
    let hotSeller = event.lastPerson(settings) / NexmarkSettings.hotBatch * NexmarkSettings.hotBatch
    let isHot = NexmarkRandom.short(places, 0, settings.hotSellers) > 0
    seller.set(row, (isHot ? hotSeller : event.person(who, settings)) + NexmarkSettings.firstPerson)
    category.set(row, NexmarkSettings.firstCategory + Int64(NexmarkRandom.low(who, NexmarkSettings.categories)))
    let opening = NexmarkPrices.price(prices, NexmarkRandom.word(random.key1, event.number))
    initialBid.set(row, opening)
    reserve.set(row, opening + NexmarkPrices.price(prices, NexmarkRandom.word(random.key2, event.number)))
    time.set(row, event.millis)
    // Open for twice the time, at most, in which as many auctions begin as are open at once.
    let events = NexmarkSettings.openAuctions * settings.cycle / settings.auctions
    let horizon = min(max(2 * (settings.millis(event.number + events) - event.millis), 1), 1 << 31)
    expires.set(row, event.millis + 1 + Int64(NexmarkRandom.low(lengths, UInt64(horizon))))

    let nameCount = Self.words(texts.words + Int(places >> 16 & 0xFFFF), 3 + Int(((lengths >> 32 & 0xFF) * 17) >> 8)) { start, count in
      name.append(row, start, count)
    }
    let descriptionCount = Self.words(texts.words + Int(places >> 32 & 0xFFFF), 3 + Int(((lengths >> 40 & 0xFF) * 97) >> 8)) {
      start, count in
      description.append(row, start, count)
    }
    let length = NexmarkExtra(settings.auctionSize - 48 - nameCount - descriptionCount).length(lengths, 48)
    extra.append(row, texts.letters + Int(places >> 48), length)
  }

  /// Words without the spaces around them.
  @inline(__always) private static func words(
    _ start: UnsafePointer<UInt8>, _ count: Int, _ body: (UnsafePointer<UInt8>, Int) -> Void
  ) -> Int {
    var (first, end) = (0, count)
    while first < end, start[first] == 32 { first += 1 }
    while first < end, start[end - 1] == 32 { end -= 1 }
    body(start + first, end - first)
    return end - first
  }

  private mutating func skip(to row: Int) {
    guard next < row else { return }
    name.skip(next..<row)
    description.skip(next..<row)
    extra.skip(next..<row)
  }

  mutating func columns(_ count: Int) -> [Column] {
    skip(to: count)
    let time = time.column(count, .timestamp(precision: 3))
    let expires = expires.column(count, .timestamp(precision: 3))
    return [
      id.column(count, .int64), name.column(count), description.column(count), initialBid.column(count, .int64),
      reserve.column(count, .int64), time, expires, seller.column(count, .int64), category.column(count, .int64), extra.column(count),
    ]
  }
}
