import Foundation
import JSONSchema
import Logging
import Synchronization

/// What is remembered of people who were called.
final class AttentionTable: Sendable {
  /// A call that waits, in the state it waits in: once for its approval, and once for its unknown outcome.
  struct Key: Hashable, Sendable {
    var call: CallID
    var state: CallState.Word

    /// As a setting's name is: `019a… unknown`.
    var text: String { "\(call) \(state.rawValue)" }

    init(call: CallID, state: CallState.Word) {
      self.call = call
      self.state = state
    }

    init?(_ text: String) {
      let parts = text.split(separator: " ").map(String.init)
      guard parts.count == 2, let call = CallID(parts[0]),
        let state = CallState.Word(rawValue: parts[1])
      else { return nil }
      self.init(call: call, state: state)
    }
  }

  struct State {
    var attendant: (any Attendant)?
    /// How many groups were called.
    var called: [Key: Int] = [:]
    var fault: NotifyFault?
  }

  let state = Mutex(State())

  /// The last person who could not be called.
  var fault: NotifyFault? { state.withLock { $0.fault } }
}

/// Calls people about what waits too long.
///
/// That somebody is called is on disk before they are, so that a restart calls nobody twice; what a crash leaves between
/// the two is not called, and the next group still is.
extension Engine {
  /// Who calls people for this engine; without one nobody is called.
  public func attend(with attendant: any Attendant) {
    attention.state.withLock { $0.attendant = attendant }
  }

  /// Takes up whom an engine before this one has called.
  func takeUp(called: [AttentionTable.Key: Int]) {
    attention.state.withLock { $0.called.merge(called) { max($0, $1) } }
  }

  /// Sets the time for the first group that is to be called about a call that has just begun to wait.
  ///
  /// Called under the lock of the call's shard, with the catalogue that stands there.
  func beginAttention(_ call: Call, in catalogue: Catalogue) {
    guard catalogue.rules.callsAnybody, let plan = plan(for: call, in: catalogue) else { return }
    let key = AttentionTable.Key(call: call.id, state: call.state.word)
    let called = attention.state.withLock { $0.called[key] ?? 0 }
    guard called < plan.groups.count else { return }
    let wait = plan.groups[...called].reduce(0) { $0 + $1.after }
    schedule(key, group: called + 1, at: since(call).addingTimeInterval(wait))
  }

  private func plan(
    for call: Call,
    in catalogue: Catalogue
  ) -> (rule: String, groups: [Notify])? {
    guard let function = catalogue[call.function],
      let arguments = call.decided?.original ?? call.proposed?.original
    else { return nil }
    return catalogue.rules.notify(
      for: arguments,
      function: function.definition,
      caller: call.caller
    )
  }

  private func since(_ call: Call) -> Date {
    call.state.word == .awaitingApproval
      ? call.approval?.askedAt ?? call.inStateSince : call.inStateSince
  }

  private func schedule(_ key: AttentionTable.Key, group: Int, at time: Date) {
    let wait = Duration.seconds(max(0, time.timeIntervalSince(clock.now)))
    deadlines.schedule(at: clock.monotonic + wait) { [weak self] in
      guard let self else { return }
      // The deadline may be due at once, under the lock of the call's shard.
      Task(executorPreference: self.executor) { await self.callGroup(group, about: key) }
    }
  }

  /// Calls one group, if the call still waits and nobody has called that group before.
  private func callGroup(_ group: Int, about key: AttentionTable.Key) async {
    guard !isStopping else { return }
    let (found, catalogue) = table.withShard(of: key.call) {
      ($0.calls[key.call]?.call, $0.catalogue)
    }
    guard let call = found, call.state.word == key.state,
      let plan = plan(for: call, in: catalogue), plan.groups.count >= group
    else { return forgetAttention() }
    let attendant = attention.state.withLock { state -> (any Attendant)? in
      guard let attendant = state.attendant, state.called[key] ?? 0 < group else { return nil }
      state.called[key] = group
      return attendant
    }
    guard let attendant else { return }
    let notify = plan.groups[group - 1]
    let ticket = commit(
      events: [
        event(
          .engine(.notified),
          call: call,
          cause: "group \(group) of \(plan.groups.count) is called: \(notify.run.first ?? "")"
        ).ruled(by: plan.rule)
      ],
      settings: [Setting.called(key).key: .integer(Int64(group))]
    )
    try? await ticket.durable()
    if group < plan.groups.count {
      schedule(key, group: group + 1, at: clock.now.addingTimeInterval(plan.groups[group].after))
    }
    let notice = Notice(
      call: call.id,
      function: call.function,
      caller: call.caller.name,
      conversation: call.conversation,
      state: key.state,
      rule: plan.rule,
      group: group,
      groups: plan.groups.count,
      since: since(call),
      expiresAt: key.state == .awaitingApproval ? call.approval?.expiresAt : nil,
      run: notify.run
    )
    do throws(AttendantFault) {
      try await attendant.call(notice)
    } catch {
      failed(error, notice, call)
    }
    forgetAttention()
  }

  /// A person who could not be called is no reason to hold anything up: it is said, and on record.
  private func failed(_ fault: AttendantFault, _ notice: Notice, _ call: Call) {
    let why = redactor.redact(said: fault.description)
    let text = "nobody was called about \(call.function) \(call.id.short): \(why)"
    attention.state.withLock { $0.fault = NotifyFault(text: text, at: clock.now) }
    log.warning("\(text)")
    commit(
      events: [event(.engine(.notifyFailed), call: call, cause: why).ruled(by: notice.rule)]
    )
  }

  /// Forgets what was called about calls that wait no longer.
  private func forgetAttention() {
    let keys = attention.state.withLock { Array($0.called.keys) }
    let over = keys.filter { key in
      table.withShard(of: key.call) { $0.calls[key.call]?.call.state.word != key.state }
    }
    guard !over.isEmpty else { return }
    attention.state.withLock { state in for key in over { state.called[key] = nil } }
    commit(
      events: [],
      settings: Dictionary(uniqueKeysWithValues: over.map { (Setting.called($0).key, .null) })
    )
  }
}

extension EngineEvent {
  /// The same with the rule that it goes by.
  func ruled(by rule: String) -> EngineEvent {
    var event = self
    event.rule = rule
    return event
  }
}
