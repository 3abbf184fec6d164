import JSONSchema

/// Steps that are calls, or turns of a model, in an order: what a workflow's file says, read once.
///
/// Its document stays with every run of it, so that a run goes on as it began whatever becomes of the file.
public struct Workflow: Sendable {
  /// What it says; shared, because every state of every run has its workflow with it.
  private let content: Content

  /// As it was written, as JSON.
  public var document: JSONValue { content.document }
  public var name: String { content.name }
  public var description: String { content.description }
  /// JSON Schema of what it is given.
  public var input: JSONValue { content.input }
  var inputSchema: Schema { content.inputSchema }
  public var steps: [Step] { content.steps }
  /// What a run that succeeds gives; nil: what each step gave, by its id.
  public var output: WorkflowTemplate? { content.output }
  /// How many steps, and items of a `for_each`, may be under way at one time.
  public var parallel: Int { content.parallel }
  /// It is offered to models as a function.
  public var isOffered: Bool { content.isOffered }

  init(
    _ document: JSONValue,
    inputSchema: Schema,
    steps: [Step],
    output: WorkflowTemplate?
  ) {
    content = Content(document, inputSchema: inputSchema, steps: steps, output: output)
  }

  /// Whether it is the very same, read once.
  func isSame(as other: Workflow) -> Bool { content === other.content }

  private final class Content: Sendable {
    let document: JSONValue
    let name: String
    let description: String
    let input: JSONValue
    let inputSchema: Schema
    let steps: [Step]
    let output: WorkflowTemplate?
    let parallel: Int
    let isOffered: Bool

    init(
      _ document: JSONValue,
      inputSchema: Schema,
      steps: [Step],
      output: WorkflowTemplate?
    ) {
      self.document = document
      name = document["workflow"]?.stringValue ?? ""
      description = document["description"]?.stringValue ?? ""
      input = document["input"] ?? ["type": "object"]
      self.inputSchema = inputSchema
      self.steps = steps
      self.output = output
      parallel = document["parallel"]?.intValue ?? Limit.workflowParallel.value
      isOffered = document["offer"]?.boolValue ?? false
    }
  }

  /// One step: what is done, after what, and what becomes of the run where it fails.
  public struct Step: Sendable {
    public var id: String
    /// Steps that have to be over before it begins; only what they gave, and what those before them gave, may be used.
    public var needs: [String]
    public var action: Action
    /// It is skipped where the run's context does not meet this JSON Schema.
    public var condition: JSONValue?
    var conditionSchema: Schema?
    /// Where it fails, the run does.
    public var isRequired: Bool
    /// Seconds that one call of it may take from beginning to end, without the time that persons take.
    public var timeout: Double?
    /// What counts as its result where it fails.
    public var fallback: WorkflowTemplate?
    public var repetition: Repetition?

    /// Whether what it gives may be missing when others go on.
    public var mayBeMissing: Bool { condition != nil || !isRequired && fallback == nil }
  }

  /// What a step does.
  public enum Action: Sendable {
    case call(String, with: WorkflowTemplate)
    case ask(Question)

    /// The turn of a model: a conversation of its own, whose last answer is the step's result.
    public struct Question: Sendable {
      /// Its name in the configuration.
      public var model: String
      public var system: WorkflowTemplate?
      public var prompt: WorkflowTemplate
    }
  }

  /// Does a step once for each item of an array; its result is the array of theirs.
  public struct Repetition: Sendable {
    public var items: WorkflowTemplate
    /// A longer array is a failure of the step.
    public var most: Int
    /// How many items may be under way at one time.
    public var parallel: Int
  }

  /// Names in a run's context that no step may have.
  static let reserved = ["input", "item", "index"]

  public func step(_ id: String) -> Step? { steps.first { $0.id == id } }

  /// The steps that have to be over before one begins, and those before them.
  func before(_ step: Step) -> Set<String> {
    var found: Set<String> = []
    var open = step.needs
    while let id = open.popLast() {
      guard found.insert(id).inserted, let needed = self.step(id) else { continue }
      open += needed.needs
    }
    return found
  }
}

extension Workflow: Codable {
  public init(from decoder: any Decoder) throws {
    try self.init(JSONValue(from: decoder))
  }

  public func encode(to encoder: any Encoder) throws { try document.encode(to: encoder) }
}
