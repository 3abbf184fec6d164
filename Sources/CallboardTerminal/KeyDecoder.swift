/// Turns the bytes of a terminal into keys.
///
/// Knows the syntax of escape sequences, so that one it has no name for is swallowed whole and
/// never comes out as letters. Time is passed in, from a monotonic clock.
public struct KeyDecoder: Sendable {
  /// How long an Esc waits for the rest of a sequence.
  public static let escapeDelay = Duration.milliseconds(25)
  /// How long after an Esc a `[` or `O` still belongs to it, and how long a sequence may pause.
  public static let sequenceDelay = Duration.milliseconds(500)
  /// A paste whose end has not come after this long without a byte is over.
  public static let pasteDelay = Duration.seconds(10)
  /// In bytes.
  public static let pasteLimit = 1 << 20

  private var bytes: [UInt8] = []
  private var position = 0
  private var lastByte = Duration.zero
  private var state = State.ground
  private let named: [[UInt8]: Key]

  private enum State {
    case ground
    /// A lone Esc came at this time and has been given out.
    case afterEscape(since: Duration)
    case paste([UInt8])
    /// A string the terminal sends (OSC, DCS, APC) up to its end.
    case terminalString
  }

  /// - Parameter named: the sequences of this terminal's keys, all of which begin with Esc, beside
  ///   those that every terminal has.
  public init(named: [[UInt8]: Key] = [:]) {
    self.named = named.filter { $0.key.count > 1 && $0.key[0] == 0x1B }
  }

  public mutating func feed(_ new: some Sequence<UInt8>, at now: Duration) {
    if position > 0 {
      bytes.removeFirst(position)
      position = 0
    }
    bytes.append(contentsOf: new)
    lastByte = now
  }

  /// Forgets what has come so far: for when another program had the terminal.
  public mutating func reset() {
    bytes = []
    position = 0
    state = .ground
  }

  /// When to ask again although no byte has come: nil while nothing is half done.
  public var deadline: Duration? {
    switch state {
    case .paste: return lastByte + Self.pasteDelay
    case .terminalString: return lastByte + Self.sequenceDelay
    case .ground, .afterEscape:
      guard position < bytes.count else { return nil }
      let alone = bytes[position] == 0x1B && position + 1 == bytes.count
      return lastByte + (alone ? Self.escapeDelay : longestPause)
    }
  }

  /// Whether nothing has been read that is not given out, and nothing is half done.
  public var isIdle: Bool { deadline == nil }

  /// The next key, or nil until more bytes or the deadline come.
  public mutating func next(at now: Duration) -> Key? {
    while true {
      switch step(at: now) {
      case .key(let key): return key
      case .again: continue
      case .wait: return nil
      }
    }
  }

  private enum Step {
    case key(Key)
    case again
    case wait
  }

  private mutating func step(at now: Duration) -> Step {
    switch state {
    case .paste(let pasted): return paste(pasted, at: now)
    case .terminalString: return terminalString(at: now)
    case .afterEscape(let since):
      guard let byte = peek() else { return .wait }
      state = .ground
      // What belongs together was torn apart by a slow line.
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O"),
        lastByte - since < Self.sequenceDelay
      {
        bytes.insert(0x1B, at: position)
        return sequence(at: now, torn: true)
      }
      return .again
    case .ground: break
    }
    guard let byte = peek() else { return .wait }
    if byte == 0x1B { return sequence(at: now, torn: false) }
    if byte < 0x80 {
      position += 1
      return .key(plain(byte))
    }
    return unicode(at: now)
  }

  private func peek(_ offset: Int = 0) -> UInt8? {
    position + offset < bytes.count ? bytes[position + offset] : nil
  }

  private func plain(_ byte: UInt8) -> Key {
    switch byte {
    case 0x08, 0x7F: .backspace
    case 0x09: .tab
    case 0x0A, 0x0D: .enter
    case 0: .control("@")
    case 1...0x1A: .control(Character(Unicode.Scalar(byte + 0x60)))
    case 0x1C...0x1F: .control(Character(Unicode.Scalar(byte + 0x40)))
    default: .character(Character(Unicode.Scalar(byte)))
    }
  }

