import Callboard

/// Lets a key that decides act only on what its presser can have seen.
///
/// After new content is painted the terminal is asked for its status; deciding keys that come
/// before the answer, or within half a second after it, are dropped. Pure: the time, from a
/// monotonic clock, is passed in.
///
/// The loop: draw; `painted` and, when it says so, `requestStatus`; then for each key
/// `statusAnswered` for ``Key/statusReport``, else `admits`; `idle` whenever no key is left to
/// read.
public struct InputGate: Sendable {
  /// After the terminal has drawn: the time a person needs to see it at all.
  public static let pause = Duration.milliseconds(500)
  /// Without an answer for this long the terminal is taken for one that does not answer.
  public static let patience = Duration.seconds(2)

  /// What the deciding keys would act on, as shown: a call with its revision and digest, a function
  /// with its switch.
  public typealias Content = String

  /// What becomes of a key.
  public enum Verdict: Sendable, Hashable {
    case run
    /// Forget the key and say why.
    case dropped(SafeText)
    /// Keep the key and all after it, paint first, then ask again.
    case waitForPaint
  }

  private var content: Content?
  private var seen = Seen.never
  private var answers = true
  /// Status requests whose answers are for what was painted before.
  private var outstanding = 0

  private enum Seen: Sendable {
    case never
    case asked(at: Duration)
    case since(Duration)
  }

  public init() {}

  /// Call after each frame; true asks for `CSI 5 n` to be sent now.
  ///
  /// The content is nil when nothing is shown that a key could decide.
  public mutating func painted(_ content: Content?, at now: Duration) -> Bool {
    guard content != self.content else { return false }
    self.content = content
    guard content != nil else {
      seen = .never
      return false
    }
    seen = answers ? .asked(at: now) : .since(now)
    outstanding = answers ? outstanding + 1 : 1
    return true
  }

  /// Call when another program had the screen (an editor, the shell after Ctrl-Z): nothing counts
  /// as seen.
  public mutating func forget() {
    content = nil
    seen = .never
  }

  /// For every ``Key/statusReport`` that is read.
  public mutating func statusAnswered(at now: Duration) {
    answers = true
    outstanding = max(0, outstanding - 1)
    guard outstanding == 0, case .asked = seen else { return }
    seen = .since(now)
  }

  /// Call when no key is left to read, because only then has an answer really not come.
  ///
  /// The text is to be said; it comes once.
  public mutating func idle(at now: Duration) -> SafeText? {
    guard case .asked(let asked) = seen, now - asked >= Self.patience else { return nil }
    outstanding = 0
    seen = .since(asked)
    guard answers else { return nil }
    answers = false
    return
      "the terminal does not say when it has drawn; deciding keys wait half a second after each change instead"
  }

  /// When to call ``idle(at:)`` although nothing happens; nil while no answer is awaited.
  public var deadline: Duration? {
    guard case .asked(let asked) = seen else { return nil }
    return asked + Self.patience
  }

  /// Whether a key may act now on what the views hold under the cursor.
  ///
  /// `deciding` says whether the key acts on the thing under the cursor at all; `!` always may.
  /// `content` is what it would act on now, which may be newer than what was painted, and
  /// `frameIsDue` whether something has changed that is not painted yet.
  public func admits(
    _ key: Key,
    deciding: Bool,
    on content: Content?,
    frameIsDue: Bool,
    at now: Duration
  ) -> Verdict {
    guard deciding, key != .character("!") else { return .run }
    if case .paste = key { return .dropped("pasted text is never run as keys") }
    if frameIsDue || content != self.content { return .waitForPaint }
    return switch seen {
    case .since(let time) where now - time >= Self.pause: .run
    case .since, .asked, .never: .dropped("typed before this was on screen")
    }
  }
}
