import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// What is marked, looked up once and frozen.
extension Session {
  /// Opens a batch of what is marked on a screen; nothing is sent before its count is typed.
  func openBatch(_ action: Action, on screen: Screen) {
    var marks = model.marks.on(screen)
    if marks.isEmpty, let id = model.list.cursor.id { marks = [id] }
    let picked: Picked
    switch screen {
    case .waiting, .calls: picked = calls(marks, for: action)
    case .conversations: picked = conversations(marks)
    case .errors: picked = failedCalls(of: marks)
    case .overview, .functions, .workflows, .audit: return
    }
    if picked.entries.isEmpty, picked.left.count == 1, let only = picked.left.first {
      say("\(only.name): \(only.why)", .warning)
      return
    }
    model.batchScroll = ConsoleModel.Scroll()
    model.ask(
      Prompt(
        .batch(
          Batch(action: action, screen: screen, entries: picked.entries, left: picked.left)
        )
      )
    )
  }

  private struct Picked {
    var entries: [Batch.Entry] = []
    var left: [Batch.Left] = []

    mutating func leave(_ name: SafeText, _ why: SafeText) {
      left.append(Batch.Left(name: name, why: why))
    }
  }

  private func calls(_ marks: [String], for action: Action) -> Picked {
    var picked = Picked()
    for mark in marks {
      guard let id = CallID(mark) else { continue }
      guard let detail = door.snapshot(of: .call(id)).call else {
        picked.leave("call \(id)", "is not kept any more")
        continue
      }
      let name = name(of: detail.row)
      if let why = obstacle(to: action, on: detail) {
        picked.leave(name, why)
      } else {
        picked.entries.append(entry(detail, mark: mark, name))
      }
    }
    return picked
  }

  private func name(of row: CallRow) -> SafeText {
    "\(untrusted: row.function, limit: 200) \(SafeText.short(row.id))"
  }

  private func entry(_ detail: CallDetail, mark: String, _ name: SafeText) -> Batch.Entry {
    let row = detail.row
    return Batch.Entry(
      mark: mark,
      name: name,
      function: row.function,
      effect: row.effect,
      caller: row.caller,
      arguments: (detail.call.decided ?? detail.call.proposed)?.shown.objectValue,
      note: row.state == .awaitingApproval && row.approvalsNeeded > 1
        ? "\(row.approvalsGiven) of \(row.approvalsNeeded) approved" : "",
      warning: row.twin.map { twin in
        let state: SafeText = detail.twin.map { ", which is \(words($0.state))" } ?? ""
        return
          "equal to call \(SafeText.short(twin))\(state): \(CallDetail.onceMore)"
      },
      subject: .call(row.id, revision: row.revision, row.seen)
    )
  }

  /// Why a call can't be part of a batch; nil: it can.
  private func obstacle(to action: Action, on detail: CallDetail) -> SafeText? {
    let state = detail.row.state
    if state == .unknown, action != .runAgain { return "its outcome is unknown: settle it" }
    if let why = Context.forbidden(by: detail, to: model.principal)[action] { return why }
    switch action {
    case .approve:
      guard state == .awaitingApproval else { return left(detail) }
      return unread(detail)
    case .deny:
      return state == .awaitingApproval || state == .approved ? nil : left(detail)
    case .cancel:
      return state.isEnded || state == .stopping ? left(detail) : nil
    case .runAgain:
      if state == .unknown { return nil }
      guard state.isEnded else { return "is \(words(state)) and has not ended" }
      return detail.call.proposed == nil ? "its arguments were never JSON" : nil
    default: return "can't be done to several calls"
    }
  }

  private func left(_ detail: CallDetail) -> SafeText { "has left: \(ending(of: detail))" }

  /// Nothing is approved unread, also not with others.
  private func unread(_ detail: CallDetail) -> SafeText? {
    guard let reading = model.readings[detail.row.id] else { return "was not read" }
    guard reading.seen == detail.seen else { return "has changed since it was read" }
    if reading.folded > 0 { return "\(counted(reading.folded, "value", "values")) folded" }
    return reading.unread > 0 ? "\(counted(reading.unread, "line", "lines")) unread" : nil
  }

  private func conversations(_ marks: [String]) -> Picked {
    var picked = Picked()
    for mark in marks {
      guard let id = ConversationID(mark) else { continue }
      guard let row = door.snapshot(of: .conversation(id)).conversation?.row else {
        picked.leave("conversation \(id)", "is not kept any more")
        continue
      }
      let name: SafeText = "\(SafeText.short(id)) “\(untrusted: row.title, limit: 100)”"
      guard row.state.isLive else {
        picked.leave(name, "has ended: \(words(row.state))")
        continue
      }
      picked.entries.append(
        Batch.Entry(
          mark: mark,
          name: name,
          function: "",
          effect: nil,
          caller: row.caller,
          arguments: nil,
          note: SafeText(untrusted: row.doing, limit: 60),
          subject: .conversation(id)
        )
      )
    }
    return picked
  }

  /// The calls that failed so, those that may be run again without doing anything twice.
  private func failedCalls(of marks: [String]) -> Picked {
    var picked = Picked()
    let groups = sight.rows.items.compactMap { item -> ErrorRow? in
      if case .error(let row) = item, marks.contains(item.id) { row } else { nil }
    }
    for group in groups {
      guard let filter = try? Filter("fn:\(group.function) state:failed"),
        case .calls(let page) = door.snapshot(
          of: .calls(ListQuery(filter: filter, after: Marks.limit - 1))
        ).body
      else { continue }
      let rows = page.rows.filter { $0.function == group.function && $0.failure == group.kind }
      let mark = Item.error(group).id
      for row in rows {
        guard picked.entries.count < Marks.limit,
          let detail = door.snapshot(of: .call(row.id)).call
        else { continue }
        let failure = detail.call.outcome?.failure
        let isSafe =
          row.effect == .read || row.effect == .idempotent || failure?.reach == .notSent
        if !isSafe {
          picked.leave(name(of: row), "a write that may do it twice: one by one, with r on 3")
        } else if detail.call.proposed == nil {
          picked.leave(name(of: row), "its arguments were never JSON")
        } else {
          picked.entries.append(entry(detail, mark: mark, name(of: row)))
        }
      }
      if group.count > rows.count {
        picked.leave(
          "\(untrusted: group.function, limit: 200) \(words(group.kind))",
          "\(group.count - rows.count) more that are kept no longer, or whose outcome is unknown"
        )
      }
    }
    return picked
  }
}
