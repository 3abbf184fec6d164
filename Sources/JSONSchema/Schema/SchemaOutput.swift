/// Verdicts in the output forms that JSON Schema standardises (2020-12 core, section 12): flag and basic.
///
/// Where ``Schema/validate(_:stopAtFirst:)`` says what to mend, the basic form lists every keyword that failed, of every
/// branch, with the way by which it was reached.
public struct SchemaOutput: Sendable {
  private let program: SchemaProgram
  private let base: String

  /// Compiles a schema, as `Schema` does, with every reference a step of its own.
  public init(_ document: JSONValue, options: SchemaOptions = .init()) throws(SchemaError) {
    program = try SchemaCompiler.compile(document, options: options, keepsReferences: true)
    let id = document["$id"]?.stringValue ?? document["id"]?.stringValue ?? ""
    base = URIReference(id).absolute
  }

  /// `{"valid": …}`.
  public func flag(_ value: JSONValue) -> JSONValue {
    var evaluation = Evaluation(program: program, reporter: SilentReporter())
    return ["valid": .bool(evaluation.run(value))]
  }

  /// `{"valid": …, "errors": […]}`: a flat list, each with `keywordLocation`, `absoluteKeywordLocation`,
  /// `instanceLocation` and `error`; no annotations.
  public func basic(_ value: JSONValue) -> JSONValue {
    var verdict = Evaluation(program: program, reporter: SilentReporter())
    guard !verdict.run(value) else { return ["valid": true] }
    var evaluation = Evaluation(program: program, reporter: OutputReporter(program: program))
    _ = evaluation.run(value)
    let errors = evaluation.reporter.found.map { unit -> JSONValue in
      // A place in another document has its URI already.
      let isElsewhere = unit.error.schemaPath.contains("#")
      let absolute = (isElsewhere ? "" : base + "#") + unit.error.schemaPath
      return [
        "valid": false, "keywordLocation": .string(unit.keywordLocation),
        "absoluteKeywordLocation": .string(absolute), "instanceLocation": .string(unit.error.path),
        "error": .string("expected \(unit.error.expected), found \(unit.error.found)"),
      ]
    }
    return ["valid": false, "errors": .array(errors)]
  }
}

/// Collects every failure with the way through the schema that led to it.
private struct OutputReporter: LocatingReporter {
  struct Unit {
    let keywordLocation: String
    let error: ValidationError
  }

  private struct Step {
    let node: Int32
    /// The keyword that refers to it, nil where it stands in the schema before it.
    let reference: String?
  }

  private let program: SchemaProgram
  private var units: [Unit] = []
  /// Why nothing is certain.
  private var givenUp: Unit?
  var path: [JSONKey] = []
  private var steps: [Step] = []
  private var reference: String?

  init(program: SchemaProgram) { self.program = program }

  var found: [Unit] { givenUp.map { [$0] } ?? units }

  var wantsMore: Bool { true }
  var branchDetail: BranchDetail { .all }
  var stepsOfError: Int { 100 }

  mutating func refer(_ operation: Int32) { reference = program.keywords[operation] }

  mutating func enterSchema(_ node: Int32) {
    steps.append(Step(node: node, reference: reference))
    reference = nil
  }

  mutating func leaveSchema() { steps.removeLast() }

  /// The way to the schema at work: where each stands within the one before, and the references between them.
  private var way: String {
    var way = ""
    var before = ""
    for (place, step) in steps.enumerated() {
      let location = program.locations[step.node]
      if place == 0 {
        before = location
        continue
      }
      if let reference = step.reference {
        way += "/" + reference
      } else {
        way += location.dropFirst(before.count)
      }
      before = location
    }
    return way
  }

  mutating func fail(
    _ program: SchemaProgram,
    _ node: Int32,
    _ fault: Fault,
    _ value: JSONValue
  ) {
    // The schema `false` refuses the member itself.
    let outer = path
    defer { path = outer }
    switch fault {
    case .extra(_, _, let name): enter(name)
    case .extraItem(_, let index): enter(index)
    default: break
    }
    let text = FaultText(program: program, node: node, value: value, givesHints: false)
    note(text.error(for: fault, at: pointer))
  }

  mutating func giveUp(
    _ program: SchemaProgram,
    _ node: Int32,
    _ fault: Fault,
    _ value: JSONValue
  ) {
    fail(program, node, fault, value)
    givenUp = units.last
  }

  private mutating func note(_ error: ValidationError) {
    let keyword = error.keyword == "false" ? "" : "/" + error.keyword
    units.append(Unit(keywordLocation: way + keyword, error: error))
  }

  func mark() -> Int { units.count }
  mutating func drop(from mark: Int) { units.removeSubrange(mark...) }
  mutating func endBranch(from mark: Int) {}

  /// What failed in each branch stays.
  mutating func failBranches(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ value: JSONValue,
    from mark: Int
  ) {
    fail(program, node, .operation(operation), value)
  }

  mutating func failName(
    _ program: SchemaProgram,
    _ node: Int32,
    _ operation: Int32,
    _ name: String,
    from mark: Int
  ) {
    let reasons = units[mark...].map(\.error.expected)
    drop(from: mark)
    fail(program, node, .wrongName(operation, name, reasons), .string(name))
  }
}
