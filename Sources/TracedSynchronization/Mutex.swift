import Glibc

/// A lock that the thread sanitizer sees, of the same interface as the standard one, whose slow path it does not.
///
/// Sendable: `value` is only touched between `pthread_mutex_lock` and `pthread_mutex_unlock` of `handle`.
public final class Mutex<Value: ~Copyable>: @unchecked Sendable {
  private let handle = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

  public init(_ initial: consuming sending Value) {
    pthread_mutex_init(handle, nil)
    value.initialize(to: initial)
  }

  deinit {
    value.deinitialize(count: 1)
    value.deallocate()
    pthread_mutex_destroy(handle)
    handle.deallocate()
  }

  public func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(handle)
    defer { pthread_mutex_unlock(handle) }
    return try body(&value.pointee)
  }
}
