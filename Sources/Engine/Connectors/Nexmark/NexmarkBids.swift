import MillraceColumns
import MillraceTypes

/// The columns of bids under construction. The hot one: nearly all events are bids, so nothing here branches on a random bit, and
/// texts are written by stores of a fixed number, the next text over what was too much.
struct NexmarkBids {
  private let auction, bidder, price, time: NexmarkNumberColumn
  private var channel, url, extra: NexmarkTextColumn
  private let extraLengths: NexmarkExtra
  /// Words of 16 bytes that hold the longest extra.
  private let extraWords: Int
  /// Rows written or passed over.
  private var next = 0

  /// - Parameters:
  ///   - rows: of the columns.
  ///   - count: bids among them, at most.
  init(rows: Int, count: Int, _ settings: NexmarkSettings) {
    extraLengths = NexmarkExtra(settings.bidSize - 32)
    extraWords = (extraLengths.longest + 15) / 16
    (auction, bidder, price) = (NexmarkNumberColumn(rows: rows), NexmarkNumberColumn(rows: rows), NexmarkNumberColumn(rows: rows))
    time = NexmarkNumberColumn(rows: rows)
    channel = NexmarkTextColumn(rows: rows, capacity: count * 12)
    url = NexmarkTextColumn(rows: rows, capacity: count * 78)
    extra = NexmarkTextColumn(rows: rows, capacity: count * extraLengths.longest)
  }

  /// The parts of texts that are the same for every bid, and the tables; kept in registers over a batch.
  struct Constants {
    let prefix0, prefix1, prefix2: UInt64
    let middle: SIMD16<UInt8>
    let id: SIMD16<UInt8>
    let letters: UnsafePointer<UInt8>
    let channels: UnsafePointer<UInt8>
    let names: UnsafeRawPointer
    let prices: UnsafePointer<Double>

    init(_ texts: NexmarkTexts, _ prices: UnsafePointer<Double>) {
      let prefix = Array(NexmarkTexts.urlPrefix.utf8)
      func part(_ i: Int) -> UInt64 { prefix.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: i, as: UInt64.self) } }
      (prefix0, prefix1, prefix2) = (part(0), part(8), part(16))
      func wide(_ text: String) -> SIMD16<UInt8> {
        var result = SIMD16<UInt8>(repeating: 0)
        for (i, byte) in text.utf8.prefix(16).enumerated() { result[i] = byte }
        return result
      }
      middle = wide(NexmarkTexts.urlMiddle)
      id = wide(NexmarkTexts.urlChannel)
      letters = texts.letters
      channels = texts.channels
      names = texts.names
      self.prices = prices
    }
  }

  @inline(__always) mutating func append(
    _ row: Int, _ event: NexmarkEvent, _ settings: NexmarkSettings, _ random: NexmarkRandom, _ constants: Constants
  ) {
    skip(to: row)
    next = row &+ 1
    let who = NexmarkRandom.word(random.key0, event.number)
    let odds = NexmarkRandom.word(random.key2, event.number)
    let place = NexmarkRandom.word(random.key3, event.number)
    let hotAuction = event.lastAuction(settings) / NexmarkSettings.hotBatch &* NexmarkSettings.hotBatch
    let isHotAuction = NexmarkRandom.short(odds, 0, settings.hotAuctions) > 0
    auction.set(row, Self.choice(isHotAuction, hotAuction, event.auction(who, settings)) &+ NexmarkSettings.firstAuction)
    // The second person of the batch, so that hot bidders are not hot sellers. The benchmark adds the first id twice, and so do we.
    let hotBidder = event.lastPerson(settings) / NexmarkSettings.hotBatch &* NexmarkSettings.hotBatch &+ 1
    let isHotBidder = NexmarkRandom.short(odds, 16, settings.hotBidders) > 0
    bidder.set(row, Self.choice(isHotBidder, hotBidder, event.person(who, settings)) &+ 2 &* NexmarkSettings.firstPerson)
    price.set(row, NexmarkPrices.price(constants.prices, NexmarkRandom.word(random.key1, event.number)))
    time.set(row, event.millis)

    let isHot = place >> 63 != 0
    let hotIndex = place >> 61 & 3
    let channelIndex = Self.choice(
      isHot, Int64(NexmarkTexts.channelCount &+ hotIndex), Int64(NexmarkRandom.low(place, NexmarkTexts.channelCount)))
    let entry = UnsafeRawPointer(constants.channels + Int(channelIndex) &* NexmarkTexts.Entry.width)
    let lengths = entry.load(fromByteOffset: NexmarkTexts.Entry.lengths, as: UInt8.self)
    let name = channel.target
    let nameIndex = Self.choice(isHot, Int64(hotIndex), Int64(NexmarkTexts.hotChannels.count))
    name.storeBytes(of: constants.names.loadUnaligned(fromByteOffset: Int(nameIndex) &* 8, as: UInt64.self), as: UInt64.self)
    name.storeBytes(of: entry.loadUnaligned(fromByteOffset: NexmarkTexts.Entry.number, as: UInt32.self), toByteOffset: 8, as: UInt32.self)
    channel.close(row, Int(lengths >> 4))

    let link = url.target
    link.storeBytes(of: constants.prefix0, as: UInt64.self)
    link.storeBytes(of: constants.prefix1, toByteOffset: 8, as: UInt64.self)
    link.storeBytes(of: constants.prefix2, toByteOffset: 16, as: UInt64.self)
    link.storeBytes(of: entry.loadUnaligned(as: SIMD16<UInt8>.self), toByteOffset: 24, as: SIMD16<UInt8>.self)
    let tail = link + 24 + Int(lengths & 15)
    tail.storeBytes(of: constants.middle, as: SIMD16<UInt8>.self)
    tail.storeBytes(of: constants.id, toByteOffset: 16, as: SIMD16<UInt8>.self)
    tail.storeBytes(
      of: entry.loadUnaligned(fromByteOffset: NexmarkTexts.Entry.id, as: SIMD16<UInt8>.self), toByteOffset: 28, as: SIMD16<UInt8>.self)
    url.close(row, 24 &+ Int(entry.load(fromByteOffset: NexmarkTexts.Entry.urlTail, as: UInt8.self)))

    let source = UnsafeRawPointer(constants.letters + Int(odds >> 48))
    let target = extra.target
    for word in 0..<extraWords {
      target.storeBytes(
        of: source.loadUnaligned(fromByteOffset: word &* 16, as: SIMD16<UInt8>.self), toByteOffset: word &* 16, as: SIMD16<UInt8>.self)
    }
    extra.close(row, extraLengths.length(odds, 32))
  }

  /// `a` or `b`, by masks: which one is chance, so a branch would be guessed wrong.
  @inline(__always) private static func choice(_ isFirst: Bool, _ a: Int64, _ b: Int64) -> Int64 {
    b ^ ((a ^ b) & (0 &- (isFirst ? 1 : 0)))
  }

  @inline(__always) private mutating func skip(to row: Int) {
    if next < row {
      channel.skip(next..<row)
      url.skip(next..<row)
      extra.skip(next..<row)
    }
  }

  mutating func columns(_ count: Int) -> [Column] {
    skip(to: count)
    let time = time.column(count, .timestamp(precision: 3))
    return [
      auction.column(count, .int64), bidder.column(count, .int64), price.column(count, .int64), channel.column(count), url.column(count),
      time, extra.column(count),
    ]
  }
}
