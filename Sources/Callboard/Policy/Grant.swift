import Foundation
import JSONSchema

/// An approval given ahead for calls of one kind until a time.
///
/// It counts as its giver's one approval of each call that it covers, and only where its giver may approve that call.
public struct Grant: Sendable, Hashable, Codable, Identifiable {
  public var id: GrantID
  public var by: Principal
  /// Of which functions, by name.
  public var function: NamePattern
  /// A JSON Schema over the arguments; nil: whatever they are.
  public var when: JSONValue?
  public var given: Date
  public var until: Date
  /// How many calls it may serve; nil: as many as come.
  public var limit: Int?
  /// The definitions that its giver knew, by name: of any other one it is void.
  public var definitions: [String: String]

  public init(
    id: GrantID,
    by: Principal,
    function: NamePattern,
    when: JSONValue?,
    given: Date,
    until: Date,
    limit: Int?,
    definitions: [String: String]
  ) {
    self.id = id
    self.by = by
    self.function = function
    self.when = when
    self.given = given
    self.until = until
    self.limit = limit
    self.definitions = definitions
  }

  /// The longest time for which one is given: what is meant for longer belongs into the rules.
  public static let longest: TimeInterval = 7 * 86400
  /// So long an ended one stays on the list.
  static let remembered: TimeInterval = 86400
}

/// What somebody who is about to approve ahead asks for.
public struct GrantDraft: Sendable, Hashable, Codable {
  /// A name; `*` stands for any run of characters.
  public var function: String
  public var when: JSONValue?
  /// For how many seconds from now.
  public var seconds: Double
  public var limit: Int?

  public init(function: String, when: JSONValue? = nil, seconds: Double, limit: Int? = nil) {
    self.function = function
    self.when = when
    self.seconds = seconds
    self.limit = limit
  }

  /// What it covers, in words.
  public var words: String {
    var text = "calls of \(function)"
    if let when { text += " whose arguments fit \(when.serialized())" }
    if let limit { text += ", \(limit == 1 ? "1 call" : "\(limit) calls") at most" }
    return text
  }
}

/// A grant that stands, with its condition compiled.
final class StandingGrant: Sendable {
  let grant: Grant
  /// Functions for which it is void for good.
  let void: Set<String>
  private let condition: Schema?

  /// Throws where the condition is no schema.
  init(_ grant: Grant, void: Set<String>) throws {
    self.grant = grant
    self.void = void
    condition = try grant.when.map { try Schema($0) }
  }

  private init(_ standing: StandingGrant, alsoVoidFor names: Set<String>) {
    grant = standing.grant
    void = standing.void.union(names)
    condition = standing.condition
  }

  var id: GrantID { grant.id }

  /// The same without some functions; nil where it is about no other.
  func without(_ names: Set<String>) -> StandingGrant? {
    let rest = StandingGrant(self, alsoVoidFor: names)
    return grant.definitions.keys.allSatisfy(rest.void.contains) ? nil : rest
  }

  /// Whether a call of this function with these arguments is of its kind, now.
  func covers(_ function: RegisteredFunction, _ arguments: JSONValue, at now: Date) -> Bool {
    grant.until > now && isAbout(function) && (condition?.isValid(arguments) ?? true)
  }

  /// Whether it was given for this function as it is.
  func isAbout(_ function: RegisteredFunction) -> Bool {
    grant.function.matches(function.name) && !void.contains(function.name)
      && grant.definitions[function.name] == function.hash
  }
}

/// One grant as it is listed.
public struct GrantRow: Sendable, Codable, Hashable, Identifiable {
  public var id: GrantID { grant.id }
  public var grant: Grant
  public var state: State
  /// Calls that it has let start, or has approved and that have not started yet.
  public var uses: Int
  /// Who took it back.
  public var revoked: Switched?
  /// Functions that it covers as they are now.
  public var functions: [String]
  /// Functions whose definition was another one since: for these it is void, also where the old one has come back.
  public var void: [VoidFunction]
  /// Functions that it was given for and that are not there now.
  public var absent: [String]

  public init(
    grant: Grant,
    state: State,
    uses: Int,
    revoked: Switched?,
    functions: [String],
    void: [VoidFunction],
    absent: [String]
  ) {
    self.grant = grant
    self.state = state
    self.uses = uses
    self.revoked = revoked
    self.functions = functions
    self.void = void
    self.absent = absent
  }

  /// A function for which a grant is void for good, since when and why.
  public struct VoidFunction: Sendable, Codable, Hashable {
    public var function: String
    public var since: Date
    public var cause: String

    public init(function: String, since: Date, cause: String) {
      self.function = function
      self.since = since
      self.cause = cause
    }
  }

  /// Why it is void, in words; nil where it is not.
  public var voidCause: String? {
    guard state == .void else { return nil }
    guard let first = void.first, functions.isEmpty, absent.isEmpty else {
      return "\(grant.by.name) is no operator any more"
    }
    return first.words
  }

  public enum State: String, Sendable, Codable, Hashable {
    case valid
    /// It has served as many calls as it may.
    case used
    /// Its time is over.
    case over
    case revoked
    /// Its giver is no operator any more, or each of its functions is another one than its giver knew.
    case void
  }
}

extension GrantRow.VoidFunction {
  public var words: String { "the definition of \(function) has changed: \(cause)" }
}

/// What a grant would cover if it were given now.
public struct GrantPreview: Sendable, Codable {
  public var draft: GrantDraft
  /// Why it can't be given, in a sentence.
  public var refusal: String?
  /// What it would end at.
  public var until: Date
  public var functions: [String]
  /// Calls that wait now and that it would approve, as they are; those that this person may approve.
  public var waiting: [SeenCall]
  /// How many of these would start by it: the others need somebody else as well.
  public var starting: Int

  public init(
    draft: GrantDraft,
    refusal: String?,
    until: Date,
    functions: [String],
    waiting: [SeenCall],
    starting: Int
  ) {
    self.draft = draft
    self.refusal = refusal
    self.until = until
    self.functions = functions
    self.waiting = waiting
    self.starting = starting
  }
}

/// A call, and what somebody had before their eyes of it.
public struct SeenCall: Sendable, Codable, Hashable {
  public var call: CallID
  public var seen: Seen

  public init(_ call: CallID, _ seen: Seen) {
    self.call = call
    self.seen = seen
  }
}
