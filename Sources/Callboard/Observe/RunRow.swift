import Foundation
import JSONSchema

/// One run of a workflow in a list.
public struct RunRow: Sendable, Codable, Hashable, Identifiable {
  public var id: RunID
  public var workflow: String
  public var caller: String
  public var state: WorkflowRun.Word
  /// What it is doing, or how it ended, in a few words.
  ///
  /// Not sanitised.
  public var doing: String
  /// Steps that are over.
  public var done: Int
  public var steps: Int
  /// It needs somebody: a call of it waits for a decision, or its outcome is unknown.
  public var needsPerson: Bool
  public var startedAt: Date
  public var endedAt: Date?
  public var lastActivity: Date
  public var retries: Int
  /// What a retry must name.
  public var revision: Int
}

/// A workflow that can be run.
public struct WorkflowRow: Sendable, Codable, Hashable, Identifiable {
  public var id: String { name }
  public var name: String
  public var description: String
  public var steps: Int
  /// JSON Schema of what it is given.
  public var input: JSONValue

  public init(_ workflow: Workflow) {
    name = workflow.name
    description = workflow.description
    steps = workflow.steps.count
    input = workflow.input
  }
}

/// One run with its steps.
public struct RunDetail: Sendable, Codable {
  public var row: RunRow
  /// As it may be shown.
  public var input: JSONValue
  public var output: JSONValue?
  /// Why it failed, in a sentence.
  public var failure: String?
  public var steps: [StepRow]

  /// One step of it.
  public struct StepRow: Sendable, Codable, Hashable, Identifiable {
    public var id: String
    public var needs: [String]
    /// The function that it calls, or the model that it asks.
    public var does: String
    public var isRequired: Bool
    public var state: WorkflowRun.StepWord
    /// Why it was skipped, or failed; what stood in for its result.
    ///
    /// Not sanitised.
    public var why: String?
    public var startedAt: Date?
    public var endedAt: Date?
    /// Its items that have ended, and all; nil where it has no `for_each`.
    public var items: Progress?
    /// Its calls; of many items those that are under way or failed first.
    public var calls: [CallRow]
    public var conversations: [ConversationID]
  }

  /// How far a `for_each` is.
  public struct Progress: Sendable, Codable, Hashable {
    public var done: Int
    public var all: Int
  }
}
