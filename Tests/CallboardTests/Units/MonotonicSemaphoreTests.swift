import Callboard
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct MonotonicSemaphoreTests {
  /// Runs on threads of their own: what blocks must not take the few threads of the pool.
  private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async {
    await withTaskGroup { group in
      for number in 0..<count {
        group.addTask {
          await withCheckedContinuation { continuation in
            Thread {
              body(number)
              continuation.resume()
            }.start()
          }
        }
      }
    }
  }

  @Test func `each signal is taken once, also those that came before anybody waited`() {
    let semaphore = MonotonicSemaphore()
    #expect(!semaphore.poll())
    semaphore.signal()
    semaphore.signal()
    #expect(semaphore.poll())
    #expect(semaphore.wait(atMost: .zero))
    #expect(!semaphore.poll())
    #expect(!semaphore.wait(atMost: .zero))
    #expect(!semaphore.wait(atMost: .seconds(-1)))
  }

  @Test func `a wait that nobody ends lasts its time and no signal is lost by it`() async {
    let semaphore = MonotonicSemaphore()
    await onThreads(1) { _ in
      let clock = ContinuousClock()
      let took = clock.measure { #expect(!semaphore.wait(atMost: .milliseconds(30))) }
      #expect(took >= .milliseconds(30))
    }
    semaphore.signal()
    #expect(semaphore.poll())
  }

  @Test func `a signal ends a wait long before its time`() async {
    let semaphore = MonotonicSemaphore()
    await onThreads(2) { number in
      if number == 0 { semaphore.signal() } else { #expect(semaphore.wait(atMost: .seconds(3600))) }
    }
    #expect(!semaphore.poll())
  }

  @Test func `of many threads that signal and wait every signal reaches one`() async {
    let semaphore = MonotonicSemaphore()
    let taken = Atomic<Int>(0)
    await onThreads(6) { number in
      for turn in 0..<5000 {
        switch number {
        case 0..<3: semaphore.signal()
        case 3: semaphore.wait()
        case 4:
          while !semaphore.poll() { sched_yield() }
        default: while !semaphore.wait(atMost: .microseconds(turn % 50)) {}
        }
        if number >= 3 { taken.wrappingAdd(1, ordering: .relaxed) }
      }
    }
    #expect(taken.load(ordering: .relaxed) == 15_000)
    #expect(!semaphore.poll())
  }
}
