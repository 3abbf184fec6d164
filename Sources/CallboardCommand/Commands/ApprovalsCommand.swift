import ArgumentParser

/// `callboard approvals`: what waits for people, and what would.
struct ApprovalsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approvals",
    abstract: "Say which rule decides on a call, and why.",
    subcommands: [SimulateCommand.self]
  )
}
