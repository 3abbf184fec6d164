import Callboard
import Foundation

/// The screens with a tab, by the key that opens them.
public enum Screen: Int, Sendable, Hashable, CaseIterable {
  case overview = 1
  case waiting = 2
  case calls = 3
  case conversations = 4
  case functions = 5
  case workflows = 6
  case errors = 7
  case audit = 8

  /// As in `callboard snapshot NAME` and `:NAME`.
  public var name: String {
    switch self {
    case .overview: "overview"
    case .waiting: "waiting"
    case .calls: "calls"
    case .conversations: "conversations"
    case .functions: "functions"
    case .workflows: "workflows"
    case .errors: "errors"
    case .audit: "audit"
    }
  }

  public init?(name: String) {
    guard let screen = Screen.allCases.first(where: { $0.name == name }) else { return nil }
    self = screen
  }

  var title: SafeText {
    switch self {
    case .overview: "Overview"
    case .waiting: "Waiting"
    case .calls: "Calls"
    case .conversations: "Conversations"
    case .functions: "Functions"
    case .workflows: "Workflows"
    case .errors: "Errors"
    case .audit: "Audit"
    }
  }

  var shortTitle: SafeText {
    switch self {
    case .overview: "Ovw"
    case .waiting: "Wait"
    case .calls: "Call"
    case .conversations: "Conv"
    case .functions: "Func"
    case .workflows: "Flow"
    case .errors: "Err"
    case .audit: "Log"
    }
  }

  /// A sorted, filtered list with a cursor; the overview has an order of its own.
  var isList: Bool { self != .overview }
}

/// What fills the body: a screen, or one thing that was opened from it.
enum Place: Hashable, Sendable {
  case screen(Screen)
  /// A waiting call over the whole body, with every value unfolded.
  case review(CallID)
  case call(CallID)
  case conversation(ConversationID)
  case run(RunID)
  case function(String)
  /// One event of the log.
  case event(Int)
  /// What happened between two moments.
  case report(since: Date, until: Date)
  /// What came of a batch.
  case batch(Int)
  case messages
  /// Approvals given ahead.
  case grants

  /// Whether it is read by scrolling, and has no rows.
  var isDocument: Bool {
    if case .screen = self { false } else { true }
  }
}
