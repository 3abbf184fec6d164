import ArgumentParser
import Callboard
import CallboardControl

/// `callboard hold`: nothing new starts.
struct HoldCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold",
    abstract: "Hold a whole running instance: nothing new starts."
  )

  @OptionGroup var instance: InstanceOption

  func run() async throws { try instance.open().carryOut(.hold(from: false, to: true)) }
}

/// `callboard release`: what is held starts.
struct ReleaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release",
    abstract: "Release a held instance: what was held starts."
  )

  @OptionGroup var instance: InstanceOption

  func run() async throws { try instance.open().carryOut(.hold(from: true, to: false)) }
}

extension FunctionsCommand {
  /// `callboard functions enable`: what is held of it starts.
  struct Enable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "enable",
      abstract: "Switch a function, or all of a provider, on in a running instance."
    )

    @OptionGroup var which: SwitchArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws { try instance.open().carryOut(which.request(on: true)) }
  }

  /// `callboard functions disable`: nothing of it starts.
  struct Disable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "disable",
      abstract: "Switch a function, or all of a provider, off in a running instance."
    )

    @OptionGroup var which: SwitchArgument
    @OptionGroup var instance: InstanceOption

    func run() async throws { try instance.open().carryOut(which.request(on: false)) }
  }
}

/// A function or a provider, to be switched.
struct SwitchArgument: ParsableArguments {
  @Argument(help: "The function, such as payments.send_wire; or a provider's namespace.")
  var name: String

  func request(on: Bool) -> Request {
    name.contains(".")
      ? .setFunction(name, from: !on, to: on) : .setProvider(name, from: !on, to: on)
  }
}
