import Callboard
import Foundation
import Synchronization

/// The last of what one program has written to stderr; may be read while it runs.
final class ErrorTail: Sendable {
  /// Most bytes that are kept: twice what is shown, so that a secret at the cut is found whole before it is made.
  private static let limit = 2 * Limit.errorOutput.value

  private struct State {
    var kept: [UInt8] = []
    var isCut = false
  }

  private let state = Mutex(State())

  func append(_ bytes: some Collection<UInt8>) {
    state.withLock { state in
      state.kept += bytes.suffix(Self.limit)
      let excess = state.kept.count - Self.limit
      if excess > 0 { state.kept.removeFirst(excess) }
      if excess > 0 || bytes.count > Self.limit { state.isCut = true }
    }
  }

  /// As text without white space at its ends; nil where there is nothing else.
  ///
  /// More than may be shown: whoever asks hides what is secret in it, and cuts then.
  var text: String? {
    let state = state.withLock { $0 }
    // What it begins with may be a piece of a secret, and of a character.
    let bytes =
      state.isCut ? state.kept.drop { !Self.whiteSpace.contains($0) } : state.kept[...]
    let text = String(decoding: bytes, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard state.isCut else { return text.isEmpty ? nil : text }
    return "…" + text
  }

  private static let whiteSpace: [UInt8] = [9, 10, 13, 32]

  /// The last of it, without what is secret in it.
  func shown(_ discretion: Discretion) -> String? {
    text.map(discretion.hiding)?.cut(toLastBytes: Limit.errorOutput.value)
  }
}

/// What the programs of a provider have written to stderr: while each runs, and after its end until somebody asks.
final class ErrorOutputs: Sendable {
  /// Most ended programs whose output waits to be asked for.
  private static let limit = Limit.keptErrorOutputs.value

  struct Attempt: Hashable {
    var call: CallID
    var number: Int
  }

  private struct State {
    var tails: [Attempt: ErrorTail] = [:]
    /// Those that have ended, oldest first.
    var ended: [Attempt] = []
  }

  private let state = Mutex(State())

  func began(_ attempt: Attempt, _ tail: ErrorTail) {
    state.withLock { $0.tails[attempt] = tail }
  }

  /// Forgets the output where there is none or its failure tells it.
  func ended(_ attempt: Attempt, isTold: Bool) {
    state.withLock { state in
      guard !isTold, state.tails[attempt]?.text != nil else {
        state.tails[attempt] = nil
        return
      }
      state.ended.append(attempt)
      if state.ended.count > Self.limit { state.tails[state.ended.removeFirst()] = nil }
    }
  }

  /// The output so far; given once after the end.
  func take(_ attempt: Attempt) -> String? {
    let tail = state.withLock { state in
      guard let end = state.ended.firstIndex(of: attempt) else { return state.tails[attempt] }
      state.ended.remove(at: end)
      return state.tails.removeValue(forKey: attempt)
    }
    return tail?.text
  }
}
