import JSONSchema

extension Call {
  /// Takes the secrets out of everything that is shown, and what stood in one place out of the others.
  ///
  /// What it finds is known from then on to those it shares its secrets with, and what these have found is hidden in it.
  mutating func redact(_ redactor: Redactor, _ shared: SharedSecrets?) {
    let isNew = hasUnredacted
    if attempts.isEmpty, let text = unparsed {
      unparsed = redactor.redact(unparsed: text).cut(toBytes: Limit.unparsed.value)
      if let why = unreadable { unreadable = redactor.redact(text: why) }
    }
    proposed?.redact(redactor.redact(_:))
    // Mostly the arguments run as they were proposed: looking once is enough.
    if let proposed, let now = decided, !now.isRedacted, now.original == proposed.original {
      decided = proposed
    }
    decided?.redact(redactor.redact(_:))
    if var late = lateResult, !late.isRedacted {
      late.redact(redactor.redact(_:))
      lateResult = late
    }
    if case .result(var payload, let source) = outcome, !payload.isRedacted {
      payload.redact(redactor.redact(_:))
      outcome = .result(payload, source)
    }
    guard isNew, shared != nil || hasOriginals else { return }
    let found = hasOriginals ? payloads.flatMap(Redactor.secrets(of:)) : []
    if let shared {
      if !found.isEmpty { shared.note(found) }
      hide(shared.known)
    } else {
      hide(KnownSecrets(found))
    }
  }

  /// Hides what was found to be secret elsewhere.
  mutating func hide(_ known: KnownSecrets) {
    guard !known.isEmpty else { return }
    if let text = unparsed { unparsed = known.hiding(inCut: text) }
    if let why = unreadable { unreadable = known.hiding(in: why) ?? why }
    proposed?.hide(known)
    decided?.hide(known)
    if var late = lateResult {
      late.hide(known)
      lateResult = late
    }
    if case .result(var payload, let source) = outcome {
      payload.hide(known)
      outcome = .result(payload, source)
    }
  }

  private var hasUnredacted: Bool {
    proposed?.isRedacted == false || decided?.isRedacted == false
      || lateResult?.isRedacted == false || outcome?.value?.isRedacted == false
      || (proposed == nil && attempts.isEmpty && unparsed != nil)
  }
}
