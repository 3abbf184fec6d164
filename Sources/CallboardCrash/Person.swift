import Callboard
import JSONSchema

/// Decides on everything that needs somebody, and notes each decision that was acknowledged.
struct Person: Sendable {
  let engine: Engine
  let heard: Ledger
  private let maria = Principal.operator("maria", uid: 501)

  init(_ engine: Engine, _ heard: Ledger) {
    self.engine = engine
    self.heard = heard
  }

  /// Decides on these calls, and then on every other one as it comes.
  func work(on calls: [CallID]) async {
    let (news, more) = AsyncStream.makeStream(of: CallID.self)
    let token = engine.follow { event in
      switch event.type {
      case .call(let word) where word.needsPerson: if let id = event.call?.id { more.yield(id) }
      default: break
      }
    }
    for id in calls { more.yield(id) }
    await withDiscardingTaskGroup { group in
      for await id in news { group.addTask { await decide(id) } }
    }
    withExtendedLifetime(token) {}
  }

  private func decide(_ id: CallID) async {
    guard case .call(let detail?) = engine.snapshot(of: .call(id)).body else { return }
    let call = detail.call
    let luck = luck(of: id.description)
    switch call.state {
    case .awaitingApproval:
      let seen = Seen(revision: call.revision, digest: call.approval?.digest ?? "")
      switch luck {
      case 0: await ask("deny", call, .deny(id, seen, reason: "no", stopConversation: false))
      case 1: await ask("cancel", call, .cancel(id, revision: call.revision))
      default: await ask("approve", call, .approve(id, seen))
      }
    case .unknown where call.rerun == nil:
      let wasRun = call.history.contains { $0.cause.hasPrefix("run again") }
      switch luck {
      case 0..<6 where !wasRun:
        await ask("again", call, .runAgain(id, revision: call.revision, arguments: nil))
      case 0..<10:
        await ask("settle", call, .settle(id, revision: call.revision, .happened(Payload("yes"))))
      default:
        await ask(
          "settle",
          call,
          .settle(id, revision: call.revision, .didNotHappen(evidence: "no trace of it"))
        )
      }
    case .received, .approved, .queued, .running, .stopping, .backingOff, .unknown, .succeeded,
      .failed, .rejected, .denied, .expired, .cancelled:
      break
    }
  }

  private func ask(_ word: String, _ call: Call, _ request: Request) async {
    guard await engine.perform(request, by: maria).isDone else { return }
    heard.note("decision", word, call.id.description, "\(call.revision)")
  }
}
