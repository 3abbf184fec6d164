import Callboard
import Synchronization

/// Says on standard error, once a command, that the store of the instance that answered fails.
///
/// What was asked for is listed all the same, and the number for the shell stays: it is shown as the instance has it.
enum StoreNotice {
  private static let isTold = Atomic(false)

  static func tell(_ header: Header) {
    guard let fault = header.storeFault, !isTold.exchange(true, ordering: .relaxed) else { return }
    Output.error.row(
      "callboard: the store of the instance fails (\(fault)): what is shown is what it knows, and what has changed since "
        + "may be forgotten if it ends before that is mended."
    )
  }
}
