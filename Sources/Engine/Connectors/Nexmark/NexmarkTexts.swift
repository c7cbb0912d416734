/// The texts that events are put together from, made once from the seed.
///
/// - `letters`: what `extra` is cut from, bytes from 25 below to 25 above `a`.
/// - `words`: what item names and descriptions are cut from: small letters and, one in thirteen, spaces, never three in a row.
/// - `channels`: 10,000 channels and 4 hot ones, 32 bytes each: the variable parts of url and channel name (`Entry`).
/// - `names`: the first eight bytes of channel names: of the hot ones, then of all others.
final class NexmarkTexts: Sendable {
  static let poolBytes = 1 << 16
  static let longestExtra = 8192
  static let channelCount: UInt64 = 10_000
  static let hotChannels = ["Google", "Facebook", "Baidu", "Apple"]

  /// Places in a channel's 32 bytes: three path parts with a slash behind each (at most 15 bytes), the channel id (at most 11), the
  /// channel's number (at most 4), a byte with the length of the path and, above 4 bits, of the channel's name, and the length
  /// of the url from the path on.
  enum Entry {
    static let width = 32
    static let id = 15
    static let number = 26
    static let lengths = 30
    static let urlTail = 31
  }
  static let urlPrefix = "https://www.nexmark.com/"
  static let urlMiddle = "item.htm?query=1"
  static let urlChannel = "&channel_id="

  private let memory: Block
  var letters: UnsafePointer<UInt8> { UnsafePointer(memory.base) }
  var words: UnsafePointer<UInt8> { letters + Self.poolBytes + Self.longestExtra }
  var channels: UnsafePointer<UInt8> { letters + 2 * (Self.poolBytes + Self.longestExtra) }

  var names: UnsafeRawPointer { UnsafeRawPointer(channels + Self.channelBytes) }
  private static let channelBytes = (Int(channelCount) + hotChannels.count) * Entry.width

  private final class Block: @unchecked Sendable {  // guard: written by NexmarkTexts.init alone, before anybody else sees it
    let base: UnsafeMutablePointer<UInt8>
    init(_ count: Int) {
      base = .allocate(capacity: count)
      base.initialize(repeating: 0, count: count)
    }
    deinit { base.deallocate() }
  }

  init(seed: UInt64) {
    let poolSize = Self.poolBytes + Self.longestExtra
    let block = Block(2 * poolSize + Self.channelBytes + (Self.hotChannels.count + 1) * 8 + 64)
    func bits(_ purpose: UInt64, _ number: Int) -> UInt64 {
      NexmarkRandom.word(NexmarkRandom.mix(seed ^ purpose), Int64(number))
    }
    for i in 0..<poolSize { block.base[i] = UInt8(97 - 25 + Int(NexmarkRandom.low(bits(1, i), 51))) }
    let words = block.base + poolSize
    for i in 0..<poolSize {
      let word = bits(2, i)
      let isAfterTwo = i >= 2 && words[i - 1] == 32 && words[i - 2] == 32
      words[i] = NexmarkRandom.high(word, 13) == 0 && !isAfterTwo ? 32 : UInt8(97 + NexmarkRandom.low(word, 26))
    }
    let channels = words + poolSize
    for i in 0..<Int(Self.channelCount) + Self.hotChannels.count {
      Self.fill(channels + i * Entry.width, i, bits(3, i), bits(4, i))
    }
    for (i, name) in (Self.hotChannels + ["channel-"]).enumerated() {
      for (j, byte) in name.utf8.prefix(8).enumerated() { channels[Self.channelBytes + i * 8 + j] = byte }
    }
    memory = block
  }

  private static func fill(_ entry: UnsafeMutablePointer<UInt8>, _ index: Int, _ first: UInt64, _ second: UInt64) {
    let isHot = index >= Int(channelCount)
    // Three parts of 3 or 4 characters: small letters and, one in thirteen, underscores.
    var at = 0
    for part in 0..<3 {
      for letter in 0..<(3 + Int(second >> UInt64(part) & 1)) {
        let word = NexmarkRandom.mix(first &+ UInt64(part * 4 + letter))
        entry[at] = NexmarkRandom.high(word, 13) == 0 ? 95 : UInt8(97 + NexmarkRandom.low(word, 26))
        at += 1
      }
      entry[at] = 47
      at += 1
    }
    var tail = at + urlMiddle.utf8.count
    // Nine of ten channels have an id: the 32 bits of the number in reverse, without the sign where it can be taken off.
    if !isHot, NexmarkRandom.high(second, 10) > 0 {
      let reversed = Int32(bitPattern: reverse(UInt32(index)))
      let id = Array(String(reversed == .min ? reversed : abs(reversed)).utf8)
      for (i, digit) in id.enumerated() { entry[Entry.id + i] = digit }
      tail += urlChannel.utf8.count + id.count
    }
    var nameLength = isHot ? hotChannels[index - Int(channelCount)].utf8.count : 8
    if !isHot {
      for (i, digit) in String(index).utf8.enumerated() {
        entry[Entry.number + i] = digit
        nameLength += 1
      }
    }
    entry[Entry.lengths] = UInt8(at | nameLength << 4)
    entry[Entry.urlTail] = UInt8(tail)
  }

  private static func reverse(_ value: UInt32) -> UInt32 {
    var (value, result) = (value, UInt32(0))
    for _ in 0..<32 {
      result = result << 1 | value & 1
      value >>= 1
    }
    return result
  }

  static let states: [StaticString] = ["AZ", "CA", "ID", "OR", "WA", "WY"]
  static let cities: [StaticString] = [
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne",
  ]
  static let firstNames: [StaticString] = ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"]
  static let lastNames: [StaticString] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
}
