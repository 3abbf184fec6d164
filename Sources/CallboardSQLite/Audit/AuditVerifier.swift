import Callboard
import Glibc

/// Follows the chain of an audit log entry by entry, and names what was done to it.
///
/// Keeps no entry. After a fault it finds its way back into the chain, so that one changed entry is one fault.
struct AuditVerifier {
  /// Where a chain, or what is left of it, begins: the number of the last event before it and the hash there.
  struct Start: Sendable, Hashable {
    var sequence: Int
    var hash: [UInt8]
  }

  /// The end of the log as the file holds it apart from the entries.
  struct Head: Sendable, Hashable {
    /// Whether whoever wrote it had the key.
    enum Signature: Sendable, Hashable {
      /// There is no key to check it with.
      case unchecked
      case genuine
      case missing
      case wrong
    }

    var sequence: Int
    var hash: [UInt8]
    var signature: Signature
  }

  private let start: Start
  private let wanted: AuditHash?
  /// What the head is called in sentences.
  private let headName: String
  private(set) var entries = 0
  private(set) var events = 0
  private(set) var firstEvent: Int?
  /// Number of the last event so far.
  private(set) var last: Int
  /// The hash that stands beside the entry before, and that before it.
  private(set) var hash: [UInt8]
  private var hashBefore: [UInt8]?
  /// What the entry before gives as its hash, where another one stands beside it.
  private var computed: [UInt8]?
  /// The entry before is a fault already, so that nothing follows from it.
  private var isOffTrack = false
  private var lastFirst = 0
  private(set) var faults: [AuditFault] = []
  /// How many faults are more than are named.
  private(set) var unnamed = 0
  /// Where the head that was kept elsewhere was found: after how many entries, and its last event.
  private(set) var found: (entry: Int, event: Int)?

  private static let namedFaults = 50

  init(from start: Start, wanted: AuditHash?, headName: String) {
    self.start = start
    self.wanted = wanted
    self.headName = headName
    last = start.sequence
    hash = start.hash
    if wanted?.bytes == start.hash { found = (0, start.sequence) }
  }

  /// The next entry: number of its last event, how many events it says it has, its lines, and the hash beside it.
  mutating func take(
    _ sequence: Int,
    count: Int,
    _ lines: UnsafeRawBufferPointer,
    _ stored: [UInt8]
  ) {
    let link = AuditChain.link(lines, count: count, after: hash)
    let (told, number) = Self.numbers(in: lines)
    // What somebody has put there may be any number.
    let first = sequence &- number &+ 1
    let position = (first, sequence)
    if link == stored, count == number, first == last &+ 1, told == first {
      advance(position, count, stored, link, isOffTrack: false)
      return
    }
    let events = min(first, sequence)...sequence
    var isFault = false
    var isMoved = false
    var computed = link
    var follows = link == stored
    if count != number {
      add(.changed, events, "the entry says \(count) of them, and has \(Self.lineText(number))")
      isFault = true
      computed = AuditChain.link(lines, count: number, after: hash)
      follows = follows || computed == stored
    }
    if let told, told != first {
      let name = number == 1 ? "the number \(told)" : "the numbers \(told)–\(told + number - 1)"
      add(
        .reordered,
        events,
        "what stands there has \(name), so entries changed places or are gone"
      )
      isFault = true
      isMoved = true
    } else if first > last &+ 1 {
      add(
        .removed,
        last &+ 1...first - 1,
        "entry \(entries + 1) does not begin where the one before ends"
      )
      // What it follows is not there, so its own link says nothing.
      advance(position, number, stored, computed, isOffTrack: true)
      return
    } else if first <= last {
      if let hashBefore, !isOffTrack,
        AuditChain.link(lines, count: count, after: hashBefore) == stored
      {
        let inserted = min(lastFirst, last)...last
        if faults.last?.kind == .changed, faults.last?.events == inserted { faults.removeLast() }
        add(.inserted, inserted, "what follows in the log was written without them")
        advance(position, count, stored, stored, isOffTrack: false)
      } else {
        add(.inserted, events, "there is another entry with these numbers")
        entries += 1
      }
      return
    }
    if !follows, !isFault {
      if let before = self.computed, AuditChain.link(lines, count: count, after: before) == stored {
        // The hash beside the entry before was changed, and that is told.
        advance(position, count, stored, stored, isOffTrack: false)
        return
      }
      if !isOffTrack {
        add(
          .changed,
          events,
          told == nil
            ? "they are no events any more"
            : "they do not give the hash beside them after the entry before; one of the two is not what was written"
        )
      }
    }
    advance(position, number, stored, computed, isOffTrack: isMoved)
  }

