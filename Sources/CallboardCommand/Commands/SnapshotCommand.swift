import ArgumentParser
import Callboard
import CallboardConsole
import CallboardControl
import CallboardTerminal
import CallboardYAML
import Foundation

/// `callboard snapshot`: one screen as text.
struct SnapshotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Print a screen as text, as it would stand on a terminal.",
    discussion: """
      Of the running instance where there is one. Else it shows, of a configuration, an engine that does nothing: its \
      functions and rules, as the console would before the first call. No conversation is begun, no call is made, and \
      a store's file is not opened; callboard audit show and callboard store info tell what is in one. With --demo the \
      demo plays for a while first.
      """
  )

  @Argument(help: "overview, waiting, calls, conversations, functions, errors or audit.")
  var screen: Screen
  @Option(help: "Columns and rows.")
  var size: ScreenSize = ScreenSize(width: 120, height: 40)
  @Flag(help: "Of the demo, not of a configuration.")
  var demo = false
  @Option(help: "The demo's seed.")
  var seed: UInt64?
  @Flag(help: "With colours and attributes, as escape sequences.")
  var ansi = false
  @Option(help: "How long the demo plays first; 3s.", transform: { try Duration(callboard: $0) })
  var after: Duration = .seconds(3)
  @Option(help: "dark, light or mono.")
  var theme: Theme = .dark
  @OptionGroup var instance: InstanceOption
  @Flag(help: "Show the configuration alone, also where an instance of it runs.")
  var alone = false

  func run() async throws {
    if !demo, !alone, let running = try instance.running() { return try show(running) }
    if demo {
      try await showDemo()
    } else {
      let configuration = try instance.source.loadTellingWarnings()
      // Nobody is asked and nothing is begun: it can only be looked at.
      try await show(try EngineSession(configuration, isUnattended: true), hint: nil)
    }
  }

  private func show(_ instance: Instance) throws {
    let door = InstanceDoor(instance)
    let grid = try renderSnapshot(
      screen: screen,
      door: door,
      size: (size.width, size.height),
      principal: instance.welcome.you,
      options: ConsoleOptions(theme: theme)
    )
    if let problem = door.problem { throw Failure(problem) }
    show(grid)
  }

  private func show(_ grid: Grid) {
    let isColoured = (Entry.environment["NO_COLOR"] ?? "").isEmpty
    // The grid is made of safe text: its escape sequences are callboard's own.
    Output.standard.safe(
      ansi
        ? grid.ansi(colours: isColoured, theme: theme) : grid.lines().joined(separator: "\n") + "\n"
    )
  }

  private func showDemo() async throws {
    let interruption = Interruption()
    let demo = try Demo(seed: seed)
    let stage = Task { try await demo.stage.run() }
    defer { stage.cancel() }
    let isOver = OneShot<Bool>()
    let deadline = demo.session.clock.monotonic + after
    demo.session.deadlines.schedule(at: deadline) { isOver.resolve(true) }
    _ = try await interruption.watching([{ isOver.resolve(false) }]) { await isOver.value }
    try await show(demo.session, hint: Demo.hint)
  }

  private func show(_ session: EngineSession, hint: String?) async throws {
    let person = Entry.person(in: session.configuration.people)
    let grid = try renderSnapshot(
      screen: screen,
      door: session.engine,
      size: (size.width, size.height),
      principal: person,
      options: ConsoleOptions(theme: theme, hint: hint)
    )
    show(grid)
    await session.close(patience: .zero)
  }
}

/// `120x40`.
struct ScreenSize: ExpressibleByArgument, CustomStringConvertible {
  var width: Int
  var height: Int

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  init?(argument: String) {
    let parts = argument.split(separator: "x").compactMap { Int($0) }
    guard parts.count == 2, (1...1000).contains(parts[0]), (1...1000).contains(parts[1]) else {
      return nil
    }
    self.init(width: parts[0], height: parts[1])
  }

  var description: String { "\(width)x\(height)" }
  var defaultValueDescription: String { description }
}

extension Screen: ExpressibleByArgument {
  public init?(argument: String) { self.init(name: argument) }
  public var defaultValueDescription: String { name }
  public static var allValueStrings: [String] { allCases.map(\.name) }
}
