import Callboard
import CallboardControl
import CallboardModels
import CallboardProviders
import CallboardYAML
import JSONSchema

/// A scripted conversation; the engine's own `Script` is an alphabet.
typealias Script = CallboardModels.Script

/// Everything that a configuration file says, checked, before anything of it is started.
struct Configuration: Sendable {
  var engine = EngineConfiguration()
  var store = StorePlan.unsaid
  var control = ControlPlan()
  var providers: [ProviderPlan] = []
  var models: [ModelPlan] = []
  /// By name, also those of script files that models name.
  var scripts: [String: Script] = [:]
  var conversations: [ConversationPlan] = []
  var people = People()
  /// Each section as it was read, to say later which of them have changed.
  var sections = JSONObject()
  /// What can't be what was meant, though it may be done.
  var warnings: [Diagnostic] = []
  /// Names or JSON Pointers that are secret in every function.
  var secrets: [String] { engine.secrets }

  /// One namespace, and what stands behind it.
  struct ProviderPlan: Sendable {
    var namespace: String
    var kind: Kind

    enum Kind: Sendable {
      case http(url: String, headers: [(name: String, value: String)], [HTTPFunction])
      case program([ProgramFunction])
      case demo([FunctionDefinition])
    }

    var definitions: [FunctionDefinition] {
      switch kind {
      case .http(_, _, let functions): functions.map(\.definition)
      case .program(let functions): functions.map(\.definition)
      case .demo(let functions): functions
      }
    }
  }

  /// A model that conversations can name.
  struct ModelPlan: Sendable {
    var name: String
    var kind: Kind

    enum Kind: Sendable {
      case openAI(OpenAI)
      /// The name of a script.
      case script(String)
    }

    struct OpenAI: Sendable {
      var url: String
      var model: String
      var key: String?
      var headers: [(String, String)] = []
      var stream = true
      var body = JSONObject()
      var timeouts = OpenAIModel.Timeouts()
      var retry = OpenAIModel.defaultRetry
    }
  }

  /// A conversation that is to be begun.
  struct ConversationPlan: Sendable {
    /// nil: the script's own, or the first words.
    var title: String?
    var caller: String
    var model: String
    var system: String?
    var messages: [String] = []
    var toolChoice: ToolChoice = .auto
    var toolChoiceAfter: ToolChoice = .auto
    var parallel = true
  }

  var definitions: [FunctionDefinition] { providers.flatMap(\.definitions) }
}

/// Who is who: the people at the console by user id, and the callers by name.
struct People: Sendable {
  /// nil: whoever starts callboard has every right.
  var operators: [Principal]?
  /// nil: everybody may ask.
  var callers: [Principal]?

  /// The person behind this process.
  func principal(uid: UInt32, login: String) -> Principal {
    guard let operators else { return .owner(login, uid: uid) }
    return operators.first { $0.uid == uid } ?? Principal(name: login, uid: uid, roles: [])
  }

  /// A caller by name; nil when the configuration lists callers and this is none of them.
  func caller(named name: String) -> Principal? {
    guard let callers else { return .caller(name) }
    return callers.first { $0.name == name }
  }

  /// Whoever may be lent a name on the command line: one of the callers that are listed, and nobody else.
  ///
  /// Everybody may ask in their own name. What a call in another name would do is told of the same names by which one can be
  /// made.
  func lent(_ name: String) -> Result<Principal, NobodyNamed> {
    guard let callers else {
      return .failure(
        NobodyNamed(
          "The configuration lists no callers, so --as \(name) names nobody; leave --as out to ask as yourself, or list \(name) under callers."
        )
      )
    }
    if let known = callers.first(where: { $0.name == name }) { return .success(known) }
    if let person = operators?.first(where: { $0.name == name }) {
      return .failure(
        NobodyNamed(
          "\(person.name) is an operator, who asks in their own name alone; --as takes one of the callers"
        )
      )
    }
    let near = nearest(to: name, among: callers.map(\.name)).map { "; did you mean \($0)?" } ?? ""
    return .failure(NobodyNamed("\(name) is not among callers\(near)"))
  }

  /// A person by name, for scenarios: where no operators are listed, anybody decides.
  func person(named name: String) -> Principal? {
    guard let operators else { return .operator(name) }
    return operators.first { $0.name == name }
  }
}
