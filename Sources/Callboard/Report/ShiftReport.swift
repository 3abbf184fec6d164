import Foundation

/// What happened between two moments, for whoever takes over.
///
/// Every list in it is bounded; what did not fit is counted in `left`.
public struct ShiftReport: Sendable, Codable, Hashable {
  public var since: Date
  public var until: Date
  /// From when on errors were looked at to say which are new.
  public var comparedSince: Date
  public var calls = Calls()
  /// Waiting at `until`: approvals and unknown outcomes, oldest first.
  public var open: [Open] = []
  /// How many more are open than are listed.
  public var openLeft = 0
  public var people: [Person] = []
  /// Calls that a rule let through, and how many.
  public var byRule: [Count] = []
  /// Grants by which calls started, or may start as they are, and how many.
  public var byGrant: [Count] = []
  /// Grants that were given, taken back, or made void by another definition, in order.
  public var grants: [GrantStep] = []
  /// Calls whose approval nobody gave in time, by function.
  public var expired: [Count] = []
  /// Calls that were denied because there was nobody to ask, by rule.
  public var nobodyToAsk: [Count] = []
  public var switched: [Switch] = []
  public var outages: [Outage] = []
  public var definitions: [Definition] = []
  public var sums: [Sum] = []
  /// Failures by function and kind, most first.
  public var errors: [Failures] = []
  /// People who were called, and calls that failed.
  public var notified = 0
  public var notifyFailed = 0
  /// Events that no list had room for.
  public var left = 0
  /// Events that were read.
  public var events = 0
  /// Why it is not whole, in a sentence; nil: it is.
  public var gap: String?

  public init(since: Date, until: Date, comparedSince: Date) {
    self.since = since
    self.until = until
    self.comparedSince = comparedSince
  }

  public struct Calls: Sendable, Codable, Hashable {
    public var received = 0
    public var succeeded = 0
    public var failed = 0
    public var rejected = 0
    public var denied = 0
    public var expired = 0
    public var cancelled = 0
    /// Outcomes that became unknown and that nobody has found out since.
    public var unknown = 0

    public init() {}
  }

  public struct Open: Sendable, Codable, Hashable {
    public var call: CallID
    public var function: String
    public var caller: String
    public var state: CallState.Word
    public var since: Date

    public init(
      call: CallID,
      function: String,
      caller: String,
      state: CallState.Word,
      since: Date
    ) {
      self.call = call
      self.function = function
      self.caller = caller
      self.state = state
      self.since = since
    }
  }

  /// What one person did.
  public struct Person: Sendable, Codable, Hashable {
    public var name: String
    public var approved = 0
    public var denied = 0
    public var edited = 0
    public var extended = 0
    public var undone = 0
    public var settled = 0
    public var cancelled = 0
    public var ranAgain = 0
    /// Unknown outcomes that they had a function look up.
    public var lookedUp = 0
    /// Decisions of theirs that did not count.
    public var refused = 0

    public init(name: String) { self.name = name }

    var total: Int {
      approved + denied + edited + extended + undone + settled + cancelled + ranAgain + lookedUp
        + refused
    }
  }

  public struct Count: Sendable, Codable, Hashable {
    public var name: String
    public var count: Int

    public init(name: String, count: Int) {
      self.name = name
      self.count = count
    }
  }

  /// Something a person switched.
  public struct Switch: Sendable, Codable, Hashable {
    /// A function; nil: the whole engine.
    public var function: String?
    /// `off`, `on`, `held`, `released`, `cache_cleared`, `breaker open` and the like.
    public var to: String
    public var by: String
    public var at: Date

    public init(function: String?, to: String, by: String, at: Date) {
      self.function = function
      self.to = to
      self.by = by
      self.at = at
    }
  }

  /// Time in which something did not work.
  public struct Outage: Sendable, Codable, Hashable {
    public var kind: Kind
    /// A function, a model; nil: the store or callboard itself.
    public var name: String?
    /// The provider of a function.
    public var provider: String?
    public var first: Date
    /// When it last worked again; nil: it has not.
    public var last: Date?
    /// Seconds within the shift, all of them together.
    public var seconds: Double
    public var times: Int
    public var why: String?

    public enum Kind: String, Sendable, Codable, CaseIterable {
      case breaker
      case store
      /// callboard did not run.
      case engine
      case model
    }

    public init(kind: Kind, name: String?, provider: String?, first: Date) {
      self.kind = kind
      self.name = name
      self.provider = provider
      self.first = first
      seconds = 0
      times = 0
    }
  }

  /// A definition that is another than before.
  public struct Definition: Sendable, Codable, Hashable {
    public var function: String
    /// As the event says it: `changed`, `accepted` and the like.
    public var change: String
    public var by: String?
    public var at: Date

    public init(function: String, change: String, by: String?, at: Date) {
      self.function = function
      self.change = change
      self.by = by
      self.at = at
    }
  }

  /// A field of the calls that succeeded, summed up.
  public struct Sum: Sendable, Codable, Hashable {
    public var function: String
    public var field: String
    /// Another field by whose values it is summed up.
    public var by: String?
    public var groups: [Group] = []
    /// Calls that succeeded and whose field could not be read.
    public var unread = 0

    public struct Group: Sendable, Codable, Hashable {
      /// nil: all of them.
      public var value: String?
      /// A decimal number, as a text that keeps it exact.
      public var total: String
      public var calls: Int
      /// Of calls whose outcome is unknown: what may have been done beside.
      public var unknown: String
      public var unknownCalls: Int

      public init(value: String?, total: String, calls: Int, unknown: String, unknownCalls: Int) {
        self.value = value
        self.total = total
        self.calls = calls
        self.unknown = unknown
        self.unknownCalls = unknownCalls
      }
    }

    public init(function: String, field: String, by: String?) {
      self.function = function
      self.field = field
      self.by = by
    }
  }

  public struct Failures: Sendable, Codable, Hashable {
    public var function: String
    public var kind: CallFailure.Kind
    public var count: Int
    /// Not seen in the time before.
    public var isNew: Bool
    public var first: Date
    public var last: Date
    public var message: String

    public init(
      function: String,
      kind: CallFailure.Kind,
      count: Int,
      isNew: Bool,
      first: Date,
      last: Date,
      message: String
    ) {
      self.function = function
      self.kind = kind
      self.count = count
      self.isNew = isNew
      self.first = first
      self.last = last
      self.message = message
    }
  }
}

/// What of the calls of a function is summed up: `amount by currency`.
public struct ReportSum: Sendable, Hashable, Codable {
  public var function: String
  /// A name of an argument, or a JSON Pointer.
  public var field: String
  public var by: String?

  public init(function: String, field: String, by: String?) {
    self.function = function
    self.field = field
    self.by = by
  }
}
