import Callboard

/// Says on standard error when an engine's store fails and when it works again: for whoever has no screen of it.
struct StoreWatch {
  private let task: Task<Void, Never>

  /// Looks once a second: of a busy engine something else changes all the time.
  init(_ engine: Engine) {
    task = Task {
      var known: String?
      while !Task.isCancelled {
        let fault = engine.snapshot(of: .header).header.storeFault
        if fault != known { Self.tell(fault) }
        known = fault
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  func end() { task.cancel() }

  private static func tell(_ fault: String?) {
    Output.error.row(
      fault.map {
        "callboard: STORE: \($0); writes stop and nothing is decided until it works again"
      } ?? "callboard: the store works again"
    )
  }
}
