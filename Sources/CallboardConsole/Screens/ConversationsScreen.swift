import Callboard
import CallboardTerminal
import Foundation

// Conversations, and the transcript of one.
extension Painter {
  mutating func paintConversations() {
    let columns = [
      Table.Column.margin,
      Table.Column("", 6),
      Table.Column("state", 8),
      Table.Column("title", 24, grows: true),
      Table.Column("doing", 17, most: 40, rank: 2),
      Table.Column("turns", 5, align: .trailing, rank: 4),
      Table.Column("calls", 5, align: .trailing, rank: 3),
      Table.Column("tokens", 8, align: .trailing, rank: 5),
      Table.Column("last", 6, align: .trailing, rank: 1),
      Table.Column("who", 10, most: 20, rank: 6),
      Table.Column("model", 12, most: 24, rank: 7),
    ]
    let moment = moment
    paintList(columns, empty: "no conversation yet") { item in
      guard case .conversation(let row) = item else { return [] }
      return [
        TableCell(" "),
        TableCell(SafeText.short(row.id), .faint),
        TableCell(words(row.state), stateStyle(row.state)),
        TableCell(SafeText(untrusted: row.title, limit: 300)),
        TableCell(
          SafeText(untrusted: row.doing, limit: 100),
          row.doing.hasPrefix("waiting") ? .warning : .plain
        ),
        TableCell("\(row.turns)"),
        TableCell("\(row.calls)"),
        TableCell("\(row.tokens)"),
        TableCell(moment.age(since: row.lastActivity)),
        TableCell(SafeText(untrusted: row.caller, limit: 60), .faint),
        TableCell(SafeText(untrusted: row.model, limit: 60), .faint),
      ]
    }
  }

  /// The whole transcript; what is being written stands at its end.
  func transcriptDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard case .conversation(let detail) = sight.body, let detail else {
      document.text(sight.absence("this conversation is not kept any more"))
      return document
    }
    let row = detail.row
    document.add([
      Span(" "), Span(SafeText.short(row.id), .faint), Span("  "),
      Span(words(row.state), stateStyle(row.state)), Span("  "),
      Span(SafeText(untrusted: row.doing, limit: 100), .faint),
    ])
    document.value(
      "title",
      safeLines(SafeText(untrusted: row.title, limit: 2000)),
      labelWidth: 9,
      style: .title
    )
    document.text(
      "\(untrusted: row.caller, limit: 60) with \(untrusted: row.model, limit: 60) · \(counted(row.turns, "turn", "turns")) · \(counted(row.calls, "call", "calls")) · \(counted(row.tokens, "token", "tokens")) · began \(moment.clock(row.startedAt))",
      .faint
    )
    var functions: [String: String] = [:]
    for entry in detail.transcript {
      for call in entry.message.calls { functions[call.id] = name(of: call.wireName) }
      add(entry, functions: functions, to: &document)
    }
    if let writing = detail.writing {
      document.blank()
      document.text("model is writing", .accent)
      document.value("", lines(writing), labelWidth: 2)
    }
    if let failure = detail.failure {
      document.blank()
      document.text("ended: \(untrusted: failure, limit: 1000)", .bad)
    }
    return document
  }

  /// The qualified name behind the one that models use, where the engine has it.
  private func name(of wireName: String) -> String { sight.functionNames[wireName] ?? wireName }

  private func lines(_ text: String) -> [SafeText] {
    SafeText.lines(untrusted: text).map { isUTF8 ? $0 : $0.ascii }
  }

  private func add(
    _ entry: TranscriptEntry,
    functions: [String: String],
    to document: inout Document
  ) {
    let message = entry.message
    document.blank()
    let who: SafeText =
      switch message.role {
      case .system: "instructions"
      case .user: message.author.map { SafeText(untrusted: $0, limit: 60) } ?? "user"
      case .assistant: "model"
      case .tool:
        message.answers.flatMap { functions[$0] }
          .map { "answer of \(untrusted: $0, limit: 128)" } ?? "answer of a call"
      }
    document.add([
      Span(" "), Span(who, message.role == .user ? .accent : .title),
      Span(entry.turn == 0 ? "" : "  turn \(entry.turn) ·", .faint),
      Span("  \(moment.clock(entry.at))", .faint),
    ])
    if let text = message.text, !text.isEmpty {
      let isLong = message.role == .system || message.role == .tool
      document.value(
        "",
        isLong ? cut(lines(text), to: 12) : lines(text),
        labelWidth: 2,
        style: message.role == .system ? Style(.value, dim: true) : .value
      )
    }
    for call in entry.calls {
      document.add([
        Span("   → ", .faint), Span(SafeText(untrusted: call.function, limit: 200), .accent),
        Span(" \(call.id) ", .faint), Span(standing(of: call), stateStyle(call)),
        Span(call.duration.map { " " + lasting($0) } ?? "", .faint),
        Span("  \(untrusted: call.summary, limit: 300)", .faint),
      ])
    }
    if entry.calls.isEmpty {
      for call in message.calls {
        document.add([
          Span("   → ", .faint),
          Span(SafeText(untrusted: name(of: call.wireName), limit: 200), .accent),
          Span("  \(untrusted: call.arguments, limit: 300)", .faint),
        ])
      }
    }
  }

  private func cut(_ lines: [SafeText], to limit: Int) -> [SafeText] {
    guard lines.count > limit else { return lines }
    return Array(lines.prefix(limit)) + ["… \(lines.count - limit) more lines"]
  }
}

func words(_ state: Conversation.Word) -> SafeText { SafeText(untrusted: state.rawValue) }

func stateStyle(_ state: Conversation.Word) -> Style {
  switch state {
  case .thinking: .accent
  case .calling: .plain
  case .paused: .warning
  case .failed: .bad
  case .stopped, .finished: .faint
  }
}
