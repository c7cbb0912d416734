import MillraceColumns
import MillraceTypes

/// The columns of persons under construction.
struct NexmarkPersons {
  private let id, time: NexmarkNumberColumn
  private var name, email, card, city, state, extra: NexmarkTextColumn
  /// Rows written or passed over.
  private var next = 0

  init(rows: Int, count: Int, _ settings: NexmarkSettings) {
    id = NexmarkNumberColumn(rows: rows)
    time = NexmarkNumberColumn(rows: rows)
    name = NexmarkTextColumn(rows: rows, capacity: count * 14)
    email = NexmarkTextColumn(rows: rows, capacity: count * 15)
    card = NexmarkTextColumn(rows: rows, capacity: count * 19)
    city = NexmarkTextColumn(rows: rows, capacity: count * 13)
    state = NexmarkTextColumn(rows: rows, capacity: count * 2)
    extra = NexmarkTextColumn(rows: rows, capacity: count * NexmarkExtra(settings.personSize).longest)
  }

  mutating func append(
    _ row: Int, _ event: NexmarkEvent, _ settings: NexmarkSettings, _ random: NexmarkRandom, _ texts: NexmarkTexts
  ) {
    skip(to: row)
    next = row + 1
    let choices = NexmarkRandom.word(random.key0, event.number)
    let digits = NexmarkRandom.word(random.key1, event.number)
    let lengths = NexmarkRandom.word(random.key2, event.number)
    id.set(row, event.lastPerson(settings) + NexmarkSettings.firstPerson)
    time.set(row, event.millis)
    func choice(_ list: [StaticString], _ shift: UInt64) -> StaticString {
      list[Int(NexmarkRandom.short(choices, shift, UInt64(list.count)))]
    }
    let before = name.end + email.end + card.end + city.end + state.end
    name.append(choice(NexmarkTexts.firstNames, 0))
    name.append(" ")
    name.append(choice(NexmarkTexts.lastNames, 16))
    name.close(row, 0)
    city.append(choice(NexmarkTexts.cities, 32))
    city.close(row, 0)
    state.append(choice(NexmarkTexts.states, 48))
    state.close(row, 0)

    let local = 3 + Int(((lengths & 0xFF) * 4) >> 8)
    let domain = 3 + Int(((lengths >> 8 & 0xFF) * 2) >> 8)
    let address = email.target.assumingMemoryBound(to: UInt8.self)
    Self.letters(address, local, NexmarkRandom.word(random.key3, event.number))
    address[local] = 64
    Self.letters(address + local + 1, domain, NexmarkRandom.word(random.key4, event.number))
    (address + local + 1 + domain).update(from: (".com" as StaticString).utf8Start, count: 4)
    email.close(row, local + 1 + domain + 4)

    let number = card.target.assumingMemoryBound(to: UInt8.self)
    for part in 0..<4 {
      var rest = NexmarkRandom.short(digits, UInt64(16 * part), 10_000)
      for digit in (0..<4).reversed() {
        number[part * 5 + digit] = UInt8(48 + rest % 10)
        rest /= 10
      }
      if part < 3 { number[part * 5 + 4] = 32 }
    }
    card.close(row, 19)

    let size = 8 + name.end + email.end + card.end + city.end + state.end - before
    let length = NexmarkExtra(settings.personSize - size).length(lengths, 32)
    extra.append(row, texts.letters + Int(lengths >> 16 & 0xFFFF), length)
  }

  /// Small letters, one from each byte of a word.
  private static func letters(_ target: UnsafeMutablePointer<UInt8>, _ count: Int, _ word: UInt64) {
    for i in 0..<count { target[i] = UInt8(97 + (((word >> UInt64(8 * i) & 0xFF) * 26) >> 8)) }
  }

  private mutating func skip(to row: Int) {
    guard next < row else { return }
    let rows = next..<row
    name.skip(rows)
    email.skip(rows)
    card.skip(rows)
    city.skip(rows)
    state.skip(rows)
    extra.skip(rows)
  }

  mutating func columns(_ count: Int) -> [Column] {
    skip(to: count)
    let time = time.column(count, .timestamp(precision: 3))
    return [
      id.column(count, .int64), name.column(count), email.column(count), card.column(count), city.column(count), state.column(count), time,
      extra.column(count),
    ]
  }
}
