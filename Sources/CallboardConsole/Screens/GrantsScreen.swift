import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// Approvals given ahead: who gave them, what they cover, until when, and how often they have served.
extension Painter {
  func grantsDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard case .grants(let rows) = sight.body, !rows.isEmpty else {
      document.text("nothing is approved ahead", .faint)
      document.text(":grant \(untrusted: GrantDraft.form) gives a grant", .faint)
      return document
    }
    for row in rows { add(row, to: &document) }
    document.blank()
    document.text(":revoke ID takes one back: it approves nothing from then on", .faint)
    return document
  }

  private func add(_ row: GrantRow, to document: inout Document) {
    let grant = row.grant
    if !document.lines.isEmpty { document.blank() }
    let isValid = row.state == .valid
    document.add([
      Span(" "), Span(SafeText(untrusted: grant.id.short), .title), Span("  "),
      Span(SafeText(untrusted: grant.function.text, limit: 200), isValid ? .title : .faint),
      Span("  "), Span(standing(of: row), isValid ? .good : .faint),
    ])
    let limit: SafeText = grant.limit.map { " of \($0)" } ?? ""
    func fact(_ label: SafeText, _ text: SafeText, _ style: Style = .plain) {
      document.fact(label, text, labelWidth: 8, style: style)
    }
    fact(
      "given",
      "by \(untrusted: grant.by.name, limit: 60) \(moment.clock(grant.given)), until \(moment.clock(grant.until))"
    )
    fact("used", "\(counted(row.uses, "call", "calls"))\(limit)")
    if let when = grant.when {
      document.value("when", safeLines(of: when), labelWidth: 8)
    }
    let covered = row.functions.prefix(6).map { SafeText(untrusted: $0, limit: 100) }
    if !covered.isEmpty {
      let more: SafeText = row.functions.count > 6 ? " and \(row.functions.count - 6) more" : ""
      fact("covers", covered.joined(separator: ", ") + more, isValid ? .plain : .faint)
    }
    for void in row.void.prefix(6) {
      fact(
        "void for",
        "\(untrusted: void.function, limit: 100) since \(moment.clock(void.since)): its definition has changed: "
          + "\(untrusted: void.cause, limit: 200)",
        .warning
      )
    }
    if row.void.count > 6 { fact("void for", "\(row.void.count - 6) more", .warning) }
    if !row.absent.isEmpty {
      let names = row.absent.prefix(6).map { SafeText(untrusted: $0, limit: 100) }
      fact("gone", names.joined(separator: ", "), .faint)
    }
  }

  private func standing(of row: GrantRow) -> SafeText {
    switch row.state {
    case .valid: "\(moment.left(until: row.grant.until)) left"
    case .used: "used up"
    case .over: "over"
    case .void: "void: \(untrusted: row.voidCause ?? "", limit: 200)"
    case .revoked:
      row.revoked.map {
        "revoked by \(untrusted: $0.by, limit: 60) \(moment.age(since: $0.at)) ago"
      } ?? "revoked"
    }
  }
}
