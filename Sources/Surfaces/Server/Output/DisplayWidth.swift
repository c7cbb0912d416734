/// How many columns of a terminal text takes.
public enum DisplayWidth {
  /// 0 for combining and other marks that take no place, 2 for what East Asian scripts and emoji take (Unicode's East Asian Width W and F,
  /// by blocks), else 1.
  public static func of(_ character: Character) -> Int {
    let scalars = character.unicodeScalars
    guard let first = scalars.first else { return 0 }
    if first.isASCII { return first.value < 32 || first.value == 127 ? 0 : 1 }
    if scalars.contains(where: { $0.value == 0xFE0F }) || scalars.contains(where: { $0.properties.isEmojiPresentation }) { return 2 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: return isWide(first.value) ? 2 : 1
    }
  }

  public static func of(_ text: some StringProtocol) -> Int {
    var total = 0
    for character in text { total += of(character) }
    return total
  }

  /// As much of a text as fits, with `…` as its end when something is left out; newlines are shown as spaces.
  public static func cut(_ text: String, to width: Int) -> String {
    let oneLine = String(text.map { $0.isNewline ? " " : $0 })
    if of(oneLine) <= width { return oneLine }
    var result = ""
    var total = 0
    for character in oneLine {
      total += of(character)
      if total > width - 1 { break }
      result.append(character)
    }
    return result + "…"
  }

  /// The text with spaces behind it (or before it) up to a width.
  public static func padded(_ text: String, to width: Int, rightAligned: Bool = false) -> String {
    let padding = String(repeating: " ", count: max(0, width - of(text)))
    return rightAligned ? padding + text : text + padding
  }

  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
    0x16FE0...0x18CFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
  ]

  private static func isWide(_ value: UInt32) -> Bool {
    var (low, high) = (0, wide.count)
    while low < high {
      let middle = (low + high) / 2
      if wide[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < wide.count && wide[low].contains(value)
  }
}