  /// The end: nothing more comes.
  mutating func finish(_ head: Head?) {
    defer { checkWanted() }
    guard let head else {
      if last > start.sequence {
        add(.head, nil, "\(headName) is gone: nothing says where the log ends")
      }
      return
    }
    switch head.signature {
    case .unchecked, .genuine: break
    case .missing, .wrong:
      let isLast = head.sequence == last && head.hash == hash
      let why =
        head.signature == .missing
        ? "\(headName) has no code" : "the code of \(headName) is not by this key"
      add(
        isLast ? .rewritten : .head,
        nil,
        isLast
          ? "\(why): the log was rewritten with all its hashes, or written with another key"
          : "\(why), and it is not the last entry: it was changed"
      )
      return
    }
    if head.sequence > last {
      add(.cutOff, last + 1...head.sequence, "\(headName) is event \(head.sequence)")
    } else if head.sequence < last {
      add(.inserted, head.sequence + 1...last, "\(headName) is event \(head.sequence)")
    } else if head.hash != hash, head.hash != computed, !isOffTrack {
      add(
        .rewritten,
        nil,
        head.signature == .genuine
          ? "the last entry is not the one that \(headName) was signed for: entries were rewritten with all hashes after them"
          : "the last entry's hash is not that of \(headName): entries were rewritten with all hashes after them, or it was changed"
      )
    }
  }

  mutating func checkWanted() {
    guard let wanted, found == nil else { return }
    let before =
      start.sequence > 0
      ? " If it was kept before event \(start.sequence), look for it in the archive: audit verify --file FILE --head HASH."
      : ""
    add(
      .rewritten,
      nil,
      "the head that you kept, \(wanted), is no entry's: the log was rewritten or cut off before it."
        + before
    )
  }

  private mutating func advance(
    _ position: (first: Int, last: Int),
    _ count: Int,
    _ stored: [UInt8],
    _ link: [UInt8],
    isOffTrack: Bool
  ) {
    entries += 1
    events &+= count
    if firstEvent == nil { firstEvent = position.first }
    lastFirst = position.first
    last = max(last, position.last)
    hashBefore = hash
    hash = stored
    computed = link == stored ? nil : link
    self.isOffTrack = isOffTrack
    if let wanted, wanted.bytes == stored { found = (entries, position.last) }
  }

  mutating func add(_ kind: AuditFault.Kind, _ events: ClosedRange<Int>?, _ detail: String) {
    if let events, let previous = faults.indices.last, faults[previous].kind == kind,
      let before = faults[previous].events, events.lowerBound <= before.upperBound + 1,
      kind != .changed
    {
      faults[previous].events =
        min(before.lowerBound, events.lowerBound)...max(before.upperBound, events.upperBound)
      return
    }
    guard faults.count < Self.namedFaults else {
      unnamed += 1
      return
    }
    faults.append(AuditFault(kind: kind, events: events, detail: detail))
  }

  private static func lineText(_ count: Int) -> String { count == 1 ? "1 line" : "\(count) lines" }

  /// The number that the first line gives its event, and how many lines there are.
  static func numbers(in lines: UnsafeRawBufferPointer) -> (first: Int?, count: Int) {
    guard let base = lines.baseAddress, !lines.isEmpty else { return (nil, 0) }
    var count = 1
    var offset = 0
    while let end = memchr(base + offset, 0x0A, lines.count - offset) {
      count += 1
      offset = UnsafeRawPointer(end) - base + 1
    }
    guard lines.count > opening.count, lines.prefix(opening.count).elementsEqual(opening) else {
      return (nil, count)
    }
    var number = 0
    for byte in lines.dropFirst(opening.count) {
      guard (0x30...0x39).contains(byte), number < Int.max / 100 else { break }
      number = number * 10 + Int(byte & 15)
    }
    return (number, count)
  }

  /// How every line of the log begins.
  private static let opening = Array(#"{"v":1,"seq":"#.utf8)
}
