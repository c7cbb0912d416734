/// What a person does at the keyboard.
public enum Key: Sendable, Hashable {
  /// A character, without control characters.
  case character(Character)
  /// Text that came at once from the clipboard; may have line ends.
  case paste(String)
  case enter, tab, backspace, delete
  case left, right, up, down, home, end
  case wordLeft, wordRight
  /// Ctrl with a letter, in lower case.
  case control(Character)
  /// Alt (or Escape before it) with a letter, in lower case.
  case alt(Character)
  case escape
}

/// Turns the bytes that a terminal sends into keys; sequences may come in pieces. Unknown sequences are passed over.
public struct KeyReader: Sendable {
  private var pending: [UInt8] = []
  /// Bytes of a paste that has begun.
  private var pasted: [UInt8]?
  private static let pasteEnd: [UInt8] = Array("\u{1B}[201~".utf8)

  public init() {}

  /// Something has begun whose end has not come: after a moment of silence, `flush` takes it for what it is.
  public var isWaiting: Bool { !pending.isEmpty && pasted == nil }

  public mutating func feed(_ bytes: [UInt8]) -> [Key] {
    pending += bytes
    var keys: [Key] = []
    while let key = next() { if let key = key.key { keys.append(key) } }
    return keys
  }

  /// Nothing more comes: a lone Escape is the key.
  public mutating func flush() -> [Key] {
    guard isWaiting else { return [] }
    let isEscape = pending == [0x1B]
    pending = []
    return isEscape ? [.escape] : []
  }

  /// The next key, `key` nil for what stands for none; nil when more bytes are needed.
  private mutating func next() -> (key: Key?, Void)? {
    guard pasted == nil else { return nextOfPaste() }
    guard let first = pending.first else { return nil }
    switch first {
    case 0x1B: return escape()
    case 0x0D, 0x0A: return take(1, .enter)
    case 0x09: return take(1, .tab)
    case 0x7F, 0x08: return take(1, .backspace)
    case 0..<0x20: return take(1, .control(Character(UnicodeScalar(first | 0x60))))
    case 0x20..<0x80: return take(1, .character(Character(UnicodeScalar(first))))
    default: return multibyte(first)
    }
  }

  private mutating func take(_ count: Int, _ key: Key?) -> (key: Key?, Void) {
    pending.removeFirst(count)
    return (key, ())
  }

  private mutating func multibyte(_ first: UInt8) -> (key: Key?, Void)? {
    let length = first >= 0xF8 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
    guard pending.count >= length else { return nil }
    let text = String(validating: pending[..<length], as: UTF8.self)
    // A byte that begins nothing is passed over.
    return take(text == nil ? 1 : length, text?.first.map { .character($0) })
  }

  private mutating func escape() -> (key: Key?, Void)? {
    guard pending.count >= 2 else { return nil }
    switch pending[1] {
    case UInt8(ascii: "["), UInt8(ascii: "O"): return sequence()
    case 0x1B: return take(1, .escape)
    case 0x7F, 0x08: return take(2, .control("w"))
    case let byte where byte >= 0x20 && byte < 0x7F:
      let letter = Character(UnicodeScalar(byte).properties.lowercaseMapping)
      return take(2, letter == "b" ? .wordLeft : letter == "f" ? .wordRight : .alt(letter))
    default: return take(1, .escape)
    }
  }

  /// `ESC [ parameters letter` or `ESC O letter`.
  private mutating func sequence() -> (key: Key?, Void)? {
    var at = 2
    while at < pending.count, (0x20..<0x40).contains(pending[at]) { at += 1 }
    guard at < pending.count else { return nil }
    let parameters = String(decoding: pending[2..<at], as: UTF8.self)
    let withModifier = parameters.contains(";")
    let key: Key?
    switch pending[at] {
    case UInt8(ascii: "A"): key = .up
    case UInt8(ascii: "B"): key = .down
    case UInt8(ascii: "C"): key = withModifier ? .wordRight : .right
    case UInt8(ascii: "D"): key = withModifier ? .wordLeft : .left
    case UInt8(ascii: "H"): key = .home
    case UInt8(ascii: "F"): key = .end
    case UInt8(ascii: "~"):
      switch parameters.split(separator: ";").first ?? "" {
      case "1", "7": key = .home
      case "4", "8": key = .end
      case "3": key = .delete
      case "200":
        pasted = []
        key = nil
      default: key = nil
      }
    default: key = nil
    }
    return take(at + 1, key)
  }

  private mutating func nextOfPaste() -> (key: Key?, Void)? {
    let end = Self.pasteEnd
    for at in pending.indices where pending[at] == end[0] {
      let rest = pending[at...].prefix(end.count)
      if rest.elementsEqual(end) {
        let text = String(decoding: (pasted ?? []) + pending[..<at], as: UTF8.self)
        pasted = nil
        return take(at + end.count, .paste(text))
      }
      if rest.count < end.count, end.starts(with: rest) {
        pasted? += pending[..<at]
        pending.removeFirst(at)
        return nil
      }
    }
    pasted? += pending
    pending = []
    return nil
  }
}
