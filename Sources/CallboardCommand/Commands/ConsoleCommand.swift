import ArgumentParser
import Callboard
import CallboardConsole
import CallboardTerminal
import Foundation

/// `callboard` and `callboard console`: the console on a configuration, with an engine of its own.
struct ConsoleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "console",
    abstract: "The console on your configuration (what callboard does without a command)."
  )

  @OptionGroup var source: ConfigurationOption
  @OptionGroup var eventFile: EventsOption
  @OptionGroup var look: ConsoleLook

  func run() async throws {
    let configuration = try source.loadTellingWarnings()
    let person = Entry.person(in: configuration.people)
    guard person.mayLook else {
      throw Failure(
        .denied,
        "\(person.name) (user id \(person.uid.map(String.init) ?? "?")) has no right to look here; add it to operators."
      )
    }
    try ConsoleRun.requireTerminal()
    let socket = try configuration.controlSocket(isRequired: false)
    let events = try eventFile.open()
    let session = try EngineSession.attended(configuration, events: events)
    let control = socket.map(session.listen)
    let ended = try session.beginConversations()
    let hints = [session.found, ended].compactMap(\.self)
    try await ConsoleRun.run(
      session,
      principal: person,
      options: look.options(hint: hints.isEmpty ? nil : hints.joined(separator: "; ")),
      events: events,
      control: control,
      isDemo: false
    )
  }
}

/// `callboard demo`: the console on a living example.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "The console on a living example: no key, no network, no configuration.",
    discussion: """
      Seven agents of a real estate office work on scripted conversations that never run out. What you decide \
      counts: a denied wire changes what its agent does next, an edited amount is the amount that is sent.
      """
  )

  @Option(help: "The same number tells the same story.")
  var seed: UInt64?
  @OptionGroup var eventFile: EventsOption
  @OptionGroup var look: ConsoleLook

  func run() async throws {
    try ConsoleRun.requireTerminal()
    let events = try eventFile.open()
    let demo = try Demo(seed: seed) { events?.add($0) }
    let stage = Task { try await demo.stage.run() }
    defer { stage.cancel() }
    try await ConsoleRun.run(
      demo.session,
      principal: Entry.person(in: People()),
      options: look.options(hint: Demo.hint),
      events: events,
      isDemo: true
    )
  }
}

/// How the console looks.
struct ConsoleLook: ParsableArguments {
  @Option(help: "dark, light or mono.")
  var theme: Theme = .dark
  @Flag(help: "Bind no key that acts.")
  var readOnly = false

  func options(hint: String?) -> ConsoleOptions {
    ConsoleOptions(isReadOnly: readOnly, theme: theme, hint: hint)
  }
}

extension Theme: ExpressibleByArgument {}
