/// Who acts: an agent that calls, or a person who watches and decides.
public struct Principal: Sendable, Hashable, Codable {
  public var name: String
  /// The Unix user id behind the terminal or the control socket; nil for callers.
  public var uid: UInt32?
  public var roles: Set<Role>
  /// An account several people use: it can't complete a quorum.
  public var isShared: Bool

  public init(name: String, uid: UInt32? = nil, roles: Set<Role>, isShared: Bool = false) {
    self.name = name
    self.uid = uid
    self.roles = roles
    self.isShared = isShared
  }

  private enum CodingKeys: CodingKey {
    case name, uid, roles, isShared
  }

  /// With the roles in order, so that one person is always the same text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(uid, forKey: .uid)
    try container.encode(roles.sorted { $0.rawValue < $1.rawValue }, forKey: .roles)
    try container.encode(isShared, forKey: .isShared)
  }

  /// What somebody may do here.
  public enum Role: String, Sendable, Hashable, Codable, CaseIterable, CodingKeyRepresentable {
    /// May ask for functions.
    case caller
    /// May look.
    case viewer
    /// May look, decide, switch and stop.
    case `operator`
    /// May see the originals of secrets, which is audited.
    case revealer
  }

  /// Two windows of one person are one person: the user id decides where there is one.
  public func isSamePerson(as other: Principal) -> Bool {
    if let uid, let otherUID = other.uid { return uid == otherUID }
    return name == other.name
  }

  public var mayLook: Bool { !roles.isDisjoint(with: [.viewer, .operator]) }
  public var mayDecide: Bool { roles.contains(.operator) }
  public var mayReveal: Bool { roles.contains(.revealer) }
  public var mayCall: Bool { roles.contains(.caller) }

  /// An agent or program that asks for functions.
  public static func caller(_ name: String) -> Principal { Principal(name: name, roles: [.caller]) }

  /// A person who decides, and may look and call too.
  public static func `operator`(_ name: String, uid: UInt32? = nil) -> Principal {
    Principal(name: name, uid: uid, roles: [.operator, .viewer, .caller])
  }

  /// A person with every right.
  public static func owner(_ name: String, uid: UInt32? = nil) -> Principal {
    Principal(name: name, uid: uid, roles: Set(Role.allCases))
  }

  /// A person who may look, and nothing else.
  public static func viewer(_ name: String, uid: UInt32? = nil) -> Principal {
    Principal(name: name, uid: uid, roles: [.viewer])
  }
}
