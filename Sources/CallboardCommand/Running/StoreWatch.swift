import Callboard
import Synchronization

/// Says on standard error when an engine's store fails and when it works again: for whoever has no screen of it.
final class StoreWatch: Sendable {
  private let engine: Engine
  private let known = Mutex<String?>(nil)
  private let token = Mutex<ObservationToken?>(nil)

  init(_ engine: Engine) {
    self.engine = engine
    let token = engine.observe { [weak self] in
      // Not on the thread that tells: it may hold what a snapshot needs.
      Task { self?.look() }
    }
    self.token.withLock { $0 = token }
    look()
  }

  func end() { token.withLock { $0 = nil } }

  private func look() {
    let fault = engine.snapshot(of: .header).header.storeFault
    let isNew = known.withLock { known in
      defer { known = fault }
      return known != fault
    }
    guard isNew else { return }
    Output.error.row(
      fault.map {
        "callboard: STORE: \($0); writes stop and nothing is decided until it works again"
      } ?? "callboard: the store works again"
    )
  }
}
