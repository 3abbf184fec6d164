import ArgumentParser
import Callboard
import CallboardConsole
import CallboardControl
import CallboardTerminal
import Glibc

/// `callboard attach`: the console on a running instance.
struct AttachCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach",
    abstract: "The console on a running instance.",
    discussion: """
      Leaving it ends nothing. When the instance goes away the console says so, and goes on when it is back. What you \
      may do is what the instance's operators say of your user id.
      """
  )

  @OptionGroup var instance: InstanceOption
  @OptionGroup var look: ConsoleLook

  func run() async throws {
    try ConsoleRun.requireTerminal()
    let path = try instance.path()
    let door = try Failure.onControlProblem { () throws(ControlProblem) in try RemoteDoor(to: path)
    }
    defer { door.close() }
    let you = door.welcome.you
    guard you.mayLook else {
      throw Failure(
        .denied,
        "\(you.name) (user id \(you.uid.map(String.init) ?? "?")) has no right to look there; it takes the role viewer or operator."
      )
    }
    var options = look.options(hint: nil)
    options.endsEngine = false
    let result: Result<Console.Exit, any Error>
    do {
      let console = try Console(door: door, principal: you, options: options)
      result = .success(try await console.runOnOwnThread())
    } catch {
      result = .failure(error)
    }
    try ConsoleRun.end(result)
  }
}
