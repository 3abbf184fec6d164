import Glibc
import Synchronization

/// Wakes the loop of a thread that waits in `poll`, from any thread; many signals before it looks
/// are one.
public final class WakeUp: Sendable {
  /// Readable while a signal has not been drained.
  public let descriptor: Int32
  private let signalled = Atomic(false)

  public init() throws(TerminalError) {
    descriptor = makeEventDescriptor()
    guard descriptor >= 0 else { throw .noDescriptor(errno) }
  }

  deinit { Glibc.close(descriptor) }

  public func signal() {
    guard !signalled.exchange(true, ordering: .sequentiallyConsistent) else { return }
    var one: UInt64 = 1
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Call before looking at what changed, so that a change made meanwhile signals again.
  public func drain() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    // After the read: a signal in between is not lost, because the caller looks only after this.
    signalled.store(false, ordering: .sequentiallyConsistent)
  }
}
