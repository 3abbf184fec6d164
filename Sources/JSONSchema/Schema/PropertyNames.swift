/// The property names of every object rule of a program, as bytes in one place: comparing with them counts no
/// references.
struct PropertyNames: Sendable {
  /// One rule's names, and what is to be known of the rule for every property.
  struct Rule {
    fileprivate var first: Int32
    fileprivate var count: Int32
    /// The hash table of the names; its size is a power of two, or 0 where the names are few.
    fileprivate var firstSlot: Int32
    fileprivate var slotCount: Int32
    /// One bit for each required name; nothing where some stand beyond the first 64.
    var requiredMask: UInt64
    var usesMask: Bool
    var hasPatterns: Bool
    var additional: Int32
  }

  fileprivate struct Name {
    var start: Int32
    var count: Int32
    var node: Int32
  }

  private let rules: Table<Rule>
  private let names: Table<Name>
  private let bytes: Table<UInt8>
  private let slots: Table<Int32>

  init(_ objects: [ObjectRule]) {
    var rules: [Rule] = []
    var names: [Name] = []
    var bytes: [UInt8] = []
    var slots: [Int32] = []
    for object in objects {
      let index = PropertyNames.index(object.properties)
      let usesMask = object.properties.count <= 64
      rules.append(
        Rule(
          first: Int32(truncatingIfNeeded: names.count),
          count: Int32(truncatingIfNeeded: object.properties.count),
          firstSlot: Int32(truncatingIfNeeded: slots.count),
          slotCount: Int32(truncatingIfNeeded: index.count),
          requiredMask: usesMask ? object.required.reduce(0) { $0 | 1 << UInt64($1) } : 0,
          usesMask: usesMask,
          hasPatterns: !object.patterns.isEmpty,
          additional: object.additional
        )
      )
      slots.append(contentsOf: index)
      for property in object.properties {
        names.append(
          Name(
            start: Int32(truncatingIfNeeded: bytes.count),
            count: Int32(truncatingIfNeeded: property.name.utf8.count),
            node: property.node
          )
        )
        bytes.append(contentsOf: property.name.utf8)
      }
    }
    self.rules = Table(rules)
    self.names = Table(names)
    self.bytes = Table(bytes)
    self.slots = Table(slots)
  }

  func free() {
    rules.free()
    names.free()
    bytes.free()
    slots.free()
  }

  @inline(__always) subscript(rule: Int32) -> Rule { rules[rule] }

  /// The place and the node of a property, both -1 where the rule does not list it.
  ///
  /// `hint` is where it stands if objects keep the order of the rule.
  @inline(__always)
  func find(_ name: String, in rule: Rule, hint: Int32) -> (place: Int32, node: Int32) {
    let found = name.utf8.withContiguousStorageIfAvailable { find($0, in: rule, hint: hint) }
    if let found { return found }
    return Array(name.utf8).withUnsafeBufferPointer { find($0, in: rule, hint: hint) }
  }

  private func find(
    _ name: UnsafeBufferPointer<UInt8>,
    in rule: Rule,
    hint: Int32
  ) -> (place: Int32, node: Int32) {
    if hint < rule.count, isSame(rule.first + hint, name) {
      return (hint, names[rule.first + hint].node)
    }
    if rule.slotCount == 0 {
      for place in 0..<rule.count where isSame(rule.first + place, name) {
        return (place, names[rule.first + place].node)
      }
      return (-1, -1)
    }
    let mask = rule.slotCount - 1
    var slot = Int32(truncatingIfNeeded: PropertyNames.hash(name)) & mask
    while case let place = slots[rule.firstSlot + slot], place >= 0 {
      if isSame(rule.first + place, name) { return (place, names[rule.first + place].node) }
      slot = (slot + 1) & mask
    }
    return (-1, -1)
  }

  @inline(__always)
  private func isSame(_ place: Int32, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    let known = names[place]
    guard Int(known.count) == name.count, let base = name.baseAddress else {
      return known.count == 0 && name.isEmpty
    }
    let bytes = UnsafeRawPointer(bytes.address(known.start))
    let other = UnsafeRawPointer(base)
    var at = 0
    while at &+ 8 <= name.count {
      let left = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      guard left == other.loadUnaligned(fromByteOffset: at, as: UInt64.self) else { return false }
      at &+= 8
    }
    while at < name.count {
      let left = bytes.load(fromByteOffset: at, as: UInt8.self)
      guard left == other.load(fromByteOffset: at, as: UInt8.self) else { return false }
      at &+= 1
    }
    return true
  }

  /// A hash table of the names, empty where searching one after the other is as fast.
  private static func index(_ properties: [ObjectRule.Property]) -> [Int32] {
    guard properties.count > 8 else { return [] }
    var size = 32
    while size < properties.count * 4 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    for (place, property) in properties.enumerated() {
      var slot = Array(property.name.utf8).withUnsafeBufferPointer(hash) & (size - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(truncatingIfNeeded: place)
    }
    return slots
  }

  private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: UnsafeRawBufferPointer(name))
    return hasher.finalize() & Int.max
  }
}
