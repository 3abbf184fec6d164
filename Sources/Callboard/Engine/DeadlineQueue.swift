import Foundation
import Synchronization

/// Every time-out, backoff and expiry of an engine: one sleeper, and a heap for each of its two times.
///
/// What has to last so long waits in monotonic time; what ends at a moment that is stored or shown waits for that moment of
/// the wall clock. Somebody may set that clock, so it is read again every two seconds while such a deadline waits.
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

  private struct State {
    var monotonic = Heap<Duration>()
    var wall = Heap<Date>()
    var entries: [Entry] = []
    var free: [Int] = []
    var live = 0

    func waits(_ token: Token) -> Bool {
      entries[token.slot].generation == token.generation && entries[token.slot].action != nil
    }

    mutating func add(_ action: @escaping @Sendable () -> Void) -> Token {
      let slot: Int
      if let reused = free.popLast() {
        slot = reused
      } else {
        slot = entries.count
        entries.append(Entry())
      }
      entries[slot].action = action
      live += 1
      return Token(slot: slot, generation: entries[slot].generation)
    }

    /// Forgets an action and returns it.
    @discardableResult
    mutating func take(_ token: Token) -> (@Sendable () -> Void)? {
      let action = entries[token.slot].action
      entries[token.slot].action = nil
      entries[token.slot].generation &+= 1
      free.append(token.slot)
      live -= 1
      return action
    }

    /// The first that still waits by each time; what has left is taken off.
    mutating func firsts() -> (monotonic: Ticket<Duration>?, wall: Ticket<Date>?) {
      while let first = monotonic.first, !waits(first.token) { monotonic.pop() }
      while let first = wall.first, !waits(first.token) { wall.pop() }
      return (monotonic.first, wall.first)
    }
  }

  /// The wall clock is looked at this often while something waits for it.
  static let wallLook = Duration.seconds(2)

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
      let token = state.add(action)
      let isFirst = state.monotonic.first.map { deadline < $0.deadline } ?? true
      state.monotonic.push(Ticket(deadline: deadline, token: token))
      return (token, isFirst)
    }
    if isFirst { clock.wake(self, at: deadline) }
    return token
  }

  /// Runs `action` when the wall clock shows `moment`, however it gets there; as `schedule(at:)` otherwise.
  @discardableResult
  public func schedule(at moment: Date, _ action: @escaping @Sendable () -> Void) -> Token {
    let (token, isFirst) = state.withLock { state -> (Token, Bool) in
      let token = state.add(action)
      let isFirst = state.wall.first.map { moment < $0.deadline } ?? true
      state.wall.push(Ticket(deadline: moment, token: token))
      return (token, isFirst)
    }
    if isFirst { clock.wake(self, at: timeToLook(for: moment, from: clock.monotonic)) }
    return token
  }

  /// When to look whether the wall clock shows `moment`.
  private func timeToLook(for moment: Date, from now: Duration) -> Duration {
    now + min(.seconds(max(0, moment.timeIntervalSince(clock.now))), Self.wallLook)
  }

  /// Forgets an action that has not run.
  ///
  /// Returns false when it ran already or was cancelled before.
  @discardableResult
  public func cancel(_ token: Token) -> Bool {
    state.withLock { state in
      guard state.waits(token) else { return false }
      state.take(token)
      if state.monotonic.count + state.wall.count > 64 {
        state.monotonic.compact(to: state.live, state.waits)
        state.wall.compact(to: state.live, state.waits)
      }
      return true
    }
  }

  /// Runs everything that is due.
  ///
  /// Returns when to look again, if something waits.
  @discardableResult
  public func fire(at now: Duration) -> Duration? {
    while true {
      let wall = clock.now
      typealias Found = (action: (@Sendable () -> Void)?, next: Duration?, moment: Date?)
      let found = state.withLock { state -> Found in
        let firsts = state.firsts()
        if let first = firsts.monotonic, first.deadline <= now {
          state.monotonic.pop()
          return (state.take(first.token), nil, nil)
        }
        if let first = firsts.wall, first.deadline <= wall {
          state.wall.pop()
          return (state.take(first.token), nil, nil)
        }
        return (nil, firsts.monotonic?.deadline, firsts.wall?.deadline)
      }
      if let action = found.action {
        action()
        continue
      }
      guard let moment = found.moment else { return found.next }
      let look = timeToLook(for: moment, from: now)
      return found.next.map { min($0, look) } ?? look
    }
  }

  /// When the first action is due, by a wall clock that goes as the monotonic time does; nil where none waits.
  package func firstDue(at now: Duration) -> Duration? {
    let wall = clock.now
    return state.withLock { state in
      let firsts = state.firsts()
      // A date is not exact to the microsecond: a little later is surely due.
      let moment = firsts.wall.map { ticket in
        now + .seconds(max(0, ticket.deadline.timeIntervalSince(wall))) + .microseconds(1)
      }
      guard let deadline = firsts.monotonic?.deadline else { return moment }
      return moment.map { min($0, deadline) } ?? deadline
    }
  }

  /// How many actions wait.
  public var count: Int { state.withLock { $0.live } }

  /// How much is kept for actions that wait and that have left, for the proof that it is bounded.
  var kept: (heap: Int, entries: Int) {
    state.withLock { ($0.monotonic.count + $0.wall.count, $0.entries.count) }
  }

  /// One deadline in a heap.
  private struct Ticket<Deadline: Comparable & Sendable>: Sendable {
    var deadline: Deadline
    var token: Token
  }

  /// Deadlines by one of the two times, the earliest first.
  private struct Heap<Deadline: Comparable & Sendable>: Sendable {
    private var tickets: [Ticket<Deadline>] = []

    var first: Ticket<Deadline>? { tickets.first }
    var count: Int { tickets.count }

    /// Keeps only what waits, where that is less than half of it.
    mutating func compact(to live: Int, _ waits: (Token) -> Bool) {
      guard count > live * 2 else { return }
      tickets = tickets.filter { waits($0.token) }.sorted { $0.deadline < $1.deadline }
    }

    mutating func push(_ ticket: Ticket<Deadline>) {
      tickets.append(ticket)
      var child = tickets.count - 1
      while child > 0 {
        let parent = (child - 1) / 2
        guard tickets[child].deadline < tickets[parent].deadline else { break }
        tickets.swapAt(child, parent)
        child = parent
      }
    }

    mutating func pop() {
      tickets.swapAt(0, tickets.count - 1)
      tickets.removeLast()
      var parent = 0
      while true {
        let left = parent * 2 + 1
        guard left < tickets.count else { break }
        let right = left + 1
        let isRight =
          right < tickets.count && tickets[right].deadline < tickets[left].deadline
        let child = isRight ? right : left
        guard tickets[child].deadline < tickets[parent].deadline else { break }
        tickets.swapAt(child, parent)
        parent = child
      }
    }
  }
}
