/// The groups of a pattern, and whether what is referred to in them means the same in PCRE2.
///
/// ECMAScript forgets what a group held when the group around it is repeated, and takes no round that matches nothing;
/// PCRE2 keeps it, and takes one. So a reference differs where a round may leave its group out or be empty. One that stands before the end of its group always matches nothing in
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

  /// How often a group matches.
  enum Rounds {
    case one
    /// More than once, and always as often.
    case fixed
    case any
  }

  private struct Group {
    /// The group around it, and in which of its alternatives it stands.
    let parent: Int
    let alternative: Int
    let canRepeat: Bool
    let isLookbehind: Bool
    var alternatives = 1
    /// Whether the alternative at hand takes characters for certain.
    var consumes = false
    var canBeEmpty = false
    var isOptional = false
    var rounds = Rounds.one
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
  /// Whether the atom just before takes characters, unless a quantifier here makes it optional.
  private var pending = false
  private var inLookbehind: Int?
  /// Those that stand before the end of their group, if there is one.
  private var early: [(target: Target, offset: Int)] = []

  private var current: Int { open.last ?? 0 }
  var isInGroup: Bool { open.count > 1 }

  mutating func addAtom(consumes: Bool) {
    if pending { groups[current].consumes = true }
    pending = consumes
  }

  mutating func open(_ kind: Kind) {
    addAtom(consumes: false)
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
    guard isInGroup, let group = open.last else { return nil }
    endAlternative()
    open.removeLast()
    groups[group].isClosed = true
    // What looks around takes nothing.
    pending = groups[group].canRepeat && !groups[group].canBeEmpty
    return (group, groups[group].canRepeat)
  }

  mutating func alternate() {
    endAlternative()
    groups[current].alternatives += 1
  }

  private mutating func endAlternative() {
    addAtom(consumes: false)
    if !groups[current].consumes { groups[current].canBeEmpty = true }
    groups[current].consumes = false
  }

  mutating func quantify(_ group: Int?, isOptional: Bool, rounds: Rounds) {
    if isOptional { pending = false }
    guard let group else { return }
    groups[group].isOptional = isOptional
    groups[group].rounds = rounds
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
          "it refers to a group that is repeated, and that a round can leave out or leave empty, which is not supported",
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
      switch groups[group].rounds {
      case .one: break
      case .fixed: if isLeftOut { return true }
      case .any: if isLeftOut || groups[group].canBeEmpty { return true }
      }
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
      if groups[group].rounds != .one { return true }
      group = groups[group].parent
    }
    return false
  }
}
