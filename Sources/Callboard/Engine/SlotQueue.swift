import DequeModule
import Synchronization

/// Gives out the right to run: so many at a time over all, so many of each function, first come first served.
///
/// Calls of a function that is off, and all while the engine is held, keep their places and are passed over.
final class SlotQueue: Sendable {
  enum Turn: Sendable {
    /// A slot is taken; it must be given back.
    case slot
    /// The call left the queue: cancelled, expired or ended otherwise.
    case left
  }

  private typealias Gate = OneShot<Turn>

  private struct Waiter {
    var call: CallID
    var order: UInt64
    var gate: Gate
  }

  /// One function's line.
  ///
  /// A class, so that looking at it does not copy what waits in it; only touched under the lock.
  private final class Line {
    var limit: Int?
    var running = 0
    var isOn: Bool
    var waiting: Deque<Waiter> = []

    init(limit: Int?, isOn: Bool) {
      self.limit = limit
      self.isOn = isOn
    }

    var hasRoom: Bool { limit.map { running < $0 } ?? true }
  }

  private struct State {
    /// By the function's ordinal; a function that goes leaves its line, for what still runs and for when it comes back.
    var lines: [Line] = []
    var ordinals: [String: Int] = [:]
    /// Most running at a time.
    var limit: Int
    var running = 0
    var order: UInt64 = 0
    var isHeld = false
    /// The engine stops: nothing starts any more.
    var isClosed = false
    var waiting = 0
  }

  private let state: Mutex<State>
  /// Most new calls waiting.
  private let bound: Atomic<Int>
  /// How many new calls have a place; those that wait again, or after a person's decision, take none.
  private let newcomers = Atomic<Int>(0)

  /// `limit`: most running at a time; `bound`: most new calls waiting.
  init(limit: Int, bound: Int, functions: [RegisteredFunction]) {
    self.bound = Atomic(bound)
    var state = State(limit: limit)
    for function in functions {
      state.ordinals[function.name] = function.ordinal
      state.lines.append(Line(limit: function.definition.slots, isOn: function.isOn))
    }
    self.state = Mutex(state)
  }

  /// The place of a function's line: the one it has had, or a new one.
  func ordinal(of name: String) -> Int {
    state.withLock { state in
      if let ordinal = state.ordinals[name] { return ordinal }
      state.lines.append(Line(limit: nil, isOn: false))
      state.ordinals[name] = state.lines.count - 1
      return state.lines.count - 1
    }
  }

  /// Takes the limits and switches of functions that have come or changed.
  func update(_ functions: [RegisteredFunction]) {
    open(
      state.withLock { state in
        for function in functions {
          let line = state.lines[function.ordinal]
          line.limit = function.definition.slots
          line.isOn = function.isOn
        }
        return serve(&state)
      }
    )
  }

  /// Takes other limits over all functions; what runs or waits beyond them stays.
  func update(limit: Int, bound: Int) {
    self.bound.store(bound, ordering: .relaxed)
    open(
      state.withLock { state in
        state.limit = limit
        return serve(&state)
      }
    )
  }

  /// Whether a new call would find a place.
  var hasRoom: Bool { newcomers.load(ordering: .relaxed) < bound.load(ordering: .relaxed) }

  /// Takes a place for a new call, if one is left: asked and taken in one step, however many ask at once.
  ///
  /// It is kept until ``leavePlace()``, which may be before the call stands in any line.
  func takePlace() -> Bool {
    var taken = newcomers.load(ordering: .relaxed)
    while taken < bound.load(ordering: .relaxed) {
      let (isTaken, now) = newcomers.compareExchange(
        expected: taken,
        desired: taken + 1,
        ordering: .relaxed
      )
      if isTaken { return true }
      taken = now
    }
    return false
  }

  /// Gives a new call's place back: it has started, or ended, or waits for something else than a slot.
  func leavePlace() { newcomers.subtract(1, ordering: .relaxed) }

  /// Takes a slot at once if nobody waits before.
  func takeAtOnce(_ function: RegisteredFunction) -> Bool { takeAtOnce(function.ordinal) }

