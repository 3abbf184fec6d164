import CallboardTesting
import Foundation
import Synchronization
import Testing

@testable import Callboard

struct DeadlineQueueTests {
  let clock = ManualClock()

  /// What has run, in order.
  final class Log: Sendable {
    private let entries = Mutex<[Int]>([])
    var all: [Int] { entries.withLock { $0 } }
    func note(_ entry: Int) { entries.withLock { $0.append(entry) } }
  }

  @Test func `actions run in the order of their time, whatever the order they came in`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    var generator = SeededGenerator(seed: 5)
    for second in (1...200).shuffled(using: &generator) {
      queue.schedule(at: .seconds(second)) { log.note(second) }
    }
    clock.advance(by: .seconds(100))
    #expect(log.all == Array(1...100))
    clock.advance(by: .seconds(100))
    #expect(log.all == Array(1...200))
    #expect(queue.count == 0)
  }

  @Test func `an action runs when its time has come, not before, and once`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    queue.schedule(at: .seconds(5)) { log.note(1) }
    clock.advance(by: .milliseconds(4999))
    #expect(log.all == [])
    clock.advance(by: .milliseconds(1))
    clock.advance(by: .seconds(60))
    #expect(log.all == [1])
  }

  @Test func `what is due already runs at the next look`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    clock.advance(by: .seconds(10))
    queue.schedule(at: .seconds(3)) { log.note(1) }
    clock.advance(by: .zero)
    #expect(log.all == [1])
  }

  @Test func `a cancelled action does not run, and is cancelled once`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    let token = queue.schedule(at: .seconds(1)) { log.note(1) }
    queue.schedule(at: .seconds(2)) { log.note(2) }
    #expect(queue.cancel(token))
    #expect(!queue.cancel(token))
    clock.advance(by: .seconds(3))
    #expect(log.all == [2])
  }

  @Test func `a stale token cancels nothing that came after it`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    let old = queue.schedule(at: .seconds(1)) { log.note(1) }
    clock.advance(by: .seconds(1))
    queue.schedule(at: .seconds(2)) { log.note(2) }
    #expect(!queue.cancel(old))
    clock.advance(by: .seconds(1))
    #expect(log.all == [1, 2])
  }

  @Test func `an action may schedule and cancel others`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    let doomed = queue.schedule(at: .seconds(3)) { log.note(3) }
    queue.schedule(at: .seconds(1)) {
      log.note(1)
      queue.cancel(doomed)
      queue.schedule(at: .seconds(2)) { log.note(2) }
    }
    clock.advance(by: .seconds(5))
    #expect(log.all == [1, 2])
  }

  @Test func `the next deadline is that of what still waits`() {
    let queue = DeadlineQueue(clock: clock)
    let first = queue.schedule(at: .seconds(1)) {}
    queue.schedule(at: .seconds(4)) {}
    #expect(queue.fire(at: .zero) == .seconds(1))
    queue.cancel(first)
    #expect(queue.fire(at: .zero) == .seconds(4))
    #expect(queue.fire(at: .seconds(4)) == nil)
  }

  @Test func `a hundred thousand calls that ended in time keep no memory`() {
    let queue = DeadlineQueue(clock: clock)
    for _ in 0..<100_000 {
      let token = queue.schedule(at: .seconds(30)) {}
      queue.cancel(token)
    }
    #expect(queue.count == 0)
    #expect(queue.kept.heap <= 65)
    #expect(queue.kept.entries == 1)
  }

  @Test func `cancelled actions let go of what they hold at once`() {
    final class Held: Sendable {}
    let queue = DeadlineQueue(clock: clock)
    var held: Held? = Held()
    weak let watched = held
    let token = queue.schedule(at: .seconds(30)) { [held] in _ = held }
    held = nil
    #expect(watched != nil)
    queue.cancel(token)
    #expect(watched == nil)
  }

  @Test func `what waits for a moment runs within two seconds of a wall clock set past it`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    queue.schedule(at: clock.now + 1800) { log.note(1) }
    queue.schedule(at: clock.now + 7200) { log.note(2) }
    queue.schedule(at: .seconds(1800)) { log.note(3) }
    clock.advance(by: .seconds(1))
    clock.setWall(by: 3600)
    clock.advance(by: .seconds(2))
    #expect(log.all == [1])
    clock.advance(by: .seconds(1797))
    #expect(log.all == [1, 3])
    clock.advance(by: .seconds(1800))
    #expect(log.all == [1, 3, 2])
    #expect(queue.count == 0)
  }

  @Test func `what waits for a moment waits for it also where the wall clock was set back`() {
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    queue.schedule(at: clock.now + 10) { log.note(1) }
    clock.setWall(by: -3600)
    clock.advance(by: .seconds(3609))
    #expect(log.all == [])
    clock.advance(by: .seconds(1))
    #expect(log.all == [1])
  }

  @Test
  func `the wall clock is looked at every two seconds, and only while something waits for it`() {
    let queue = DeadlineQueue(clock: clock)
    queue.schedule(at: .seconds(100)) {}
    #expect(queue.fire(at: .zero) == .seconds(100))
    let token = queue.schedule(at: clock.now + 50) {}
    #expect(queue.fire(at: .zero) == .seconds(2))
    queue.cancel(token)
    #expect(queue.fire(at: .zero) == .seconds(100))
    queue.schedule(at: clock.now + 1) {}
    #expect(queue.fire(at: .zero) == .seconds(1))
  }

  @Test func `a sleep ends at its time and leaves nothing behind`() async throws {
    let queue = DeadlineQueue(clock: clock)
    let sleeper = Task { [clock] in try await clock.sleep(for: .seconds(5), on: queue) }
    while queue.count == 0 { await Task.yield() }
    clock.advance(by: .seconds(5))
    try await sleeper.value
    #expect(queue.count == 0)
  }

  @Test func `a cancelled sleep throws at once and leaves nothing behind`() async {
    let queue = DeadlineQueue(clock: clock)
    let sleeper = Task { [clock] in try await clock.sleep(for: .seconds(5), on: queue) }
    while queue.count == 0 { await Task.yield() }
    sleeper.cancel()
    await #expect(throws: CancellationError.self) { try await sleeper.value }
    #expect(queue.count == 0)
  }

  @Test(arguments: 0..<50)
  func `what is first due is due then, by either time`(index: Int) throws {
    var generator = SeededGenerator(seed: UInt64(index))
    let queue = DeadlineQueue(clock: clock)
    let log = Log()
    #expect(queue.firstDue(at: clock.monotonic) == nil)
    for number in 0..<20 {
      let seconds = Double.random(in: 0...1_000_000, using: &generator)
      if Bool.random(using: &generator) {
        queue.schedule(at: clock.now.addingTimeInterval(seconds)) { log.note(number) }
      } else {
        queue.schedule(at: clock.monotonic + .seconds(seconds)) { log.note(number) }
      }
    }
    let gone = queue.schedule(at: .milliseconds(1)) { log.note(-1) }
    queue.cancel(gone)
    for done in 0..<20 {
      let next = try #require(queue.firstDue(at: clock.monotonic))
      #expect(log.all.count >= done)
      clock.advance(by: next - clock.monotonic - .microseconds(10))
      #expect(log.all.count == done)
      clock.advance(by: .microseconds(10))
      #expect(log.all.count == done + 1)
    }
    #expect(queue.firstDue(at: clock.monotonic) == nil)
  }
}
