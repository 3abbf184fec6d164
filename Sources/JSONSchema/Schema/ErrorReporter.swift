/// In what way a value does not meet a schema; operations and rules are places in the program's tables.
enum Fault {
  case type
  case operation(Int32)
  /// Two schemas of `oneOf` hold, by their places in it.
  case several(Int32, Int, Int)
  /// Two items are equal, by their places.
  case twins(Int32, Int, Int)
  /// So many items are as `contains` wants them.
  case contained(Int32, Int)
  case extraItem(Int32, Int)
  case missing(Int32, Int32, String)
  case extra(Int32, Int32, String)
  /// A property is missing that another one calls for.
  case dependent(Int32, String, String)
  /// A pattern took more steps than it may.
  case tooCostly(Int32)
  case costlyName(Int32, String)
  case tooDeep
  /// All together would take more steps than they may.
  case tooLong
  /// A property's name is not as the schema for names wants it, which expected this.
  case wrongName(Int32, String, [String])
}

/// What is told of a branch that a look at the value rules out.
enum BranchDetail {
  case none
  /// What the look shows.
  case look
  /// Whatever is wrong with it.
  case all
}

/// What an evaluation tells of the faults it finds.
protocol ErrorReporter {
  /// Whether the evaluation should go on after a fault.
  var wantsMore: Bool { get }
  var branchDetail: BranchDetail { get }
  /// How many steps of the evaluation an error takes as long as.
  var stepsOfError: Int { get }

  /// A reference is followed, by the keyword of an operation: the next schema entered is its target.
  mutating func refer(_ operation: Int32)
  mutating func enterSchema(_ node: Int32)
  mutating func leaveSchema()

  mutating func enter(_ name: String)
  mutating func enter(_ index: Int)
  mutating func leave()

  mutating func fail(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue)
  /// Reports the one reason for which nothing is certain.
  mutating func giveUp(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue)

  /// A place in the errors so far.
  func mark() -> Int
  /// Forgets the errors since a mark.
  mutating func drop(from mark: Int)
  /// Puts the errors since a mark down as those of one branch.
  mutating func endBranch(from mark: Int)
  /// Reports that none of the branches since a mark holds.
  mutating func failBranches(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ value: JSONValue,
    from mark: Int
  )
  /// Reports that a property's name is wrong, for the reasons since a mark.
  mutating func failName(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ name: String,
    from mark: Int
  )
}

/// Keeps nothing: the verdict is all that is asked for.
struct SilentReporter: ErrorReporter {
  @inline(__always) var wantsMore: Bool { false }
  @inline(__always) var branchDetail: BranchDetail { .none }
  @inline(__always) var stepsOfError: Int { 0 }
  @inline(__always) func refer(_ operation: Int32) {}
  @inline(__always) func enterSchema(_ node: Int32) {}
  @inline(__always) func leaveSchema() {}
  @inline(__always) func enter(_ name: String) {}
  @inline(__always) func enter(_ index: Int) {}
  @inline(__always) func leave() {}
  @inline(__always)
  func fail(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue) {}
  @inline(__always)
  func giveUp(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue) {}
  @inline(__always) func mark() -> Int { 0 }
  @inline(__always) func drop(from mark: Int) {}
  @inline(__always) func endBranch(from mark: Int) {}
  @inline(__always)
  func failBranches(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ value: JSONValue,
    from mark: Int
  ) {}
  @inline(__always)
  func failName(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ name: String,
    from mark: Int
  ) {}
}

/// A reporter that knows where in the value it is.
protocol LocatingReporter: ErrorReporter {
  var path: [JSONKey] { get set }
}

extension LocatingReporter {
  mutating func enter(_ name: String) { path.append(JSONKey(stringValue: name)) }
  mutating func enter(_ index: Int) { path.append(JSONKey(intValue: index)) }
  mutating func leave() { path.removeLast() }

  var pointer: String { JSONPointer(tokens: path.map(\.stringValue)).description }
}

/// Collects errors with where they are.
///
/// They are put into words at the end: most errors are those of branches that nobody reads.
struct CollectingReporter: LocatingReporter {
  private struct Finding {
    let node: Int32
    let fault: Fault
    let value: JSONValue
    let path: [JSONKey]
  }

  private let program: SchemaProgram
  private let stopsAtFirst: Bool
  private var findings: [Finding] = []
  private var givenUp: Finding?
  var path: [JSONKey] = []
  /// Where the errors of finished branches start and end.
  private var branches: [Range<Int>] = []

