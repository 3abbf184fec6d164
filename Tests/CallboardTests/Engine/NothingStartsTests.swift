import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Synchronization
import Testing

/// Switches, holds and changed definitions under a stream of calls: nothing begins after their sequence numbers, and
/// after release exactly what was held starts.
///
/// Everything is judged by the event stream alone, whose order is the order of commits.
@Suite(.timeLimit(.minutes(10)))
struct NothingStartsTests {
  /// What the stream shows of one stop: from the event that stopped to the one that let go.
  private struct Judge {
    /// Calls in line, by function.
    private var queued: [String: Set<CallID>] = [:]
    private var functionOf: [CallID: String] = [:]
    private var stopped: [String: Set<String>] = [:]
    private var owed: Set<CallID> = []
    private(set) var wrong: [String] = []
    private(set) var held = 0
    private(set) var stops = 0

    private static let everything = "*"

    private func isStopped(_ function: String) -> Bool {
      !(stopped[function] ?? []).isEmpty || !(stopped[Self.everything] ?? []).isEmpty
    }

    mutating func take(_ event: EngineEvent) {
      switch event.type {
      case .function(.off): stop(event.function, "off")
      case .function(.on): release(event.function, "off")
      case .function(.changed): stop(event.function, "changed")
      case .function(.accepted): release(event.function, "changed")
      case .engine(.held): stop(Self.everything, "held")
      case .engine(.released): release(Self.everything, "held")
      case .call(let word): if let call = event.call { take(word, call, event.seq) }
      case .function, .engine, .breaker, .conversation, .workflow, .model: break
      }
    }

    private mutating func stop(_ function: String?, _ why: String) {
      stops += 1
      stopped[function ?? "", default: []].insert(why)
    }

    private mutating func release(_ function: String?, _ why: String) {
      let function = function ?? ""
      stopped[function]?.remove(why)
      for (name, calls) in queued
      where function == name || function == Self.everything {
        guard !isStopped(name) else { continue }
        owed.formUnion(calls)
        held += calls.count
      }
    }

    private mutating func take(_ word: CallState.Word, _ call: EngineEvent.CallPart, _ seq: Int) {
      switch word {
      case .queued: queued[call.function, default: []].insert(call.id)
      case .running:
        if isStopped(call.function) {
          wrong.append("\(call.function) \(call.id.short) started at \(seq), while it was stopped")
        }
        queued[call.function]?.remove(call.id)
        owed.remove(call.id)
      case .succeeded, .failed, .rejected, .denied, .expired, .cancelled, .awaitingApproval:
        queued[call.function]?.remove(call.id)
        // What meets a changed definition at its slot ends or is asked about: that is no start.
        owed.remove(call.id)
      case .received, .approved, .stopping, .backingOff, .unknown: break
      }
    }

    /// Calls that were held, were released, and neither started nor ended.
    var forgotten: Int { owed.count }
  }

  private final class Pace: Sendable {
    private let done = Atomic<Bool>(false)
    private let count = Atomic<Int64>(0)
    var isOver: Bool { done.load(ordering: .acquiring) }
    /// Numbers from 1 on, each once.
    func next() -> Int64 { count.add(1, ordering: .relaxed).newValue }
    func end() { done.store(true, ordering: .releasing) }
  }

  private static func parameters(_ version: Int64) -> JSONValue {
    [
      "type": "object",
      "properties": ["n": ["type": "integer", "minimum": .integer(-version)]],
    ]
  }

