import Callboard
import CallboardYAML
import JSONSchema

/// How long something may take: at least and at most so long.
struct DurationBounds: Sendable {
  var least = Duration.zero
  var most: Duration?

  /// nil where nothing is said; whether the durations can be read is checked when the file is.
  init?(_ value: JSONValue?) {
    guard let value else { return nil }
    func duration(_ value: JSONValue?) -> Duration? {
      value?.stringValue.flatMap { try? Duration(callboard: $0) }
    }
    if let exact = duration(value) {
      most = exact
      return
    }
    least = duration(value["at_least"]) ?? .zero
    most = duration(value["at_most"])
  }

  func holds(_ duration: Duration) -> Bool {
    duration >= least && most.map { duration <= $0 } ?? true
  }

  var words: String {
    switch (least > .zero, most) {
    case (true, let most?): "\(least.words) to \(most.words)"
    case (true, nil): "at least \(least.words)"
    case (false, let most?): "at most \(most.words)"
    case (false, nil): "any time"
    }
  }
}

extension ScenarioReader {
  /// Reports durations among the expectations that are none.
  mutating func readBounds() {
    func visit(_ value: JSONValue?, _ pointer: JSONPointer, _ reader: inout ConfigurationReader) {
      guard let value else { return }
      if value.stringValue != nil { _ = reader.duration(value, at: pointer) }
      for key in ["at_least", "at_most"] {
        _ = reader.duration(value[key], at: pointer.appending(key))
      }
    }
    let expect = at("expect")
    visit(root["expect"]?["time"], expect.appending("time"), &reader)
    for section in ["calls", "conversations", "workflows", "loads"] {
      for (index, value) in (root["expect"]?[section]?.arrayValue ?? []).enumerated() {
        let place = expect.appending(section).appending(index)
        visit(value["time"], place.appending("time"), &reader)
        for (key, bound) in value["latency"]?.objectValue ?? JSONObject() {
          visit(bound, place.appending("latency").appending(key), &reader)
        }
      }
    }
  }

  func prices() -> [String: TokenPrice] {
    var prices: [String: TokenPrice] = [:]
    for (name, value) in root["prices"]?.objectValue ?? JSONObject() {
      prices[name] = TokenPrice(
        input: value["input"]?.doubleValue ?? 0,
        output: value["output"]?.doubleValue ?? 0
      )
    }
    return prices
  }
}