  private mutating func unicode(at now: Duration) -> Step {
    let count =
      switch bytes[position] {
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 1
      }
    let there = bytes[position...].prefix(count)
    let rest = there.dropFirst()
    if count == 1 || rest.contains(where: { $0 & 0xC0 != 0x80 }) {
      position += 1
      return .key(.brokenSequence)
    }
    if there.count < count {
      guard now - lastByte >= Self.sequenceDelay else { return .wait }
      position = bytes.count
      return .key(.brokenSequence)
    }
    position += count
    guard let text = String(validating: there, as: UTF8.self), let character = text.first else {
      return .key(.brokenSequence)
    }
    return .key(.character(character))
  }

  // MARK: sequences

  /// At an Esc.
  private mutating func sequence(at now: Duration, torn: Bool) -> Step {
    guard let second = peek(1) else {
      guard now - lastByte >= Self.escapeDelay else { return .wait }
      position += 1
      state = .afterEscape(since: lastByte)
      return .key(.escape)
    }
    if !torn, let (key, count) = namedKey() {
      position += count
      return .key(key)
    }
    let end: SequenceEnd
    switch second {
    case UInt8(ascii: "["): end = controlSequence()
    case UInt8(ascii: "O"): end = singleShift()
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"),
      UInt8(ascii: "X"):
      position += 2
      state = .terminalString
      return .again
    default:
      // Esc and a key, or Alt and a key: terminals send the same.
      position += 1
      return .key(.escape)
    }
    switch end {
    case .open:
      guard now - lastByte >= longestPause else {
        // The bytes stay; a torn sequence has to be known as one when it goes on.
        if torn {
          bytes.remove(at: position)
          state = .afterEscape(since: lastByte)
        }
        return .wait
      }
      position = bytes.count
      return .key(.brokenSequence)
    case .broken(let count):
      position += count
      return .key(.brokenSequence)
    case .complete(let count, let key):
      position += count
      if case .paste = key {
        state = .paste([])
        return .again
      }
      return .key(torn ? .brokenSequence : key)
    }
  }

  /// How long the sequence at hand may pause: longer where a paste may be beginning, whose text
  /// would else come out as keys.
  private var longestPause: Duration {
    let pasteStart: [UInt8] = [0x1B, 0x5B, 0x32, 0x30, 0x30]
    let there = bytes[position...]
    return there.count > 2 && pasteStart.starts(with: there) ? Self.pasteDelay : Self.sequenceDelay
  }

  private enum SequenceEnd {
    /// More bytes may come.
    case open
    case broken(Int)
    case complete(Int, Key)
  }

  private func namedKey() -> (Key, Int)? {
    guard !named.isEmpty else { return nil }
    for length in stride(from: min(12, bytes.count - position), through: 2, by: -1) {
      if let key = named[Array(bytes[position..<(position + length)])] { return (key, length) }
    }
    return nil
  }

  private func controlSequence() -> SequenceEnd {
    var offset = 2
    // The Linux console's F1 to F5.
    if peek(2) == UInt8(ascii: "[") {
      guard let letter = peek(3) else { return .open }
      guard (UInt8(ascii: "A")...UInt8(ascii: "E")).contains(letter) else {
        return letter < 0x20 || letter > 0x7E ? .broken(3) : .broken(4)
      }
      return .complete(4, .function(Int(letter - UInt8(ascii: "A")) + 1))
    }
    while let byte = peek(offset) {
      switch byte {
      case 0x20...0x3F: offset += 1
      case UInt8(ascii: "M") where offset == 2:
        // An old mouse report: three bytes of any value follow.
        return peek(5) == nil ? .open : .complete(6, .brokenSequence)
      case 0x40...0x7E:
        let parameters = bytes[(position + 2)..<(position + offset)]
        return .complete(offset + 1, controlKey(byte, parameters))
      default: return .broken(offset)
      }
      if offset > 64 { return .broken(offset) }
    }
    return .open
  }

