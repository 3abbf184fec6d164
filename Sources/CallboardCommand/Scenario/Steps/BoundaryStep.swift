import Callboard
import JSONSchema
import Synchronization

extension Scenario {
  /// Arguments at the bounds of what a function's schema allows, each one a call.
  struct BoundaryPlan: Sendable {
    var function: String
    var caller: String
    var cases: [BoundaryCase]
  }
}

extension ScenarioRunner {
  /// Makes a call of each case: those that are invalid have to be rejected where they are, and no others.
  func probe(_ plan: Scenario.BoundaryPlan, at place: String) async {
    for probe in plan.cases where !state.withLock({ $0.isStopped }) {
      let submission = await engine.submit(
        plan.function,
        probe.arguments,
        by: caller(plan.caller)
      )
      if case .pending(let id) = submission { await settled(id) }
      guard let call = detail(submission.id)?.call else {
        mishap("\(place): \(plan.function) with \(probe.what)", "the call is kept no longer")
        continue
      }
      state.withLock { state in
        state.mishaps.append(Self.check(call, probe, of: plan.function))
        // What becomes of it otherwise is no surprise.
        state.probed.insert(call.id)
      }
    }
  }

  static func check(_ call: Call, _ probe: BoundaryCase, of function: String) -> Check {
    let failure = call.outcome?.failure
    let isInvalid = failure?.kind == .invalidArguments
    let came: String? =
      switch (probe.isValid, isInvalid) {
      case (true, false): nil
      case (true, true): "it was rejected: \(failure?.message ?? "")"
      case (false, false): "it was \(call.state.word.rawValue)"
      case (false, true):
        // Of several faults the first is told by the failure, and all by its details.
        places(of: failure).contains(probe.pointer)
          ? nil : "it was rejected at “\(failure?.pointer ?? "")”: \(failure?.message ?? "")"
      }
    let what = "\(function) with \(probe.what)"
    return Check(
      expected: probe.isValid
        ? "\(what) is no invalid_arguments"
        : "\(what) is rejected with invalid_arguments at “\(probe.pointer)”",
      came: came.map { "\($0); with \(probe.excerpt)" }
    )
  }

  private static func places(of failure: CallFailure?) -> Set<String> {
    Set([failure?.pointer ?? ""] + (failure?.details.map(\.path) ?? []))
  }
}
