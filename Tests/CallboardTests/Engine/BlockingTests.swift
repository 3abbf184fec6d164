import Callboard
import CallboardTesting
import Dispatch
import JSONSchema
import Testing

/// Functions that block the thread they are called on, as no Swift function should.
@Suite(.timeLimit(.minutes(10)))
struct BlockingTests {
  /// A thread of its own for a caller, so that no thread of the pool is blocked.
  private final class OwnThread: TaskExecutor {
    private let queue = DispatchQueue(label: "a caller of its own")

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }

  /// Opens once, for a thread that waits.
  private final class Door: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }
    func wait() { semaphore.wait() }
  }

  private let thread = OwnThread()

  private func rig(
    _ body: @escaping @Sendable (Invocation) async throws -> JSONValue
  ) throws -> Rig {
    let function = NativeFunction("block", "Blocks.", parameters: ["type": "object"]) {
      $0.effect = .read
      $0.timeout = .seconds(10)
      $0.retry.maxAttempts = 1
    } body: {
      try await body($0)
    }
    return try Rig(native: [function])
  }

  /// A call whose function blocks its thread until the door is open, whatever happens meanwhile.
  private func blocked(
    behind door: Door
  ) async throws -> (rig: Rig, id: CallID, submission: Task<Submission, Never>) {
    let begun = OneShot<CallID>()
    let rig = try rig { invocation in
      begun.resolve(invocation.call)
      door.wait()
      return "at last"
    }
    let submission = Task(executorPreference: thread) { await rig.submit("block") }
    return (rig, await begun.value, submission)
  }

  @Test func `one that blocks its thread is timed out all the same, and its answer comes late`()
    async throws
  {
    let door = Door()
    let (rig, id, submission) = try await blocked(behind: door)
    rig.clock.advance(by: .seconds(10))
    let failed = await rig.events.wait(for: .failed, of: id)
    #expect(failed.failure?.kind == .timeout)
    #expect(await rig.engine.outcome(of: id)?.failure?.kind == .timeout)
    #expect(try rig.function("block").running == 1)
    door.open()
    #expect(await submission.value.failure?.kind == .timeout)
    await rig.events.wait(for: .engine(.lateResult))
    #expect(try rig.function("block").running == 0)
  }

  @Test func `one that blocks its thread hears that it is cancelled`() async throws {
    let begun = OneShot<CallID>()
    let door = Door()
    let rig = try rig { invocation in
      await withTaskCancellationHandler {
        begun.resolve(invocation.call)
        door.wait()
      } onCancel: {
        door.open()
      }
      throw CancellationError()
    }
    let submission = Task(executorPreference: thread) { await rig.submit("block") }
    #expect(await rig.cancel(await begun.value).isDone)
    #expect(await submission.value.failure?.kind == .cancelled)
    #expect(try rig.function("block").running == 0)
  }

  @Test func `one that does not stop within five seconds is left behind`() async throws {
    let door = Door()
    let (rig, id, submission) = try await blocked(behind: door)
    #expect(await rig.cancel(id).isDone)
    rig.clock.advance(by: .seconds(5))
    await rig.events.wait(for: .cancelled, of: id)
    door.open()
    #expect(await submission.value.failure?.kind == .cancelled)
  }
}
