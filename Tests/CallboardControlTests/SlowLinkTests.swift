import Callboard
import CallboardTerminal
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import CallboardConsole
@testable import CallboardControl

/// A console on a link on which every byte takes 300 ms each way.
@Suite(.timeLimit(.minutes(4)), .serialized)
struct SlowLinkTests {
  private static let delay = Duration.milliseconds(300)
  /// A round trip, with room for a busy machine.
  private static let trip = Duration.milliseconds(2500)
  /// What a person does not notice, with room for a busy machine.
  private static let instant = Duration.milliseconds(150)

  /// The console without its terminal, driven by a real clock as its loop drives it.
  ///
  /// Used from one thread.
  private final class Window {
    let session: Session
    private let door: RemoteDoor
    private let change = Change()
    private var observation: ObservationToken?
    private let start = ContinuousClock.now
    private(set) var grid = Grid(width: 0, height: 0)

    init(_ path: String, screen: Screen) throws {
      door = try RemoteDoor(to: path)
      var model = ConsoleModel(
        principal: door.welcome.you,
        options: ConsoleOptions(endsEngine: false),
        keys: try KeyMap(replacing: [:])
      )
      model.show(screen)
      session = Session(door: door, model: model, size: (120, 40))
      observation = door.observe { [change] in change.note() }
      paint()
    }

    deinit { door.close() }

    var now: Duration { .seconds(100) + (ContinuousClock.now - start) }
    var text: String { grid.lines().joined(separator: "\n") }
    var notice: String { session.model.notice?.text.text ?? "" }

    func paint() {
      grid = session.paint()
      // The terminal is near: it answers at once.
      if session.painted(at: now) { _ = session.handle(.statusReport, at: now) }
    }

    func press(_ key: Character) {
      if case .paintFirst = session.handle(.character(key), at: now) {
        paint()
        _ = session.handle(.character(key), at: now)
      }
      if session.isDirty { paint() }
    }

    /// Paints what comes until something is so.
    func wait(_ limit: Duration = .seconds(20), until sign: () -> Bool) throws {
      let end = ContinuousClock.now + limit
      while !sign() {
        guard ContinuousClock.now < end else { throw Late(screen: text) }
        usleep(5000)
        let isNew = change.take()
        if session.collectReplies() || isNew || session.isDirty { paint() }
      }
    }

    /// Lets time pass as somebody does who only looks.
    func look(_ duration: Duration) throws {
      let end = ContinuousClock.now + duration
      try wait { ContinuousClock.now >= end }
    }
  }

  /// That the door has told of a change, which nobody has looked at.
  private final class Change: Sendable {
    private let isThere = Atomic<Bool>(false)

    func note() { isThere.store(true, ordering: .sequentiallyConsistent) }

    func take() -> Bool { isThere.exchange(false, ordering: .sequentiallyConsistent) }
  }

  private struct Late: Error {
    var screen: String
  }

  private func slow(_ desk: Desk) throws -> String {
    let near = try desk.serve(anna)
    let link = try SlowLink(at: desk.path("slow"), to: near, delay: Self.delay)
    return link.path
  }

  private static func time(_ body: () throws -> Void) rethrows -> Duration {
    let start = ContinuousClock.now
    try body()
    return ContinuousClock.now - start
  }

  @Test func `every key is answered at once, and what it shows is there after one round trip`()
    async throws
  {
    let desk = try Desk()
    for number in 1...60 {
      _ = await desk.ask(["amount": .integer(Int64(1000 + number))], by: .caller("agent-\(number)"))
    }
    let path = try slow(desk)
    try await blocking {
      let window = try Window(path, screen: .waiting)
      try window.wait { window.text.contains("1001") && window.text.contains("expires in") }
      var slowest = Duration.zero
      for _ in 0..<40 { slowest = max(slowest, Self.time { window.press("j") }) }
      #expect(slowest < Self.instant, "the slowest key took \(slowest)")
      #expect(window.text.contains("41 of 60"), "\(window.text)")
      let arrival = try Self.time { try window.wait { window.text.contains("│ 1041") } }
      #expect(arrival < Self.trip, "the call under the cursor took \(arrival)")
      // What has been fetched for the calls beside it is at hand before it is asked for.
      try window.look(.seconds(2))
      #expect(Self.time { window.press("j") } < Self.instant)
      #expect(window.text.contains("│ 1042"), "\(window.text)")
      // A screen that was never shown is waited for once.
      #expect(Self.time { window.press("3") } < Self.trip)
      #expect(window.text.contains("[3 Calls]") && window.text.contains("awaiting approval"))
      #expect(Self.time { window.press("2") } < Self.instant)
      #expect(Self.time { window.press("3") } < Self.instant)
    }
  }

