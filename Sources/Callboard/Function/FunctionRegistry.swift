import Foundation
import JSONSchema
import Synchronization

/// A function that can be called: its definition, compiled, and who runs it.
///
/// Immutable; a switch makes another one.
final class RegisteredFunction: Sendable {
  let definition: FunctionDefinition
  let traits: FunctionTraits
  let provider: any FunctionProvider
  let schema: Schema
  let resultSchema: Schema?
  let hash: String
  let wireName: String
  /// Its place among the registry's functions, from 0: what is kept for each is found by it.
  let ordinal: Int
  /// Breaker, counters and slots: they outlive a switch or a reload.
  let runtime: FunctionRuntime
  let redactor: Redactor
  let name: String
  let isOn: Bool
  let switched: Switched?
  /// What its server says of it now and nobody has accepted; nil: this definition is the accepted one.
  let unaccepted: UnacceptedDefinition?
  private let hygiene: ArgumentHygiene

  init(
    _ definition: FunctionDefinition,
    provider: any FunctionProvider,
    schema: Schema,
    resultSchema: Schema?,
    wireName: String,
    ordinal: Int,
    secrets: [String],
    secretValues: [String]
  ) {
    self.definition = definition
    traits = FunctionTraits(definition)
    self.provider = provider
    self.schema = schema
    self.resultSchema = resultSchema
    hash = DefinitionHash.of(definition, provider: provider.identity(of: definition.name))
    self.wireName = wireName
    self.ordinal = ordinal
    runtime = FunctionRuntime(definition)
    redactor = Redactor(fields: secrets + definition.secrets, values: secretValues)
    name = definition.name.description
    isOn = true
    switched = nil
    unaccepted = nil
    hygiene = ArgumentHygiene(definition.parameters)
  }

  private init(
    _ other: RegisteredFunction,
    standing: Standing,
    isOn: Bool,
    switched: Switched?,
    unaccepted: UnacceptedDefinition?
  ) {
    definition = other.definition
    traits = other.traits
    provider = other.provider
    schema = other.schema
    resultSchema = other.resultSchema
    hash = other.hash
    wireName = other.wireName
    ordinal = standing.ordinal
    runtime = standing.runtime
    redactor = other.redactor
    name = other.name
    hygiene = other.hygiene
    self.isOn = isOn
    self.switched = switched
    self.unaccepted = unaccepted
  }

  /// What of a function outlives its definitions.
  struct Standing: Sendable {
    var ordinal: Int
    var runtime: FunctionRuntime
  }

  var standing: Standing { Standing(ordinal: ordinal, runtime: runtime) }

  func switching(on isOn: Bool, _ switched: Switched?) -> RegisteredFunction {
    RegisteredFunction(
      self,
      standing: standing,
      isOn: isOn,
      switched: switched,
      unaccepted: unaccepted
    )
  }

  /// The same with the place in line, the breaker and the counters that a function of this name has had.
  func standing(as standing: Standing) -> RegisteredFunction {
    RegisteredFunction(
      self,
      standing: standing,
      isOn: isOn,
      switched: switched,
      unaccepted: unaccepted
    )
  }

  /// The same, held until somebody accepts its definition; nil: it is accepted.
  func holding(_ unaccepted: UnacceptedDefinition?) -> RegisteredFunction {
    RegisteredFunction(
      self,
      standing: standing,
      isOn: isOn,
      switched: switched,
      unaccepted: unaccepted
    )
  }

  var hasSecretFields: Bool { !definition.secrets.isEmpty }

  /// What is wrong with arguments: characters that nobody would see, then what the schema says, then what has to hold
  /// between fields.
  func problems(in arguments: JSONValue) -> [ValidationError] {
    let hidden = hygiene.errors(in: arguments)
    guard hidden.isEmpty else { return hidden }
    let errors = schema.validate(arguments)
    guard errors.isEmpty, !definition.checks.isEmpty else { return errors }
    let shown = redactor.redact(arguments) ?? arguments
    return definition.checks.compactMap { $0.error(in: arguments, shown: shown) }
  }
}

