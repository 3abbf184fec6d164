import JSONSchema

/// Shows originals of secrets to people who may see them, once that is on record.
extension Engine {
  public func reveal(_ id: CallID, by principal: Principal) -> RevealTicket {
    let ticket = RevealTicket()
    Task(executorPreference: executor) { [self] in ticket.answer(await reveal(id, by: principal)) }
    return ticket
  }

  /// The originals of a call, live or ended.
  ///
  /// That this person sees them is on disk first; so is that somebody without the right has asked.
  public func reveal(_ id: CallID, by principal: Principal) async -> Revelation {
    let live = table.withShard(of: id) { $0.calls[id]?.call }
    guard let call = live ?? stored(id) else { return .refused("no such call is kept") }
    guard principal.mayReveal else {
      let why =
        "\(principal.name) asked for the originals of secrets, and has not the role revealer"
      try? await commit(events: [
        event(.engine(.decisionRefused), call: call, cause: why, by: principal.name)
      ]).durable()
      return .refused("that takes the role revealer, and \(principal.name) has not")
    }
    guard call.hasOriginals || !call.isMarked else {
      return .refused("the originals of its secrets are not kept, or can't be opened with this key")
    }
    let shown = event(
      .engine(.revealed),
      call: call,
      cause: "the originals of its secrets were shown",
      by: principal.name
    )
    do throws(StoreFault) {
      // Where it can't be on record it must not have happened.
      let ticket = try store.commit(StoreChange(events: [shown], isRevocable: true))
      changed()
      try await ticket.durable()
    } catch {
      storeFailed(error)
      return .refused("it can't be put on record: \(error)")
    }
    return .originals(Originals(call))
  }
}

extension Call {
  /// Whether a mark stands somewhere in what is shown of its values.
  public var isMarked: Bool { payloads.contains { $0.shown.holds(Redactor.mark) } }
}

extension JSONValue {
  /// Whether a text or a name in it holds another text.
  fileprivate func holds(_ text: String) -> Bool {
    switch self {
    case .null, .bool, .integer, .double, .decimal: false
    case .string(let own): own.contains(text)
    case .array(let items): items.contains { $0.holds(text) }
    case .object(let object): object.contains { $0.key.contains(text) || $0.value.holds(text) }
    }
  }
}