  init(program: SchemaProgram, stopsAtFirst: Bool) {
    self.program = program
    self.stopsAtFirst = stopsAtFirst
  }

  var wantsMore: Bool { !stopsAtFirst }
  var branchDetail: BranchDetail { stopsAtFirst ? .none : .look }
  // One error is no matter, and its evaluation must not end before the one for the verdict.
  var stepsOfError: Int { stopsAtFirst ? 0 : 8 }

  var errors: [ValidationError] {
    if let givenUp { return [error(for: givenUp, givesHints: false)] }
    // Looking for what was meant costs time for each word of the value and the schema; nobody reads the fiftieth hint.
    return findings.enumerated().map { error(for: $1, givesHints: $0 < 50) }
  }

  private func error(for finding: Finding, givesHints: Bool) -> ValidationError {
    FaultText(
      program: program,
      node: finding.node,
      value: finding.value,
      givesHints: givesHints
    ).error(
      for: finding.fault,
      at: JSONPointer(tokens: finding.path.map(\.stringValue)).description
    )
  }

  func refer(_ operation: Int32) {}
  func enterSchema(_ node: Int32) {}
  func leaveSchema() {}

  func mark() -> Int { findings.count }

  mutating func drop(from mark: Int) {
    findings.removeSubrange(mark...)
    while let last = branches.last, last.upperBound > mark { branches.removeLast() }
    while let last = branches.last, last.lowerBound >= mark { branches.removeLast() }
  }

  mutating func endBranch(from mark: Int) {
    while let last = branches.last, last.lowerBound >= mark { branches.removeLast() }
    branches.append(mark..<findings.count)
  }

  mutating func fail(
    _ program: SchemaProgram,
    _ node: Int32,
    _ fault: Fault,
    _ value: JSONValue
  ) {
    findings.append(Finding(node: node, fault: fault, value: value, path: path))
  }

  mutating func giveUp(
    _ program: SchemaProgram,
    _ node: Int32,
    _ fault: Fault,
    _ value: JSONValue
  ) {
    givenUp = Finding(node: node, fault: fault, value: value, path: path)
  }

  mutating func failBranches(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ value: JSONValue,
    from mark: Int
  ) {
    var alternatives: [[Finding]] = []
    while let last = branches.last, last.lowerBound >= mark {
      alternatives.append(Array(findings[last]))
      branches.removeLast()
    }
    findings.removeSubrange(mark...)
    fail(program, node, .operation(operation), value)
    guard !stopsAtFirst else { return }
    findings.append(contentsOf: closest(alternatives.reversed()))
  }

  /// The errors of the one branch that was most likely meant: it wants this type of value, and
  /// takes the fixed values that tell branches apart.
  ///
  /// None where two are equally close.
  private func closest(_ branches: [[Finding]]) -> [Finding] {
    let sorted = branches.map { (findings: $0, distance: distance($0)) }
      .sorted { $0.distance.lexicographicallyPrecedes($1.distance) }
    guard let best = sorted.first, best.distance[0] == 0 else { return [] }
    if sorted.count > 1, sorted[1].distance == best.distance { return [] }
    return best.findings
  }

  private func distance(_ findings: [Finding]) -> [Int] {
    var wrongHere = 0
    var otherTags = 0
    var fixed = 0
    for finding in findings {
      let isHere = finding.path.count == path.count
      switch finding.fault {
      case .type: if isHere { wrongHere = 1 }
      case .operation(let operation):
        switch program.operations[operation] {
        case .never, .not: if isHere { wrongHere = 1 }
        case .enumeration, .constant:
          fixed += 1
          if isHere { wrongHere = 1 }
          if finding.path.count == path.count + 1, isTag(operation) { otherTags += 1 }
        default: break
        }
      default: break
      }
    }
    return [wrongHere, otherTags, fixed, findings.count]
  }

  /// Whether it allows one value, as the property does that names the kind of an object.
  private func isTag(_ operation: Int32) -> Bool {
    guard case .enumeration(let rule) = program.operations[operation] else { return true }
    return program.enumerations[rule].values.count == 1
  }

  mutating func failName(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ name: String,
    from mark: Int
  ) {
    let reasons = findings[mark...].map { error(for: $0, givesHints: false).expected }
    drop(from: mark)
    fail(program, node, .wrongName(operation, name, reasons), .string(name))
  }
}
