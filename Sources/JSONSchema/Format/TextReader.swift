/// Walks over the bytes of a text.
///
/// A method that reads something leaves the reader behind it and says whether it was there; after a
/// false the reader may stand anywhere.
struct TextReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var at: Int
  private let end: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.init(bytes, 0..<bytes.count) }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { at == end }
  /// How many bytes are left.
  var count: Int { end - at }
  /// The next byte, 0 at the end.
  var next: UInt8 { at < end ? bytes[at] : 0 }
  var last: UInt8 { at < end ? bytes[end - 1] : 0 }

  /// The byte some way ahead, 0 beyond the end.
  func peek(_ distance: Int) -> UInt8 { at + distance < end ? bytes[at + distance] : 0 }

  func contains(_ byte: UInt8) -> Bool { bytes[at..<end].contains(byte) }

  func firstPlace(of byte: UInt8) -> Int? { bytes[at..<end].firstIndex(of: byte) }

  func lastPlace(of byte: UInt8) -> Int? { bytes[at..<end].lastIndex(of: byte) }

  /// A reader of what is left up to a place.
  func until(_ place: Int) -> TextReader { TextReader(bytes, at..<place) }

  /// A reader of what is left from a place on.
  func from(_ place: Int) -> TextReader { TextReader(bytes, place..<end) }

  /// The rest as code points, nil where it is not UTF-8.
  var scalars: [Unicode.Scalar]? {
    String(validating: bytes[at..<end], as: UTF8.self).map { Array($0.unicodeScalars) }
  }

  mutating func skip(_ count: Int = 1) { at = min(at + count, end) }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard at < end, UInt32(bytes[at]) == character.value else { return false }
    at += 1
    return true
  }

  /// Takes a letter of either case.
  mutating func takeLetter(_ lowercase: Unicode.Scalar) -> Bool {
    guard at < end, UInt32(bytes[at] | 0x20) == lowercase.value else { return false }
    at += 1
    return true
  }

  /// A number of exactly this many digits.
  mutating func number(digits: Int) -> Int? {
    guard count >= digits else { return nil }
    var value = 0
    for _ in 0..<digits {
      guard isDigit(bytes[at]) else { return nil }
      value = value * 10 + Int(bytes[at] &- 0x30)
      at += 1
    }
    return value
  }

  /// Takes digits and returns how many there were.
  mutating func skipDigits() -> Int {
    let start = at
    while at < end, isDigit(bytes[at]) { at += 1 }
    return at - start
  }

  mutating func skipHexDigits() -> Int {
    let start = at
    while at < end, isHexDigit(bytes[at]) { at += 1 }
    return at - start
  }
}

func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

func isHexDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 6 }
