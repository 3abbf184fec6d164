/// What an engine is made from, besides its functions and models.
public struct EngineConfiguration: Sendable {
  /// For the title row.
  public var name: String
  public var rules: ApprovalRules
  public var access: AccessPolicy
  /// Which operators may decide which calls.
  public var deciding: DecidingPolicy
  /// The people who may be at a console, as they are now; nil: whoever comes has the rights that they come with.
  ///
  /// A grant of somebody who is no operator any more serves nothing.
  public var operators: [Principal]?
  /// Most attempts at one time, over all functions.
  public var slots: Int
  /// Most calls waiting for a slot; more are refused.
  public var queue: Int
  /// Most calls waiting for a person; more that need approval are refused.
  public var held: Int
  /// Most conversations that live at one time.
  public var conversations: Int
  /// Longest message of a person, and longest answer of a model, in bytes.
  public var maxMessageBytes: Int
  public var maxAnswerBytes: Int
  public var cacheEntries: Int
  public var cacheBytes: Int
  /// Longest arguments, in bytes of JSON.
  public var maxArgumentBytes: Int
  /// Field names or JSON Pointers that are secret in every function.
  public var secrets: [String]
  /// Texts that are secret wherever they stand, such as the keys of a configuration.
  public var secretValues: [String]
  /// Nobody can be asked: what needs approval is denied, with the rule.
  public var isUnattended: Bool
  public var conversationLimits: ConversationLimits
  /// What can be run by name.
  public var workflows: [Workflow] = []
  /// What reports sum up.
  public var reportSums: [ReportSum] = []
  /// Seed of ids and jitter; nil: from the system.
  public var seed: UInt64?
  /// Sees, and may spoil, how calls move; only tests set it.
  var watch: MoveWatch?

  public init(
    name: String = "callboard",
    rules: ApprovalRules = ApprovalRules(),
    access: AccessPolicy = AccessPolicy(),
    deciding: DecidingPolicy = DecidingPolicy(),
    operators: [Principal]? = nil,
    slots: Int = Limit.slots.value,
    queue: Int = Limit.queue.value,
    held: Int = Limit.held.value,
    conversations: Int = Limit.conversations.value,
    maxMessageBytes: Int = Limit.message.value,
    maxAnswerBytes: Int = Limit.answer.value,
    cacheEntries: Int = Limit.cacheEntries.value,
    cacheBytes: Int = Limit.cacheBytes.value,
    maxArgumentBytes: Int = Limit.arguments.value,
    secrets: [String] = [],
    secretValues: [String] = [],
    isUnattended: Bool = false,
    conversationLimits: ConversationLimits = ConversationLimits(),
    seed: UInt64? = nil
  ) {
    self.name = name
    self.rules = rules
    self.access = access
    self.deciding = deciding
    self.operators = operators
    self.slots = slots
    self.queue = queue
    self.held = held
    self.conversations = conversations
    self.maxMessageBytes = maxMessageBytes
    self.maxAnswerBytes = maxAnswerBytes
    self.cacheEntries = cacheEntries
    self.cacheBytes = cacheBytes
    self.maxArgumentBytes = maxArgumentBytes
    self.secrets = secrets
    self.secretValues = secretValues
    self.isUnattended = isUnattended
    self.conversationLimits = conversationLimits
    self.seed = seed
  }
}
