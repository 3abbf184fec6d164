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
}

/// What an evaluation tells of the faults it finds.
protocol ErrorReporter {
  /// Whether the evaluation should go on after a fault.
  var wantsMore: Bool { get }

  /// A reference is followed, by the keyword of an operation: the next schema entered is its target.
  mutating func refer(_ operation: Int32)
  mutating func enterSchema(_ node: Int32)
  mutating func leaveSchema()

  mutating func enter(_ name: String)
  mutating func enter(_ index: Int)
  mutating func leave()

  mutating func fail(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue)

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
  @inline(__always) func refer(_ operation: Int32) {}
  @inline(__always) func enterSchema(_ node: Int32) {}
  @inline(__always) func leaveSchema() {}
  @inline(__always) func enter(_ name: String) {}
  @inline(__always) func enter(_ index: Int) {}
  @inline(__always) func leave() {}
  @inline(__always)
  func fail(_ program: SchemaProgram, _ node: Int32, _ fault: Fault, _ value: JSONValue) {}
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
struct CollectingReporter: LocatingReporter {
  private(set) var errors: [ValidationError] = []
  private let stopsAtFirst: Bool
  var path: [JSONKey] = []
  /// Where the errors of finished branches start and end.
  private var branches: [Range<Int>] = []

  init(stopsAtFirst: Bool) { self.stopsAtFirst = stopsAtFirst }

  var wantsMore: Bool { !stopsAtFirst }

  func refer(_ operation: Int32) {}
  func enterSchema(_ node: Int32) {}
  func leaveSchema() {}

  func mark() -> Int { errors.count }

  mutating func drop(from mark: Int) {
    errors.removeSubrange(mark...)
    while let last = branches.last, last.upperBound > mark { branches.removeLast() }
    while let last = branches.last, last.lowerBound >= mark { branches.removeLast() }
  }

  mutating func endBranch(from mark: Int) {
    while let last = branches.last, last.lowerBound >= mark { branches.removeLast() }
    branches.append(mark..<errors.count)
  }

  /// Looking for what was meant costs time for each word of the value and the schema; nobody reads the fiftieth hint.
  private var givesHints: Bool { errors.count < 50 }

  mutating func fail(
    _ program: SchemaProgram,
    _ node: Int32,
    _ fault: Fault,
    _ value: JSONValue
  ) {
    errors.append(
      FaultText(program: program, node: node, value: value, givesHints: givesHints)
        .error(for: fault, at: pointer)
    )
  }

  mutating func failBranches(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ value: JSONValue,
    from mark: Int
  ) {
    var alternatives: [[ValidationError]] = []
    while let last = branches.last, last.lowerBound >= mark {
      alternatives.append(Array(errors[last]))
      branches.removeLast()
    }
    errors.removeSubrange(mark...)
    let pointer = pointer
    fail(program, node, .operation(operation), value)
    guard !stopsAtFirst else { return }
    errors.append(contentsOf: CollectingReporter.closest(alternatives.reversed(), at: pointer))
  }

  /// The errors of the one branch that was most likely meant: it wants this type of value, and
  /// takes the fixed values that tell branches apart.
  ///
  /// None where two are equally close.
  private static func closest(
    _ branches: [[ValidationError]],
    at pointer: String
  ) -> [ValidationError] {
    func distance(_ errors: [ValidationError]) -> [Int] {
      let fixed = errors.count { $0.keyword == "const" || $0.keyword == "enum" }
      let wrongHere = errors.contains { error in
        error.path == pointer && ["type", "enum", "const", "false", "not"].contains(error.keyword)
      }
      return [wrongHere ? 1 : 0, fixed, errors.count]
    }
    let sorted = branches.map { (errors: $0, distance: distance($0)) }
      .sorted { $0.distance.lexicographicallyPrecedes($1.distance) }
    guard let best = sorted.first, best.distance[0] == 0 else { return [] }
    if sorted.count > 1, sorted[1].distance == best.distance { return [] }
    return best.errors
  }

  mutating func failName(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ name: String,
    from mark: Int
  ) {
    let reasons = errors[mark...].map(\.expected)
    drop(from: mark)
    errors.append(
      FaultText(program: program, node: node, value: .string(name), givesHints: givesHints)
        .nameError(operation, name, reasons: reasons, at: pointer)
    )
  }
}
