import Callboard
import JSONSchema

/// What has to come of a load: how its calls end, how fast, and how many a second.
struct LoadExpectation: Sendable {
  private var value: JSONValue

  init(_ value: JSONValue) { self.value = value }

  func checks(_ played: Played) -> [ScenarioRunner.Check] {
    let name = value["load"]?.stringValue
    let loads = played.loads.filter { name == nil || $0.name == name }
    guard !loads.isEmpty else {
      return [.init(expected: "load \(name ?? "of any name")", came: "it was not borne")]
    }
    return loads.flatMap(checks)
  }

  private func checks(_ load: LoadReport) -> [ScenarioRunner.Check] {
    var checks: [ScenarioRunner.Check] = []
    func expect(_ what: String, _ holds: Bool, _ came: String) {
      checks.append(.init(expected: "load \(load.name): \(what)", came: holds ? nil : came))
    }
    if let count = NumberOf(value["count"]) {
      expect("\(count.words) calls", count.holds(load.calls.count), "\(load.calls.count)")
    }
    for word in CallState.Word.allCases {
      guard let number = NumberOf(value["states"]?[word.rawValue]) else { continue }
      let came = load.count(word)
      expect("\(number.words) \(word.rawValue)", number.holds(came), "\(came)")
    }
    for kind in CallFailure.Kind.allCases {
      guard let number = NumberOf(value["failures"]?[kind.rawValue]) else { continue }
      let came = load.count(kind)
      expect("\(number.words) with \(kind.rawValue)", number.holds(came), "\(came)")
    }
    for (name, share) in LoadReport.percentiles {
      guard let bounds = DurationBounds(value["latency"]?[name]),
        let came = load.latency(of: share)
      else { continue }
      expect("\(name) \(bounds.words)", bounds.holds(came), came.words)
    }
    if let time = DurationBounds(value["time"]) {
      expect("takes \(time.words)", time.holds(load.time), load.time.words)
    }
    if let throughput = value["throughput"] {
      let least = throughput["at_least"]?.doubleValue
      let most = throughput["at_most"]?.doubleValue
      let came = load.throughput ?? .infinity
      let words = [least.map { "at least \($0)" }, most.map { "at most \($0)" }].compactMap { $0 }
      expect(
        "\(words.joined(separator: " and ")) calls a second",
        came >= least ?? 0 && most.map { came <= $0 } ?? true,
        "\(came)"
      )
    }
    return checks
  }
}
