import Foundation
import JSONSchema

/// Looking up whether a call of unknown outcome has happened: evidence for the person who settles it.
extension Engine {
  /// Runs the check of a call's function as an ordinary call of this person, and waits for what it finds.
  ///
  /// Whoever may settle may ask it, also without the role caller; what access rules say of that function holds.
  func check(_ id: CallID, _ revision: Int, by principal: Principal) async -> Reply {
    let (found, catalogue) = table.withShard(of: id) { ($0.calls[id]?.call, $0.catalogue) }
    guard let unknown = found, case .unknown = unknown.state else {
      let word = (found ?? store.call(id))?.state.word ?? .cancelled
      return refused(id, DecisionRefused.wrongState(word), by: principal)
    }
    guard let check = catalogue[unknown.function]?.definition.check else {
      return refused(
        id,
        because: "\(unknown.function) names no function that looks whether it has happened",
        by: principal
      )
    }
    let arguments = unknown.effectiveArguments ?? [:]
    guard !Redactor.hasMarks(arguments) else {
      return refused(
        id,
        because: "its secrets can't be opened with this key, so it can't be looked up",
        by: principal
      )
    }
    var asker = principal
    asker.roles.insert(.caller)
    let call = makeCall(
      check.function.description,
      parsed: check.arguments(for: arguments, key: unknown.idempotencyKey),
      unparsed: nil,
      caller: asker,
      link: .checks(id)
    )
    let noted = await decide(
      id,
      .checkStarted(call.id, check.function.description, by: principal),
      seen: revision,
      needing: .settle,
      by: principal,
      "is looked up"
    )
    guard noted.isDone else { return noted }
    do throws(StoreFault) {
      if case .waits = try start(call) {
        return .done("\(check.function) \(call.id.short) waits for approval")
      }
    } catch {
      return .refused("\(error)")
    }
    switch await outcome(of: call.id) {
    case .result?:
      return .done("\(check.function) has answered; read what it found, and settle by that")
    case .failure(let failure)?:
      return .refused("\(check.function) found nothing out: \(failure.message)")
    case nil: return .refused("what \(check.function) found is not kept")
    }
  }
}