/// What cannot be registered or configured, and what to do about it.
public struct ConfigurationMistake: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where, such as `functions.payments.send_wire.parameters`.
  public var path: String
  public var message: String

  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// What of a function was registered and may not be what was meant, and what to do about it.
public struct RegistrationNotice: Sendable, Hashable, CustomStringConvertible {
  /// Where, such as `functions.payments.send_wire.parameters.properties.phone.format`.
  public var path: String
  public var message: String

  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

/// Every function, rule and switch at one moment.
///
/// A toggle, a hold or a reload makes a new one, which all shards get at once.
final class Catalogue: Sendable {
  /// Sorted by name.
  let functions: [RegisteredFunction]
  private let byName: [String: Int]
  /// Qualified names too, where they are no function's wire name.
  private let byWireName: [String: Int]
  let rules: ApprovalRules
  let access: AccessPolicy
  let deciding: DecidingPolicy
  let held: Switched?
  /// Where the functions come from.
  let sources: Sources

  /// What a catalogue was made from, besides its functions: enough to make another one.
  struct Sources: Sendable {
    var providers: [any FunctionProvider]
    var secrets: [String]
    var secretValues: [String]
    /// Of functions that are not there now, by name: what counts when they come back.
    var absent: [String: Absent] = [:]
  }

  /// What is remembered of a function that is not there.
  struct Absent: Sendable {
    /// It is off.
    var switched: Switched?
    /// Where its definition came from a server.
    var accepted: AcceptedDefinition?
    /// A change of that which somebody has looked at and declined.
    var declined: (hash: String, Switched)?
  }
  /// Those that have been given and not revoked; some may be over.
  let grants: [StandingGrant]

  /// Model APIs refuse more tools than this (OpenAI: `array_above_max_length`).
  static let offerLimit = Limit.offers.value

  init(
    functions: [RegisteredFunction],
    rules: ApprovalRules,
    access: AccessPolicy,
    deciding: DecidingPolicy,
    held: Switched?,
    grants: [StandingGrant],
    sources: Sources
  ) {
    self.sources = sources
    self.functions = functions.sorted { $0.name < $1.name }
    var byName: [String: Int] = [:]
    var byWireName: [String: Int] = [:]
    for (index, function) in self.functions.enumerated() {
      byName[function.name] = index
      byWireName[function.wireName] = index
    }
    byWireName.merge(byName) { wire, _ in wire }
    self.byName = byName
    self.byWireName = byWireName
    self.rules = rules
    self.access = access
    self.deciding = deciding
    self.held = held
    self.grants = grants
  }

  /// By qualified name.
  subscript(name: String) -> RegisteredFunction? {
    byName[name].map { functions[$0] }
  }

  /// By the name a model uses, or the qualified one.
  func named(onTheWire name: String) -> RegisteredFunction? {
    byWireName[name].map { functions[$0] }
  }

  /// The nearest names there are, for an answer to a name there is not.
  func nearestName(to name: String) -> String? {
    nearest(to: name, among: functions.map(\.name) + functions.map(\.wireName))
  }

  func withHold(_ held: Switched?) -> Catalogue {
    changed(held: .some(held))
  }

  func with(_ functions: [RegisteredFunction], _ sources: Sources) -> Catalogue {
    changed(functions: functions, sources: sources)
  }

  /// The same with some functions in place of those of their names.
  func replacing(_ others: [RegisteredFunction]) -> Catalogue {
    let others = Dictionary(others.map { ($0.name, $0) }) { first, _ in first }
    return changed(functions: functions.map { others[$0.name] ?? $0 })
  }

  func withGrants(_ grants: [StandingGrant]) -> Catalogue { changed(grants: grants) }

  func switching(_ names: Set<String>, on isOn: Bool, _ switched: Switched) -> Catalogue {
    let functions = functions.map {
      names.contains($0.name) ? $0.switching(on: isOn, switched) : $0
    }
    return changed(functions: functions)
  }

  private func changed(
    functions: [RegisteredFunction]? = nil,
    held: Switched?? = nil,
    grants: [StandingGrant]? = nil,
    sources: Sources? = nil
  ) -> Catalogue {
    Catalogue(
      functions: functions ?? self.functions,
      rules: rules,
      access: access,
      deciding: deciding,
      held: held ?? self.held,
      grants: grants ?? self.grants,
      sources: sources ?? self.sources
    )
  }

