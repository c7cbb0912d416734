import MillraceInference
import Testing

@Suite struct SHA256Tests {
  // FIPS 180-4 example values (NIST, "Examples with Intermediate Values") and the empty message.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func publishedVectors(text: String, digest: String) {
    #expect(SHA256.hex(text.utf8) == digest)
  }

  @Test func everyLengthAndCutAgree() {
    let bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    for length in 0...bytes.count {
      let whole = SHA256.hex(bytes.prefix(length))
      for cut in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128] where cut <= length {
        var hash = SHA256()
        bytes[0..<cut].withUnsafeBytes { hash.update($0) }
        bytes[cut..<length].withUnsafeBytes { hash.update($0) }
        let digest = hash.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(digest == whole, "length \(length) cut at \(cut)")
      }
    }
  }
}
