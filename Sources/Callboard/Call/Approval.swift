import Foundation

/// What a person has to decide about one call, and what has been decided so far.
public struct Approval: Sendable, Hashable, Codable {
  public var requirement: ApprovalRequirement
  public var askedAt: Date
  public var expiresAt: Date
  /// The expiry may not be moved beyond this.
  public var latestExpiry: Date
  /// Approvals that stand; an edit or a changed definition empties it.
  public var approvals: [Decision]
  /// Who has asked for more time; once a person.
  public var extendedBy: [Principal]
  /// What the approvals bind to (digest v1).
  public var digest: String
  /// When the last needed approval came: the first attempt must start within 5 minutes.
  public var decidedAt: Date?
  /// Set by the commit that starts the first attempt.
  public var isUsed: Bool

  public init(
    requirement: ApprovalRequirement,
    askedAt: Date,
    digest: String,
    approvals: [Decision] = []
  ) {
    self.requirement = requirement
    self.askedAt = askedAt
    self.digest = digest
    self.approvals = approvals
    expiresAt = askedAt.addingTimeInterval(requirement.expires)
    latestExpiry = askedAt.addingTimeInterval(max(requirement.maxWait, requirement.expires))
    extendedBy = []
    decidedAt = nil
    isUsed = false
  }

  /// Takes the requirement of the rule that asks from now on; the expiry stays, its bound is the rule's.
  mutating func require(_ requirement: ApprovalRequirement) {
    self.requirement = requirement
    latestExpiry = askedAt.addingTimeInterval(max(requirement.maxWait, requirement.expires))
  }

  /// A decision older than this starts nothing.
  public static let startBy: TimeInterval = 300
}

/// What a rule asks of people.
public struct ApprovalRequirement: Sendable, Hashable, Codable {
  /// The rule in the words of the configuration, such as `rule 2: payments.* when amount > 1000`.
  public var rule: String
  /// Different people needed, none of them the requester.
  public var approvers: Int
  /// Seconds until it expires.
  public var expires: Double
  /// Seconds to which the expiry may be extended at most.
  public var maxWait: Double
  /// Seconds between the last approval and the start, in which it can be undone.
  public var grace: Double
  /// An equal call that came before it, because of which a person is asked whatever the rules say.
  public var twin: CallID?

  public init(
    rule: String,
    approvers: Int = 1,
    expires: Double = 900,
    maxWait: Double = 3600,
    grace: Double = 0
  ) {
    self.rule = rule
    self.approvers = approvers
    self.expires = expires
    self.maxWait = maxWait
    self.grace = grace
  }
}

/// One person's word on one call.
public struct Decision: Sendable, Hashable, Codable {
  public var by: Principal
  public var at: Date
  /// The revision and digest that were on the screen.
  public var revision: Int
  public var digest: String
  /// By which grant, where it was given ahead.
  public var grant: GrantID?

  public init(by: Principal, at: Date, revision: Int, digest: String, grant: GrantID? = nil) {
    self.by = by
    self.at = at
    self.revision = revision
    self.digest = digest
    self.grant = grant
  }
}

/// What somebody had before their eyes when they decided: a decision on anything else is refused.
public struct Seen: Sendable, Hashable, Codable {
  public var revision: Int
  public var digest: String

  public init(revision: Int, digest: String) {
    self.revision = revision
    self.digest = digest
  }
}

/// How a person settles a `write` whose outcome is unknown.
public enum Settlement: Sendable, Hashable, Codable {
  /// It happened; the result, or a reference to it.
  case happened(Payload)
  /// It did not; on what evidence.
  case didNotHappen(evidence: String)
}