  /// What a caller's model is offered: on, and not forbidden whatever the arguments.
  func offers(to caller: Principal) throws(ConfigurationMistake) -> [ToolOffer] {
    // Not what nobody has accepted either: its description is a stranger's word to the model.
    let allowed = functions.filter {
      $0.isOn && $0.unaccepted == nil && access.mayEverCall($0.definition, caller: caller)
    }
    guard allowed.count <= Self.offerLimit else {
      throw ConfigurationMistake(
        path: "",
        message:
          "\(allowed.count) functions are on and allowed for \(caller.name), and model APIs take at most "
          + "\(Self.offerLimit): switch some off, or narrow the access rules of \(caller.name)"
      )
    }
    return allowed.map {
      ToolOffer(
        wireName: $0.wireName,
        function: $0.definition.name,
        description: $0.definition.description,
        parameters: $0.definition.parameters
      )
    }
  }
}

/// Turns providers into a catalogue: compiles schemas, names functions for the wire, refuses what can't work.
public struct FunctionRegistry: Sendable {
  let functions: [RegisteredFunction]
  let providers: [any FunctionProvider]
  let secrets: [String]
  let secretValues: [String]
  /// What was registered, and checks less than it may seem to.
  public let notices: [RegistrationNotice]

  public init(
    _ providers: [any FunctionProvider],
    secrets: [String] = [],
    secretValues: [String] = []
  ) throws(ConfigurationMistake) {
    var seen: Set<String> = []
    for provider in providers {
      guard seen.insert(provider.namespace).inserted else {
        throw ConfigurationMistake(
          path: "providers",
          message: "two providers are called \(provider.namespace); rename one"
        )
      }
    }
    let all = providers.flatMap { provider in provider.functions.map { (provider, $0) } }
    let wireNames = WireName.assign(to: all.map { $0.1.name })
    let known = Set(all.map { $0.1.name })
    var names: Set<FunctionName> = []
    var functions: [RegisteredFunction] = []
    var notices: [RegistrationNotice] = []
    for (provider, definition) in all {
      let path = "functions.\(definition.name)"
      guard names.insert(definition.name).inserted else {
        throw ConfigurationMistake(path: path, message: "two functions have this name; rename one")
      }
      if let check = definition.check,
        let mistake = check.mistake(
          of: definition,
          check: all.first { $0.1.name == check.function }?.1
        )
      {
        let near = nearest(to: check.function.description, among: all.map { $0.1.name.description })
        let isMissing = !all.contains { $0.1.name == check.function }
        throw ConfigurationMistake(
          path: path + ".outcome_check",
          message: mistake + (isMissing ? near.map { "; did you mean \($0)?" } ?? "" : "")
        )
      }
      functions.append(
        try Self.register(
          definition,
          of: provider,
          known: known,
          wireName: wireNames[definition.name] ?? "",
          ordinal: functions.count,
          secrets: secrets,
          secretValues: secretValues,
          &notices
        )
      )
    }
    try Self.checkRings(functions)
    self.functions = functions
    self.providers = providers
    self.secrets = secrets
    self.secretValues = secretValues
    self.notices = notices
  }

  /// Checks and compiles one function.
  static func register(
    _ definition: FunctionDefinition,
    of provider: any FunctionProvider,
    known: Set<FunctionName>,
    wireName: String,
    ordinal: Int,
    secrets: [String],
    secretValues: [String],
    _ notices: inout [RegistrationNotice]
  ) throws(ConfigurationMistake) -> RegisteredFunction {
    let path = "functions.\(definition.name)"
    try check(definition, known: known, path: path)
    return RegisteredFunction(
      definition,
      provider: provider,
      schema: try compile(definition.parameters, path: path + ".parameters", &notices),
      resultSchema: try definition.resultSchema.map { schema throws(ConfigurationMistake) in
        try compile(schema, path: path + ".result", &notices)
      },
      wireName: wireName,
      ordinal: ordinal,
      secrets: secrets,
      secretValues: secretValues
    )
  }