  @Test(arguments: [11, 12, 13] as [UInt64])
  func `no attempt begins after a switch, a hold or a change, and after release the held ones do`(
    seed: UInt64
  ) async throws {
    let functions = ["look", "wire", "pay"].map { name in
      TestFunction(name, .yield(2), parameters: Self.parameters(0)) { $0.slots = 3 }
    }
    let provider = DriftingProvider(
      try NativeProvider(namespace: "t", functions.map(\.native))
    )
    let rig = try Rig(all: functions) {
      $0.slots = 7
    } wrap: { _ in
      provider
    }
    let pace = Pace()
    let disturbing = Task {
      var generator = SeededGenerator(seed: seed)
      for round in 1...60 {
        let name = ["look", "wire", "pay"].randomElement(using: &generator) ?? "look"
        switch round % 3 {
        case 0: await rig.turn(name, on: false)
        case 1: await rig.hold(true)
        default:
          provider.announce(name) { $0.parameters = Self.parameters(Int64(round)) }
        }
        for _ in 0..<Int.random(in: 1...40, using: &generator) { await Task.yield() }
        switch round % 3 {
        case 0: await rig.turn(name, on: true)
        case 1: await rig.hold(false)
        default:
          for row in rig.engine.snapshot(of: .waiting(ListQuery())).definitions {
            let accept = Request.acceptDefinition(row.name, from: row.from, to: row.to)
            #expect(await rig.engine.perform(accept, by: maria).isDone)
          }
        }
        for _ in 0..<Int.random(in: 1...20, using: &generator) { await Task.yield() }
      }
      pace.end()
    }
    let submissions = await withTaskGroup(of: [Submission].self) { group in
      for caller in 0..<16 {
        group.addTask {
          var generator = SeededGenerator(seed: seed &+ UInt64(caller))
          var made: [Submission] = []
          while !pace.isOver {
            let name = ["look", "wire", "pay"].randomElement(using: &generator) ?? "look"
            made.append(await rig.submit(name, ["n": .integer(pace.next())]))
            await Task.yield()
          }
          return made
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    await disturbing.value
    for submission in submissions { _ = await rig.engine.outcome(of: submission.id) }
    #expect(rig.engine.liveCalls == 0)
    var judge = Judge()
    for event in rig.events.all { judge.take(event) }
    #expect(judge.wrong.isEmpty, "\(judge.wrong.prefix(5))")
    #expect(judge.forgotten == 0)
    #expect(judge.stops == 60)
    #expect(judge.held > 0, "nothing was ever held: the test shows nothing")
    // What the stream says is what was done.
    let starts = rig.events.all { $0.type == .call(.running) }.count
    #expect(functions.reduce(0) { $0 + $1.executions } == starts)
    // Once over the stream: there are many thousands of calls.
    var states: [CallID: [CallState.Word]] = [:]
    for event in rig.events.all {
      if case .call(let word) = event.type, let id = event.call?.id {
        states[id, default: []].append(word)
      }
    }
    let ends = Set(submissions.map { states[$0.id]?.last })
    #expect(ends.isSubset(of: [.succeeded, .rejected, .failed]), "\(ends)")
    for submission in submissions where submission.failure?.kind == .definitionChanged {
      // It had not started when its definition changed.
      #expect(states[submission.id]?.contains(.running) == false)
    }
  }

  @Test func `what is held while the engine is held is what starts when it is released`()
    async throws
  {
    let look = TestFunction("look", .hold(whenCancelled: .maybe)) {
      $0.slots = 2
      $0.effect = .read
    }
    let rig = try Rig(look)
    let first = (0..<2).map { _ in rig.begin("look") }
    for number in 1...2 { _ = await look.attempt(number) }
    let waiting = (0..<30).map { number in rig.begin("look", ["n": .integer(Int64(number))]) }
    await rig.queued("look", 30)
    await rig.hold(true)
    let held = rig.events.all.last { $0.type == .engine(.held) }?.seq ?? 0
    for number in 1...2 { await look.attempt(number).answer("done") }
    for call in first { #expect(await call.value.failure == nil) }
    #expect(await rig.submit("look").failure?.kind == .engineHeld)
    look.plan(.echo)
    await rig.hold(false)
    let released = rig.events.all.last { $0.type == .engine(.released) }?.seq ?? 0
    var ids: Set<CallID> = []
    for call in waiting {
      let submission = await call.value
      #expect(submission.failure == nil)
      ids.insert(submission.id)
    }
    let starts = rig.events.all { $0.type == .call(.running) && $0.seq > held }
    #expect(Set(starts.compactMap(\.call?.id)) == ids)
    #expect(starts.allSatisfy { $0.seq > released })
    #expect(starts.count == 30)
  }
}
