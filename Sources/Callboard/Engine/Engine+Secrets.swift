import JSONSchema

/// What is known to be secret where a call is made, run and told of.
extension Engine {
  /// What a new call shares its secrets with: its conversation or run, or the call that it stands in for.
  func sharedSecrets(around call: Call) -> SharedSecrets? {
    if let id = call.conversation { return conversations.withLive(id) { $0.secrets } }
    if let run = call.step?.run { return runs[run]?.secrets }
    guard case .fallback(for: let parent) = call.link else { return nil }
    return table.withShard(of: parent) { shard in shard.calls[parent]?.sharingSecrets() }
  }

  /// What is hidden in what is said about a call.
  func knownSecrets(of id: CallID) -> KnownSecrets {
    let (payloads, shared) = table.withShard(of: id) { shard in
      let live = shard.calls[id]
      return (live?.call.payloads ?? [], live?.secrets)
    }
    var known = shared?.known ?? KnownSecrets()
    known.note(payloads.flatMap(Redactor.secrets(of:)))
    return known
  }

  /// The errors of a call's arguments, which quote them, without what is secret in them or known to be.
  func shown(
    _ errors: [ValidationError],
    about arguments: JSONValue,
    of call: Call,
    _ redactor: Redactor
  ) -> [ValidationError] {
    guard !errors.isEmpty else { return [] }
    var payload = Payload(arguments)
    payload.redact(redactor.redact(_:))
    var known = sharedSecrets(around: call)?.known ?? KnownSecrets()
    known.note((call.payloads + [payload]).flatMap(Redactor.secrets(of:)))
    return redactor.redact(errors, about: arguments).map { $0.mapping(known.hiding(inCut:)) }
  }
}

extension ValidationError {
  /// The same with every text that may quote the value put through `change`.
  func mapping(_ change: (String) -> String) -> ValidationError {
    ValidationError(
      path: change(path),
      keyword: keyword,
      schemaPath: schemaPath,
      expected: change(expected),
      found: change(found),
      suggestion: suggestion.map(change)
    )
  }
}

extension Redactor {
  /// The value without its secrets, also where they stand once more.
  func shown(_ value: JSONValue) -> JSONValue {
    var payload = Payload(value)
    payload.redact(redact(_:))
    payload.hide(KnownSecrets(of: [payload]))
    return payload.shown
  }
}
