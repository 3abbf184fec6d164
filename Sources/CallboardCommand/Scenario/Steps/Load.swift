import Callboard
import Foundation
import JSONSchema
import Synchronization

extension Scenario {
  /// Many calls of one kind: so many, so fast, so many at one time.
  struct LoadPlan: Sendable {
    var name: String
    var function: String
    /// `${n}` in it is the number of the call, from 1.
    var arguments: WorkflowTemplate
    var caller: String
    var count: Int
    /// Time from the start of one to the start of the next; nil: as soon as there is room.
    var interval: Duration?
    var parallel: Int

    static let names = ["n"]
  }
}

/// What came of a load.
struct LoadReport: Sendable {
  var name: String
  var function: String
  var calls: [Entry] = []
  var time = Duration.zero

  struct Entry: Sendable {
    var state: CallState.Word
    var failure: CallFailure.Kind?
    /// From when it was due, so that what had to wait for room is counted too.
    var latency: Duration
  }

  /// A second; nil where no time went by.
  var throughput: Double? {
    time > .zero ? Double(calls.count) / (time / .seconds(1)) : nil
  }

  /// The latency that this share of the calls did not exceed; nil where there were none.
  func latency(of share: Double) -> Duration? {
    let sorted = calls.map(\.latency).sorted()
    guard !sorted.isEmpty else { return nil }
    let rank = Int((share * Double(sorted.count)).rounded(.up))
    return sorted[min(max(rank, 1), sorted.count) - 1]
  }

  func count(_ state: CallState.Word) -> Int { calls.count { $0.state == state } }

  func count(_ kind: CallFailure.Kind) -> Int { calls.count { $0.failure == kind } }

  static let percentiles: [(name: String, share: Double)] = [
    ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1),
  ]

  private var states: [(CallState.Word, Int)] {
    CallState.Word.allCases.map { ($0, count($0)) }.filter { $0.1 > 0 }
  }

  private var kinds: [(CallFailure.Kind, Int)] {
    CallFailure.Kind.allCases.map { ($0, count($0)) }.filter { $0.1 > 0 }
  }

  var line: String {
    let rate = throughput.map { ", \($0.formatted(.number.precision(.fractionLength(0...1))))/s" }
    let latencies = Self.percentiles.compactMap { name, share in
      latency(of: share).map { "\(name) \($0.words)" }
    }
    let ends = states.map { "\($0.1) \($0.0.rawValue)" } + kinds.map { "\($0.1) \($0.0.rawValue)" }
    return "\(name): \(calls.count) calls of \(function) in \(time.words)\(rate ?? ""); "
      + latencies.joined(separator: ", ") + "; " + ends.joined(separator: ", ")
  }

  var json: JSONValue {
    var latencies = JSONObject()
    for (name, share) in Self.percentiles {
      latencies[name] = latency(of: share).map { .double($0 / .seconds(1)) }
    }
    var object: JSONObject = [
      "load": .string(name), "function": .string(function),
      "calls": .integer(Int64(calls.count)), "seconds": .double(time / .seconds(1)),
      "latency": .object(latencies),
      "states": .object(JSONObject(states.map { ($0.0.rawValue, .integer(Int64($0.1))) })),
      "failures": .object(JSONObject(kinds.map { ($0.0.rawValue, .integer(Int64($0.1))) })),
    ]
    object["throughput"] = throughput.map { .double($0) }
    return .object(object)
  }
}

extension Scenario {
  /// A store in memory that keeps every call of its loads.
  var memory: InMemoryStore {
    let loads = steps.reduce(0) { count, step in
      if case .load(let load) = step.action { count + load.count } else { count }
    }
    return InMemoryStore(keptCalls: Limit.keptCalls.value + loads)
  }
}

extension ScenarioRunner {
  /// Makes every call of a load, and waits for the end of each.
  func bear(_ load: Scenario.LoadPlan) async {
    let start = clock.monotonic
    let caller = caller(load.caller)
    var report = LoadReport(name: load.name, function: load.function)
    await withTaskGroup(of: LoadReport.Entry.self) { group in
      var open = 0
      for number in 1...load.count {
        if open >= load.parallel, let ended = await group.next() {
          report.calls.append(ended)
          open -= 1
        }
        var due: Duration?
        if let interval = load.interval {
          let moment = start + interval * (number - 1)
          due = moment
          if moment > clock.monotonic { await pause(for: moment - clock.monotonic) }
        }
        guard !state.withLock({ $0.isStopped }) else { break }
        open += 1
        group.addTask { await self.call(number, of: load, by: caller, due: due) }
      }
      for await ended in group { report.calls.append(ended) }
    }
    report.time = clock.monotonic - start
    state.withLock { $0.loads.append(report) }
  }

  private func call(
    _ number: Int,
    of load: Scenario.LoadPlan,
    by caller: Principal,
    due: Duration?
  ) async -> LoadReport.Entry {
    let began = due ?? clock.monotonic
    let arguments: JSONValue
    do throws(WorkflowTemplate.Missing) {
      arguments = try load.arguments.value(in: ["n": .integer(Int64(number))])
    } catch {
      // Every reference is checked when the file is read, and a number has no members.
      arguments = load.arguments.source
    }
    let submission = await engine.submit(load.function, arguments, by: caller)
    var failure: CallFailure.Kind?
    switch submission {
    case .finished(_, let outcome): failure = outcome.failure?.kind
    case .pending(let id):
      await settled(id)
      failure = detail(id)?.call.outcome?.failure?.kind
    }
    let state = detail(submission.id)?.row.state
    return LoadReport.Entry(
      state: state ?? (failure == nil ? .succeeded : .failed),
      failure: failure,
      latency: clock.monotonic - began
    )
  }
}
