import Callboard
import Foundation

/// A notice in words; what comes from outside is made safe, since it is read on a telephone or a terminal.
struct NoticeWords {
  let notice: Notice
  /// The control socket of the instance that calls; nil: it has none.
  let socket: String?

  func value(of place: NoticeTemplate.Place) -> String {
    switch place {
    case .id: notice.call.description
    case .function: safe(notice.function)
    case .caller: safe(notice.caller)
    case .conversation: notice.conversation?.description ?? "none"
    case .state: notice.state.rawValue
    case .rule: safe(notice.rule)
    case .text: text
    case .command: command
    }
  }

  /// The command that opens the call, in whatever folder it is typed; empty where no command can.
  var command: String {
    guard let socket else { return "" }
    let noun = notice.state == .unknown ? "calls" : "approvals"
    return "callboard \(noun) show \(notice.call) --socket \(Self.word(socket))"
  }

  /// One sentence: what waits, since when, until when, by which rule, and how to open it.
  var text: String {
    var text = "callboard: \(safe(notice.function)) of \(safe(notice.caller)) "
    text += notice.state == .unknown ? "may have been done, unknown" : "waits for approval"
    text += " since \(ISOTime.text(of: notice.since))"
    if let end = notice.expiresAt { text += ", until \(ISOTime.text(of: end))" }
    text += " (\(safe(notice.rule)))."
    return text
      + (socket == nil
        ? " Open call \(notice.call) on its own console: it has no control socket."
        : " Open it with: \(command)")
  }

  private func safe(_ text: String) -> String {
    SafeText(untrusted: text, limit: 200).text
  }

  /// A path as one word of a shell.
  static func word(_ path: String) -> String {
    let isPlain = path.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || "/._-+,:@%".utf8.contains($0)
    }
    return isPlain && !path.isEmpty ? path : "'" + path.replacing("'", with: "'\\''") + "'"
  }
}
