/// The members of a JSON object in the order they were written, each key once.
///
/// Equality and hash disregard the order. Few members are searched one after the other, many through an index, so
/// that nothing is quadratic.
public struct JSONObject: Sendable {
  struct Entry: Sendable {
    let key: String
    var value: JSONValue
  }

  /// More members than this and the object keeps an index.
  static let linearLimit = 16

  private(set) var entries: ContiguousArray<Entry>
  private var index: KeyIndex

  public init() {
    entries = []
    index = KeyIndex()
  }

  /// An object of these members; where a key comes twice, the later value stands in the earlier place.
  public init(_ pairs: some Sequence<(key: String, value: JSONValue)>) {
    self.init()
    entries.reserveCapacity(pairs.underestimatedCount)
    for pair in pairs { append(key: pair.key, value: pair.value) }
  }

  /// Takes over entries whose keys differ, with the index that was made while they were checked.
  init(distinct entries: ContiguousArray<Entry>, index: KeyIndex) {
    self.entries = entries
    self.index = index
  }

  public var count: Int { entries.count }
  public var isEmpty: Bool { entries.isEmpty }
  public var keys: [String] { entries.map(\.key) }
  public var values: [JSONValue] { entries.map(\.value) }

  public mutating func reserveCapacity(_ count: Int) { entries.reserveCapacity(count) }

  /// Adds a member at the end, or gives the one that has this key its new value.
  public mutating func append(key: String, value: JSONValue) {
    if let position = position(of: key) {
      entries[position].value = value
    } else {
      entries.append(Entry(key: key, value: value))
      if entries.count > JSONObject.linearLimit { index.add(entries.count - 1, of: entries) }
    }
  }

  public mutating func append(_ pair: (key: String, value: JSONValue)) {
    append(key: pair.key, value: pair.value)
  }

  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { entries[$0].value } }
    set {
      if let newValue {
        append(key: key, value: newValue)
      } else if let position = position(of: key) {
        entries.remove(at: position)
        index = KeyIndex()
        if entries.count > JSONObject.linearLimit { index.add(entries.count - 1, of: entries) }
      }
    }
  }

  func position(of key: String) -> Int? {
    if entries.count > JSONObject.linearLimit { return index.position(of: key, in: entries) }
    for position in entries.indices where sameText(entries[position].key, key) { return position }
    return nil
  }
}

/// A hash table from keys to their places in an array of entries, which it does not own.
///
/// Hashed with Swift's seeded hash: keys come from outside and must not be able to collide on purpose.
struct KeyIndex: Sendable {
  private var slots: [Int32] = []
  private var used = 0

  /// Adds the entry at `position`; every earlier entry is added too if the table has to grow.
  mutating func add(_ position: Int, of entries: ContiguousArray<JSONObject.Entry>) {
    if used == position, (used + 1) * 2 <= slots.count {
      place(position, key: entries[position].key)
    } else {
      rebuild(upTo: position, of: entries)
    }
  }

  func position(of key: String, in entries: ContiguousArray<JSONObject.Entry>) -> Int? {
    guard !slots.isEmpty else { return nil }
    let mask = slots.count - 1
    var slot = KeyIndex.hash(key) & mask
    while slots[slot] >= 0 {
      let position = Int(slots[slot])
      if sameText(entries[position].key, key) { return position }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private mutating func rebuild(upTo last: Int, of entries: ContiguousArray<JSONObject.Entry>) {
    var size = 64
    while size < (last + 1) * 4 { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
    used = 0
    for position in 0...last { place(position, key: entries[position].key) }
  }

  private mutating func place(_ position: Int, key: String) {
    let mask = slots.count - 1
    var slot = KeyIndex.hash(key) & mask
    while slots[slot] >= 0 { slot = (slot + 1) & mask }
    slots[slot] = Int32(truncatingIfNeeded: position)
    used += 1
  }

  private static func hash(_ key: String) -> Int {
    var hasher = Hasher()
    hasher.combine(key)
    return hasher.finalize() & Int.max
  }
}

extension JSONObject: Sequence {
  public struct Iterator: IteratorProtocol {
    private var entries: ContiguousArray<Entry>.Iterator

    init(_ entries: ContiguousArray<Entry>) { self.entries = entries.makeIterator() }

    public mutating func next() -> (key: String, value: JSONValue)? {
      entries.next().map { (key: $0.key, value: $0.value) }
    }
  }

  public func makeIterator() -> Iterator { Iterator(entries) }

  public var underestimatedCount: Int { entries.count }
}

extension JSONObject: Hashable {
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    // Copies of one object share their entries.
    let isShared = left.entries.withUnsafeBufferPointer { left in
      right.entries.withUnsafeBufferPointer { $0.baseAddress == left.baseAddress }
    }
    if isShared { return true }
    for (place, entry) in left.entries.enumerated() {
      // Equal objects are mostly written in the same order.
      let other = right.entries[place]
      if sameText(entry.key, other.key) {
        guard entry.value == other.value else { return false }
      } else {
        guard let position = right.position(of: entry.key),
          right.entries[position].value == entry.value
        else { return false }
      }
    }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    var sum = 0
    for entry in entries {
      var own = Hasher()
      own.combine(entry.key)
      own.combine(entry.value)
      sum &+= own.finalize()
    }
    hasher.combine(entries.count)
    hasher.combine(sum)
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements.lazy.map { (key: $0, value: $1) })
  }
}

extension JSONObject: CustomStringConvertible {
  public var description: String { JSONValue.object(self).serialized() }
}
