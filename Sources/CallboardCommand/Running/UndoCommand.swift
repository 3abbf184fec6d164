import ArgumentParser
import Callboard
import CallboardControl

extension ApprovalsCommand {
  /// `callboard approvals undo`: takes one's own approval back while the grace time runs.
  struct Undo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "undo",
      abstract: "Take your own approval of a call back, while its grace time runs.",
      discussion: """
        It waits for approval again then. Only who approved can, wherever they did; without a grace time (grace: in \
        the rule) an approved call starts at once, and `callboard calls cancel` is what stops it.
        """
    )

    @Argument(help: "The call's id, or the end of it.")
    var call: String
    @OptionGroup var instance: InstanceOption

    func run() async throws {
      let instance = try instance.open()
      let row = try instance.call(call).row
      guard let digest = row.digest else {
        throw Failure(.failed, "Not done: nobody was asked about \(row.function) \(row.id.short).")
      }
      do {
        try instance.carryOut(.undo(row.id, Seen(revision: row.revision, digest: digest)))
      } catch let failure as Failure where failure.status == .failed {
        guard Self.canBeStopped(row.state) else { throw failure }
        throw Failure(
          .failed,
          "\(failure.description)\nTo stop it: callboard calls cancel \(row.id)"
        )
      }
    }

    /// Whether it is past its grace time, and has not ended.
    private static func canBeStopped(_ state: CallState.Word) -> Bool {
      switch state {
      case .queued, .running, .backingOff: true
      case .received, .awaitingApproval, .approved, .stopping, .unknown, .succeeded, .failed,
        .rejected, .denied, .expired, .cancelled:
        false
      }
    }
  }
}
