import Callboard
import Foundation
import JSONSchema

/// Several things that one decision is made about: frozen as they were when it was opened.
///
/// Each of them is decided by a request of its own, which names its revision and digest.
struct Batch: Sendable, Hashable {
  var action: Action
  /// Where the marks are that it was made of.
  var screen: Screen
  var entries: [Entry]
  /// What was marked and is not part of it, and why.
  var left: [Left]
  /// What all entries have in common, by name.
  var shared: [Shared] = []
  /// Names of arguments that differ.
  var differing: [String] = []
  var totals: [Total] = []
  /// For a denial, once it is given.
  var reason: String?

  struct Left: Sendable, Hashable {
    var name: SafeText
    var why: SafeText
  }

  struct Shared: Sendable, Hashable {
    var name: String
    var value: JSONValue
  }

  struct Entry: Sendable, Hashable {
    /// What is marked.
    var mark: String
    var name: SafeText
    var function: String
    var effect: FunctionEffect?
    var caller: String
    /// As shown, secrets as marks; nil where there are none.
    var arguments: JSONObject?
    /// What else is to be said of it, such as `3 days old`.
    var note: SafeText = ""
    /// What has to be seen before it is decided with others, such as that it was done before.
    var warning: SafeText?
    var subject: Subject
  }

  enum Subject: Sendable, Hashable {
    case call(CallID, revision: Int, Seen?)
    case conversation(ConversationID)
  }

  /// Numbers of one argument, summed up.
  struct Total: Sendable, Hashable {
    var function: String
    var name: String
    /// The currency or unit they are in, where an argument says so.
    var unit: String?
    var sum: Decimal
    var count: Int
  }

  /// Requests of a batch that are on their way at one time.
  static let pace = 8

  init(
    action: Action,
    screen: Screen,
    entries: [Entry],
    left: [Left]
  ) {
    self.action = action
    self.screen = screen
    self.entries = entries
    self.left = left
    compare()
    sumUp()
  }

  var count: Int { entries.count }

  /// Finds what all have in common, and what differs, in the order of the first.
  private mutating func compare() {
    let objects = entries.map { $0.arguments ?? JSONObject() }
    var names: [String] = []
    for object in objects {
      for name in object.keys where !names.contains(name) { names.append(name) }
    }
    for name in names.prefix(200) {
      let values = objects.map { $0[name] }
      if let first = values.first ?? nil, values.allSatisfy({ $0 == first }) {
        shared.append(Shared(name: name, value: first))
      } else {
        differing.append(name)
      }
    }
  }

  private mutating func sumUp() {
    struct Key: Hashable {
      var function: String
      var name: String
      var unit: String?
    }
    var order: [Key] = []
    var sums: [Key: (sum: Decimal, count: Int)] = [:]
    for entry in entries {
      let unit = entry.arguments?.first { ["currency", "unit"].contains($0.0.lowercased()) }?.1
      for (name, value) in entry.arguments ?? JSONObject() where value.doubleValue != nil {
        guard
          let number = Decimal(
            string: value.serialized(),
            locale: Locale(identifier: "en_US_POSIX")
          )
        else { continue }
        let key = Key(function: entry.function, name: name, unit: unit?.stringValue)
        if sums[key] == nil { order.append(key) }
        let known = sums[key] ?? (Decimal.zero, 0)
        sums[key] = (known.sum + number, known.count + 1)
      }
    }
    totals = order.compactMap { key in
      sums[key].map {
        Total(function: key.function, name: key.name, unit: key.unit, sum: $0.sum, count: $0.count)
      }
    }
  }

  /// The request for one of its entries.
  func request(for entry: Entry) -> Request? {
    switch (entry.subject, action) {
    case (.call(let id, _, let seen?), .approve): .approve(id, seen)
    case (.call(let id, _, let seen?), .deny):
      .deny(id, seen, reason: reason ?? "", stopConversation: false)
    case (.call(let id, let revision, _), .cancel): .cancel(id, revision: revision)
    case (.call(let id, let revision, _), .runAgain):
      .runAgain(id, revision: revision, arguments: nil)
    case (.conversation(let id), .cancel): .stopConversation(id)
    default: nil
    }
  }

  /// What is done, as in `approve 4 calls`.
  var verb: SafeText {
    switch action {
    case .approve: "approve"
    case .deny: "deny"
    case .runAgain: "run again"
    default: screen == .conversations ? "stop" : "cancel"
    }
  }

  var things: SafeText {
    screen == .conversations
      ? counted(count, "conversation", "conversations") : counted(count, "call", "calls")
  }
}

/// A batch that was sent, and what has come of each of its requests.
struct BatchRun: Sendable {
  var title: SafeText
  var outcomes: [Outcome]

  struct Outcome: Sendable {
    var name: SafeText
    /// nil: no reply yet.
    var reply: Reply?
  }

  var isOver: Bool { outcomes.allSatisfy { $0.reply != nil } }
  var done: Int { outcomes.count { $0.reply?.isDone == true } }
  var refused: Int { outcomes.count { $0.reply.map { !$0.isDone } ?? false } }

  /// How it stands: `4 done, 1 refused`.
  var summary: SafeText {
    var parts: [SafeText] = ["\(done) done"]
    if refused > 0 { parts.append("\(refused) refused") }
    let open = outcomes.count - done - refused
    if open > 0 { parts.append("\(open) without an answer yet") }
    return parts.joined(separator: ", ")
  }
}