  @Test func `nothing is decided by a call that changed while it was on its way to the screen`()
    async throws
  {
    let desk = try Desk()
    let id = await desk.ask(["amount": 12])
    let path = try slow(desk)
    let first = try desk.seen(id)
    let opened = OneShot<Bool>()
    let edited = OneShot<Bool>()
    let work = Task {
      try await blocking {
        let window = try Window(path, screen: .waiting)
        try window.wait { window.text.contains("│ 12") }
        try window.look(.seconds(1))
        opened.resolve(true)
        try window.wait { edited.current != nil }
        // The screen shows what was there; the instance has another call by now.
        window.press("a")
        try window.wait { window.notice.contains("changed since you saw it") }
        try window.wait { window.text.contains("│ 999") }
        // Too early to have been read.
        window.press("a")
        #expect(window.notice.contains("typed before"), "\(window.notice)")
        try window.look(.seconds(1))
        window.press("a")
        try window.wait { window.notice.contains("approved") }
      }
    }
    _ = await opened.value
    #expect(
      await desk.engine.perform(.edit(id, first, arguments: ["amount": 999]), by: bert).isDone
    )
    edited.resolve(true)
    try await work.value
    try await until { desk.pay.executions == 1 }
    #expect(desk.pay.invocations.map(\.arguments) == [["amount": 999]])
    let decided = desk.events.all(of: id).compactMap { event in
      event.by == "anna" ? event.seen?.revision : nil
    }
    #expect(!decided.contains(first.revision), "\(decided)")
  }

  @Test func `keys on a call that is not there yet do nothing`() async throws {
    let desk = try Desk()
    var ids: [CallID] = []
    for number in 1...30 {
      ids.append(
        await desk.ask(["amount": .integer(Int64(number))], by: .caller("agent-\(number)"))
      )
    }
    let path = try slow(desk)
    try await blocking {
      let window = try Window(path, screen: .waiting)
      try window.wait { window.text.contains("30") && window.text.contains("expires in") }
      window.press("G")
      #expect(window.text.contains("asking the instance"), "\(window.text)")
      for key in "ad+xes" {
        window.press(key)
        #expect(window.session.model.prompt == nil, "\(key) opened something")
        #expect(!window.session.isWaiting, "\(key) sent something")
      }
      try window.wait { window.text.contains("│ 30") }
    }
    for id in ids { #expect(try desk.detail(id).row.revision == 1) }
    #expect(desk.pay.executions == 0)
  }

  @Test func `every decision of many is of what was painted, while others edit the same calls`()
    async throws
  {
    let desk = try Desk()
    var ids: [CallID] = []
    for number in 1...6 {
      ids.append(
        await desk.ask(["amount": .integer(Int64(number))], by: .caller("agent-\(number)"))
      )
    }
    let path = try slow(desk)
    let isOver = OneShot<Bool>()
    let editor = Task { [ids] in
      var amount: Int64 = 1000
      while isOver.current == nil {
        for id in ids {
          amount += 1
          guard let seen = try? desk.seen(id) else { continue }
          _ = await desk.engine.perform(
            .edit(id, seen, arguments: ["amount": .integer(amount)]),
            by: bert
          )
          try? await Task.sleep(for: .milliseconds(150))
        }
      }
    }
    let painted = try await blocking {
      let window = try Window(path, screen: .waiting)
      try window.wait { window.text.contains("expires in") }
      var painted: Set<String> = []
      for round in 0..<30 {
        try window.look(.milliseconds(200))
        if let detail = window.session.sight.detail, let seen = detail.seen {
          painted.insert("\(detail.row.id) \(seen.revision) \(seen.digest)")
        }
        window.press("a")
        if round.isMultiple(of: 4) { window.press("j") }
      }
      try window.wait { !window.session.isWaiting }
      return painted
    }
    isOver.resolve(true)
    await editor.value
    for id in ids {
      for event in desk.events.all(of: id) where event.by == "anna" {
        guard let seen = event.seen, event.type != .engine(.decisionRefused) else { continue }
        #expect(painted.contains("\(id) \(seen.revision) \(seen.digest)"), "\(event.json)")
      }
    }
  }
}
