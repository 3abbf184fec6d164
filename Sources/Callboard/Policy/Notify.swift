import Foundation
import JSONSchema

/// Whom a rule calls when nobody has decided for a while; the first of several is a first group, the next a second.
public struct Notify: Sendable, Hashable, Codable {
  /// Seconds since the call began to wait, or since the group before was called.
  public var after: Double
  /// What is to be run, with places such as `${call.id}`; the engine hands it on and runs nothing.
  public var run: [String]

  public init(after: Double, run: [String]) {
    self.after = after
    self.run = run
  }
}

/// That a call waits for a person too long, for whoever calls people.
public struct Notice: Sendable, Hashable {
  public var call: CallID
  public var function: String
  public var caller: String
  public var conversation: ConversationID?
  public var state: CallState.Word
  /// The rule that says whom to call.
  public var rule: String
  /// Which group it is, from 1, and how many there are.
  public var group: Int
  public var groups: Int
  /// Since when it waits.
  public var since: Date
  public var expiresAt: Date?
  public var run: [String]

  public init(
    call: CallID,
    function: String,
    caller: String,
    conversation: ConversationID?,
    state: CallState.Word,
    rule: String,
    group: Int,
    groups: Int,
    since: Date,
    expiresAt: Date?,
    run: [String]
  ) {
    self.call = call
    self.function = function
    self.caller = caller
    self.conversation = conversation
    self.state = state
    self.rule = rule
    self.group = group
    self.groups = groups
    self.since = since
    self.expiresAt = expiresAt
    self.run = run
  }
}

/// Why somebody could not be called, in a sentence, and when.
public struct NotifyFault: Sendable, Codable, Hashable {
  public var text: String
  public var at: Date

  public init(text: String, at: Date) {
    self.text = text
    self.at = at
  }
}

/// Calls people: the engine says whom and about what, and knows nothing of programs.
public protocol Attendant: Sendable {
  /// Returns when the person has been called; throws a sentence where that could not be done.
  func call(_ notice: Notice) async throws(AttendantFault)
}

/// Why a person could not be called.
public struct AttendantFault: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}

extension ApprovalRules {
  /// Whether any rule calls anybody.
  var callsAnybody: Bool { rules.contains { !$0.notify.isEmpty } }

  /// Whom the rule that decides on a call has called when it waits; a call that no rule matches calls nobody.
  func notify(
    for arguments: JSONValue,
    function: FunctionDefinition,
    caller: Principal
  ) -> (rule: String, groups: [Notify])? {
    guard let index = firstMatch(for: arguments, function: function, caller: caller),
      !rules[index].notify.isEmpty
    else { return nil }
    return (name(of: index), rules[index].notify)
  }
}