  private func controlKey(_ final: UInt8, _ parameters: ArraySlice<UInt8>) -> Key {
    let first = Int(String(decoding: parameters.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self))
    guard parameters.allSatisfy({ (0x30...0x3B).contains($0) }) else { return .brokenSequence }
    switch (final, first) {
    case (UInt8(ascii: "A"), _): return .up
    case (UInt8(ascii: "B"), _): return .down
    case (UInt8(ascii: "C"), _): return .right
    case (UInt8(ascii: "D"), _): return .left
    case (UInt8(ascii: "H"), _): return .home
    case (UInt8(ascii: "F"), _): return .end
    case (UInt8(ascii: "Z"), _): return .backTab
    case (UInt8(ascii: "P"), _): return .function(1)
    case (UInt8(ascii: "Q"), _): return .function(2)
    case (UInt8(ascii: "R"), 1) where parameters.count > 1: return .function(3)
    case (UInt8(ascii: "S"), _): return .function(4)
    case (UInt8(ascii: "I"), nil): return .focusIn
    case (UInt8(ascii: "O"), nil): return .focusOut
    case (UInt8(ascii: "n"), 0), (UInt8(ascii: "n"), 3): return .statusReport
    case (UInt8(ascii: "~"), .some(let number)): return tildeKey(number)
    default: return .brokenSequence
    }
  }

  private func tildeKey(_ number: Int) -> Key {
    switch number {
    case 1, 7: .home
    case 2: .insert
    case 3: .delete
    case 4, 8: .end
    case 5: .pageUp
    case 6: .pageDown
    case 11...15: .function(number - 10)
    case 17...21: .function(number - 11)
    case 23, 24: .function(number - 12)
    case 200: .paste("")
    default: .brokenSequence
    }
  }

  private func singleShift() -> SequenceEnd {
    var offset = 2
    while let byte = peek(offset), (0x30...0x3B).contains(byte), offset < 8 { offset += 1 }
    guard let final = peek(offset) else { return .open }
    let key: Key
    switch final {
    case UInt8(ascii: "A"), UInt8(ascii: "a"): key = .up
    case UInt8(ascii: "B"), UInt8(ascii: "b"): key = .down
    case UInt8(ascii: "C"), UInt8(ascii: "c"): key = .right
    case UInt8(ascii: "D"), UInt8(ascii: "d"): key = .left
    case UInt8(ascii: "H"): key = .home
    case UInt8(ascii: "F"): key = .end
    case UInt8(ascii: "M"): key = .enter
    case UInt8(ascii: "P")...UInt8(ascii: "S"): key = .function(Int(final - UInt8(ascii: "P")) + 1)
    case 0x40...0x7E: key = .brokenSequence
    default: return .broken(offset)
    }
    return .complete(offset + 1, key)
  }

  private mutating func terminalString(at now: Duration) -> Step {
    while let byte = peek() {
      if byte == 0x1B, peek(1) == nil { break }
      position += 1
      if byte == 0x07 || byte == 0x1B {
        // Esc \ ends it; an Esc before anything else ends it too and begins the next thing.
        if byte == 0x1B {
          if peek() == UInt8(ascii: "\\") { position += 1 } else { position -= 1 }
        }
        state = .ground
        return .key(.brokenSequence)
      }
    }
    guard now - lastByte >= Self.sequenceDelay else { return .wait }
    position = bytes.count
    state = .ground
    return .key(.brokenSequence)
  }

  private mutating func paste(_ before: [UInt8], at now: Duration) -> Step {
    let end: [UInt8] = [0x1B, 0x5B, 0x32, 0x30, 0x31, 0x7E]
    var pasted = before
    while position < bytes.count {
      let rest = bytes[position...].prefix(end.count)
      if rest.elementsEqual(end) {
        position += end.count
        state = .ground
        return .key(.paste(String(decoding: pasted, as: UTF8.self)))
      }
      if rest.count < end.count, end.starts(with: rest) { break }
      if pasted.count < Self.pasteLimit { pasted.append(bytes[position]) }
      position += 1
    }
    guard now - lastByte >= Self.pasteDelay else {
      state = .paste(pasted)
      return .wait
    }
    position = bytes.count
    state = .ground
    return .key(.paste(String(decoding: pasted, as: UTF8.self)))
  }
}