  func takeAtOnce(_ function: String) -> Bool {
    state.withLock { $0.ordinals[function] }.map(takeAtOnce(_:)) ?? false
  }

  private func takeAtOnce(_ ordinal: Int) -> Bool {
    state.withLock { state in
      guard !state.isHeld, !state.isClosed, state.running < state.limit else { return false }
      let line = state.lines[ordinal]
      guard line.isOn, line.hasRoom, line.waiting.isEmpty else { return false }
      line.running += 1
      state.running += 1
      return true
    }
  }

  /// Takes a place in the line; the gate opens with a slot, or when the call leaves.
  func wait(_ call: CallID, for function: String) -> OneShot<Turn> {
    let gate = OneShot<Turn>()
    let opened = state.withLock { state -> [Gate] in
      state.order += 1
      state.waiting += 1
      line(function, in: state)?.waiting.append(Waiter(call: call, order: state.order, gate: gate))
      return serve(&state)
    }
    open(opened)
    return gate
  }

  /// Gives a slot back.
  func giveBack(_ function: RegisteredFunction) { giveBack(function.ordinal) }

  func giveBack(_ function: String) {
    if let ordinal = state.withLock({ $0.ordinals[function] }) { giveBack(ordinal) }
  }

  private func giveBack(_ ordinal: Int) {
    open(
      state.withLock { state in
        state.lines[ordinal].running -= 1
        state.running -= 1
        return serve(&state)
      }
    )
  }

  /// A waiting call leaves the line.
  ///
  /// Nothing happens when it isn't in it.
  func leave(_ call: CallID, function: String) {
    let gate: Gate? = state.withLock { state in
      guard let line = line(function, in: state),
        let index = line.waiting.firstIndex(where: { $0.call == call })
      else { return nil }
      state.waiting -= 1
      return line.waiting.remove(at: index).gate
    }
    gate?.resolve(.left)
  }

  /// Functions went on or off, or the whole engine was held or released.
  func change(functions: Set<String> = [], isOn: Bool = true, isHeld: Bool? = nil) {
    open(
      state.withLock { state in
        for function in functions { line(function, in: state)?.isOn = isOn }
        if let isHeld { state.isHeld = isHeld }
        return serve(&state)
      }
    )
  }

  /// Gives out no slot from now on; those who wait keep their places.
  func close() { state.withLock { $0.isClosed = true } }

  /// Whoever waits leaves: the engine has stopped, and nothing starts any more.
  func dismiss() {
    let gates = state.withLock { state -> [Gate] in
      state.isClosed = true
      state.waiting = 0
      return state.lines.flatMap { line in
        defer { line.waiting = [] }
        return line.waiting.map(\.gate)
      }
    }
    for gate in gates { gate.resolve(.left) }
  }

  /// Attempts that have not ended, also those whose calls have gone on without them.
  var running: Int { state.withLock { $0.running } }

  /// Running and waiting calls of a function.
  func counts(of function: String) -> (running: Int, waiting: Int) {
    state.withLock { state in
      let line = line(function, in: state)
      return (line?.running ?? 0, line?.waiting.count ?? 0)
    }
  }

  private func line(_ function: String, in state: State) -> Line? {
    state.ordinals[function].map { state.lines[$0] }
  }

  /// No continuation is resumed under the lock.
  private func open(_ gates: [Gate]) {
    for gate in gates { gate.resolve(.slot) }
  }

  /// Hands out what is free, oldest place first.
  private func serve(_ state: inout State) -> [Gate] {
    guard !state.isHeld, !state.isClosed, state.waiting > 0 else { return [] }
    var opened: [Gate] = []
    while state.running < state.limit, state.waiting > 0 {
      var best: (line: Line, order: UInt64)?
      for line in state.lines where line.isOn && line.hasRoom {
        guard let first = line.waiting.first else { continue }
        if first.order < best?.order ?? .max { best = (line, first.order) }
      }
      guard let line = best?.line, let waiter = line.waiting.popFirst() else { break }
      state.waiting -= 1
      state.running += 1
      line.running += 1
      opened.append(waiter.gate)
    }
    return opened
  }
}
