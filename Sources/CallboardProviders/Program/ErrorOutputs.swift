import Callboard
import Foundation
import Synchronization

/// The last of what one program has written to stderr; may be read while it runs.
final class ErrorTail: Sendable {
  /// Most bytes that are kept.
  static let limit = Limit.errorOutput.value

  private let kept = Mutex<[UInt8]>([])

  func append(_ bytes: some Collection<UInt8>) {
    kept.withLock { kept in
      kept += bytes.suffix(Self.limit)
      let excess = kept.count - Self.limit
      if excess > 0 { kept.removeFirst(excess) }
    }
  }

  /// As text without white space at its ends; nil where there is nothing else.
  var text: String? {
    // The tail may begin in the middle of a character.
    let bytes = kept.withLock { $0 }.drop { $0 & 0xC0 == 0x80 }
    let text = String(decoding: bytes, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }
}

/// What the programs of a provider have written to stderr: while each runs, and after its end until somebody asks.
final class ErrorOutputs: Sendable {
  /// Most ended programs whose output waits to be asked for.
  private static let limit = 256

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
