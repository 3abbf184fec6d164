import Foundation

/// Stands between what happens to a call and the table that decides it; only tests have one.
///
/// It sees every event with the call before and after, and may spoil a policy on purpose: the table is asked by calling
/// the last argument, with these or with others.
typealias MoveWatch =
  @Sendable (
    inout Call, CallEvent, FunctionTraits,
    (inout Call, CallEvent, FunctionTraits) throws -> Transition
  ) throws -> Transition

extension Engine {
  /// Moves a value of a call by the table: the only way in which the engine asks it, but for rehearsals.
  ///
  /// `starts`: with that its first attempt starts, which nobody had to approve, in the slot that it has.
  func decide(
    _ call: inout Call,
    _ event: CallEvent,
    _ traits: FunctionTraits,
    starts: Bool = false,
    using generator: inout some RandomNumberGenerator
  ) throws -> Transition {
    if starts {
      _ = try decide(&call, event, traits, using: &generator)
      return try decide(&call, .start(digest: nil), traits, using: &generator)
    }
    guard let watch else {
      return try call.handle(event, traits, now: clock.now, using: &generator)
    }
    return try watch(&call, event, traits) { call, event, traits in
      try call.handle(event, traits, now: clock.now, using: &generator)
    }
  }
}
