import Callboard
import CallboardYAML
import Foundation

/// The living example: an engine on the embedded configuration, its world, and the stage that keeps it going.
struct Demo: Sendable {
  let session: EngineSession
  let stage: DemoStage

  /// Says how to begin, on the console's first screen.
  static let hint =
    "A wire transfer waits for you: 2 opens it, J reads on, then a approves, d denies, e edits; ? shows every key."

  init(seed: UInt64?, onEvent: @escaping @Sendable (EngineEvent) -> Void = { _ in }) throws {
    let seed = seed ?? UInt64.random(in: 1...999_999)
    let clock = SystemClock()
    let deadlines = DeadlineQueue(clock: clock)
    let world = DemoWorld(seed: seed, clock: clock, deadlines: deadlines)
    session = try EngineSession(
      try Self.configuration(),
      isUnattended: false,
      seed: seed,
      world: world,
      clock: clock,
      deadlines: deadlines,
      onEvent: onEvent
    )
    stage = DemoStage(session: session, world: world, seed: seed)
  }

  static func configuration() throws -> Configuration {
    do {
      let document = try YAMLDocument(text: demoYAML, file: "demo.yaml")
      return try ConfigurationFile.read(document, environment: [:])
    } catch {
      throw Failure(.fault, "The demo that callboard carries is wrong: \(error)")
    }
  }
}
