/// The groups of a pattern, and whether what is referred to in them means the same in PCRE2.
///
/// ECMAScript forgets what a group held when the group around it is repeated; PCRE2 keeps it. So a reference differs
/// where a round may leave its group out. One that stands before the end of its group always matches nothing in
/// ECMAScript, and is written as that.
struct BackReferences {
  enum Kind {
    case plain
    case capturing(name: String?)
    case lookahead
    case lookbehind
  }

  enum Target: Hashable {
    case number(Int)
    case name(String)
  }

  private struct Group {
    /// The group around it, and in which of its alternatives it stands.
    let parent: Int
    let alternative: Int
    let canRepeat: Bool
    let isLookbehind: Bool
    var alternatives = 1
    var isOptional = false
    var isRepeated = false
    var isClosed = false
  }

  private struct Reference {
    let group: Int
    let parent: Int
    let alternative: Int
    let offset: Int
  }

  /// The first is the pattern itself.
  private var groups = [
    Group(parent: -1, alternative: 0, canRepeat: false, isLookbehind: false)
  ]
  private var open = [0]
  private var capturing: [Target: Int] = [:]
  private var count = 0
  private var references: [Reference] = []
  private var inLookbehind: Int?
  /// Those that stand before the end of their group, if there is one.
  private var early: [(target: Target, offset: Int)] = []

  private var current: Int { open.last ?? 0 }
  var isInGroup: Bool { open.count > 1 }

  mutating func open(_ kind: Kind) {
    var canRepeat = true
    var isLookbehind = false
    switch kind {
    case .plain: break
    case .capturing(let name):
      count += 1
      capturing[.number(count)] = groups.count
      if let name { capturing[.name(name)] = groups.count }
    case .lookahead: canRepeat = false
    case .lookbehind:
      canRepeat = false
      isLookbehind = true
    }
    let group = Group(
      parent: current,
      alternative: groups[current].alternatives - 1,
      canRepeat: canRepeat,
      isLookbehind: isLookbehind || groups[current].isLookbehind
    )
    open.append(groups.count)
    groups.append(group)
  }

  mutating func close() -> (group: Int, canRepeat: Bool)? {
    guard isInGroup, let group = open.popLast() else { return nil }
    groups[group].isClosed = true
    return (group, groups[group].canRepeat)
  }

  mutating func alternate() { groups[current].alternatives += 1 }

  mutating func quantify(_ group: Int?, isOptional: Bool, isRepeated: Bool) {
    guard let group else { return }
    groups[group].isOptional = isOptional
    groups[group].isRepeated = isRepeated
  }

  /// Notes a reference and says whether it can match anything.
  mutating func refer(to target: Target, at offset: Int) -> Bool {
    if groups[current].isLookbehind { inLookbehind = inLookbehind ?? offset }
    guard let group = capturing[target], groups[group].isClosed else {
      early.append((target, offset))
      return false
    }
    references.append(
      Reference(
        group: group,
        parent: current,
        alternative: groups[current].alternatives - 1,
        offset: offset
      )
    )
    return true
  }

  /// Refuses what would not mean the same; once the pattern is read, as quantifiers and alternatives come last.
  func check() throws(PatternError) {
    for (target, offset) in early where capturing[target] == nil {
      throw PatternError(offset: offset, reason: "it refers to a group that does not exist")
    }
    if let inLookbehind {
      throw PatternError(
        offset: inLookbehind,
        reason:
          "a back reference in a lookbehind is read from right to left, which is not supported",
        isUnsupported: true
      )
    }
    for reference in references where maySeeEarlierRound(reference) {
      throw PatternError(
        offset: reference.offset,
        reason:
          "it refers to a group that a round of the repeated group around it can leave out, which is not supported",
        isUnsupported: true
      )
    }
  }

  private func maySeeEarlierRound(_ reference: Reference) -> Bool {
    // Every group around the reference, with the alternative in which it stands.
    var around: [Int: Int] = [:]
    var place = reference.parent
    var alternative = reference.alternative
    while place >= 0 {
      around[place] = alternative
      alternative = groups[place].alternative
      place = groups[place].parent
    }
    var isLeftOut = false
    var group = reference.group
    while true {
      if groups[group].isRepeated, isLeftOut { return true }
      isLeftOut = isLeftOut || groups[group].isOptional
      let parent = groups[group].parent
      guard parent >= 0 else { return false }
      if let alternative = around[parent] {
        isLeftOut = isLeftOut || alternative != groups[group].alternative
        group = parent
        break
      }
      isLeftOut = isLeftOut || groups[parent].alternatives > 1
      group = parent
    }
    guard isLeftOut else { return false }
    while group >= 0 {
      if groups[group].isRepeated { return true }
      group = groups[group].parent
    }
    return false
  }
}
