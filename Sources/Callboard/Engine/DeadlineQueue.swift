import Foundation
import Synchronization

/// Every time-out, backoff and expiry of an engine: one heap, one sleeper.
///
/// Scheduling and cancelling cost no task and no timer; cancelled entries leave the heap when they are more
/// than half of it, so a million calls that ended in time keep no memory.
public final class DeadlineQueue: Sendable {
  /// Names one scheduled action; stale tokens are harmless.
  public struct Token: Sendable, Hashable {
    fileprivate var slot: Int
    fileprivate var generation: UInt32
  }

  private struct Entry {
    var generation: UInt32 = 0
    var action: (@Sendable () -> Void)?
  }

  private struct Ticket {
    var deadline: Duration
    var slot: Int
    var generation: UInt32
  }

  private struct State {
    var heap: [Ticket] = []
    var entries: [Entry] = []
    var free: [Int] = []
    var live = 0
  }

  private let state = Mutex(State())
  private let clock: any EngineClock

  public init(clock: any EngineClock) {
    self.clock = clock
  }

  /// Runs `action` when the clock's monotonic time reaches `deadline`, on the clock's own thread: it must not
  /// block.
  @discardableResult
  public func schedule(at deadline: Duration, _ action: @escaping @Sendable () -> Void) -> Token {
    let (token, isFirst) = state.withLock { state -> (Token, Bool) in
      let slot: Int
      if let reused = state.free.popLast() {
        slot = reused
      } else {
        slot = state.entries.count
        state.entries.append(Entry())
      }
      state.entries[slot].action = action
      state.live += 1
      let generation = state.entries[slot].generation
      let isFirst = state.heap.first.map { deadline < $0.deadline } ?? true
      Self.push(Ticket(deadline: deadline, slot: slot, generation: generation), to: &state.heap)
      return (Token(slot: slot, generation: generation), isFirst)
    }
    if isFirst { clock.wake(self, at: deadline) }
    return token
  }

  /// Forgets an action that has not run.
  ///
  /// Returns false when it ran already or was cancelled before.
  @discardableResult
  public func cancel(_ token: Token) -> Bool {
    state.withLock { state in
      guard state.entries[token.slot].generation == token.generation,
        state.entries[token.slot].action != nil
      else { return false }
      Self.release(token.slot, in: &state)
      if state.heap.count > 64, state.heap.count > state.live * 2 { Self.compact(&state) }
      return true
    }
  }

  /// Runs everything that is due.
  ///
  /// Returns the next deadline, if there is one.
  @discardableResult
  public func fire(at now: Duration) -> Duration? {
    while true {
      let (action, next): ((@Sendable () -> Void)?, Duration?) = state.withLock { state in
        while let first = state.heap.first {
          let isLive =
            state.entries[first.slot].generation == first.generation
            && state.entries[first.slot].action != nil
          guard isLive else {
            Self.pop(&state.heap)
            continue
          }
          guard first.deadline <= now else { return (nil, first.deadline) }
          Self.pop(&state.heap)
          let action = state.entries[first.slot].action
          Self.release(first.slot, in: &state)
          return (action, nil)
        }
        return (nil, nil)
      }
      guard let action else { return next }
      action()
    }
  }

  /// How many actions wait.
  public var count: Int { state.withLock { $0.live } }

  /// How much is kept for actions that wait and that have left, for the proof that it is bounded.
  var kept: (heap: Int, entries: Int) { state.withLock { ($0.heap.count, $0.entries.count) } }

  private static func release(_ slot: Int, in state: inout State) {
    state.entries[slot].action = nil
    state.entries[slot].generation &+= 1
    state.free.append(slot)
    state.live -= 1
  }

  private static func compact(_ state: inout State) {
    let entries = state.entries
    var kept = state.heap.filter {
      entries[$0.slot].generation == $0.generation && entries[$0.slot].action != nil
    }
    kept.sort { $0.deadline < $1.deadline }
    state.heap = kept
  }

  private static func push(_ ticket: Ticket, to heap: inout [Ticket]) {
    heap.append(ticket)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].deadline < heap[parent].deadline else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private static func pop(_ heap: inout [Ticket]) {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let left = parent * 2 + 1
      guard left < heap.count else { break }
      let right = left + 1
      let child = right < heap.count && heap[right].deadline < heap[left].deadline ? right : left
      guard heap[child].deadline < heap[parent].deadline else { break }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}