  private static func compile(
    _ schema: JSONValue,
    path: String,
    _ notices: inout [RegistrationNotice]
  ) throws(ConfigurationMistake) -> Schema {
    func place(_ pointer: JSONPointer) -> String {
      ([path] + pointer.tokens).joined(separator: ".")
    }
    for unknown in Schema.unknownKeywords(in: schema) {
      let path = place(unknown.pointer)
      if let replacement = unknown.replacement {
        throw ConfigurationMistake(
          path: path,
          message: "is a keyword of a draft before 4, which is not supported; write \(replacement)"
        )
      }
      // A slip of the pen would be no limit at all; other words may be somebody's notes.
      if let nearest = unknown.nearest {
        throw ConfigurationMistake(
          path: path,
          message: "is no keyword of JSON Schema; did you mean \(nearest)?"
        )
      }
      notices.append(
        RegistrationNotice(
          path: path,
          message:
            "“\(unknown.keyword)” is no keyword of JSON Schema, so it checks nothing; "
            + "a note is better called x-\(unknown.keyword)"
        )
      )
    }
    for mistake in TextRule.mistakes(in: schema) {
      throw ConfigurationMistake(path: place(mistake.pointer), message: mistake.sentence)
    }
    for unknown in Schema.unknownFormats(in: schema) {
      notices.append(
        RegistrationNotice(
          path: place(unknown.pointer),
          message:
            "“\(unknown.format)” is no format that is known, so it checks nothing; "
            + (unknown.nearest.map { "did you mean \($0)?" } ?? "say with pattern what it has to be")
        )
      )
    }
    do {
      return try Schema(schema)
    } catch {
      throw ConfigurationMistake(path: path, message: "\(error)")
    }
  }

  private static func check(
    _ definition: FunctionDefinition,
    known: Set<FunctionName>,
    path: String
  ) throws(ConfigurationMistake) {
    guard definition.retry.maxAttempts >= 1 else {
      throw ConfigurationMistake(
        path: path + ".retry.attempts",
        message: "is \(definition.retry.maxAttempts); use 1 to run once without retry"
      )
    }
    guard definition.timeout > .zero else {
      throw ConfigurationMistake(path: path + ".timeout", message: "is not longer than 0")
    }
    guard definition.cache == nil || definition.effect == .read else {
      throw ConfigurationMistake(
        path: path + ".cache",
        message:
          "only functions with effect read may be cached, and this one's is \(definition.effect.rawValue)"
      )
    }
    guard definition.slots.map({ $0 >= 1 }) ?? true else {
      throw ConfigurationMistake(path: path + ".slots", message: "is below 1: it could never run")
    }
    for (index, check) in definition.checks.enumerated() {
      guard let mistake = check.mistake(in: definition.parameters) else { continue }
      throw ConfigurationMistake(
        path: path + (definition.checks.count == 1 ? ".check" : ".check.\(index)"),
        message: "“\(check.text)” \(mistake)"
      )
    }
    switch definition.fallback {
    case .staleCache where definition.cache == nil:
      throw ConfigurationMistake(
        path: path + ".fallback",
        message: "a stale answer needs a cache; add one"
      )
    case .function(let other) where !known.contains(other):
      let near = nearest(to: other.description, among: known.map(\.description))
      throw ConfigurationMistake(
        path: path + ".fallback",
        message: "there is no function \(other)" + (near.map { "; did you mean \($0)?" } ?? "")
      )
    case .value, .staleCache, .function, nil: break
    }
  }

  static func checkRings(_ functions: [RegisteredFunction]) throws(ConfigurationMistake) {
    var next: [FunctionName: FunctionName] = [:]
    for function in functions {
      if case .function(let other) = function.definition.fallback {
        next[function.definition.name] = other
      }
    }
    for start in next.keys.sorted() {
      var seen: [FunctionName] = [start]
      var at = start
      while let following = next[at] {
        guard !seen.contains(following) else {
          // What only leads into the ring is no part of it.
          let members = seen.drop { $0 != following }
          let ring = (members + [following]).map(\.description).joined(separator: " → ")
          throw ConfigurationMistake(
            path: "functions.\(following).fallback",
            message: "fallbacks form a ring: \(ring); break it"
          )
        }
        seen.append(following)
        at = following
      }
    }
  }
}
