import Callboard
import JSONSchema

/// Holds two streams of events against each other: what became of each call, conversation, run and function, in its order.
///
/// Who is who is told by the order of their beginning, because ids are others each time; in which order things happened
/// that have nothing to do with each other is a matter of time, and no difference.
struct EventComparison {
  private let then: [Story]
  private let now: [Story]

  /// What became of one thing.
  private struct Story {
    var subject: String
    var events: [JSONValue]
  }

  init(_ then: [JSONValue], _ now: [JSONValue]) {
    self.then = Self.stories(then)
    self.now = Self.stories(now)
  }

  var differences: [Replayer.Difference] {
    var found: [Replayer.Difference] = []
    let today = Dictionary(now.map { ($0.subject, $0.events) }) { first, _ in first }
    for story in then {
      guard let events = today[story.subject] else {
        let words = Self.words(story.events[0], beside: nil)
        found.append(
          .init(place: story.subject, recorded: words, today: "there is nothing of it")
        )
        continue
      }
      if let difference = Self.first(story, events) { found.append(difference) }
    }
    let known = Set(then.map(\.subject))
    for story in now where !known.contains(story.subject) {
      found.append(
        .init(
          place: story.subject,
          recorded: "there is nothing of it",
          today: Self.words(story.events[0], beside: nil)
        )
      )
    }
    return found
  }

  private static func first(_ story: Story, _ events: [JSONValue]) -> Replayer.Difference? {
    for index in 0..<max(story.events.count, events.count) {
      let then: JSONValue? = story.events.indices.contains(index) ? story.events[index] : nil
      let now: JSONValue? = events.indices.contains(index) ? events[index] : nil
      if let then, let now, isSame(then, now) { continue }
      return .init(
        place: story.subject,
        recorded: then.map { words($0, beside: now) } ?? "nothing more",
        today: now.map { words($0, beside: then) } ?? "nothing more"
      )
    }
    return nil
  }

  /// Members whose texts are sentences.
  private static let prose: Set<String> = ["cause", "message", "stderr"]

  private static func isSame(_ then: JSONValue, _ now: JSONValue) -> Bool {
    guard let one = then.objectValue, let other = now.objectValue, one.count == other.count else {
      return false
    }
    return one.allSatisfy { key, value in
      guard let today = other[key] else { return false }
      if key == "failure" || key == "call" { return isSame(value, today) }
      if prose.contains(key), let text = value.stringValue, let words = today.stringValue {
        return Likeness.isSame(prose: text, words)
      }
      return Likeness.isSame(value, today)
    }
  }

  /// What an event says, and of that only what the other one says differently.
  private static func words(_ event: JSONValue, beside other: JSONValue?) -> String {
    let type = event["type"]?.stringValue ?? ""
    guard let other, other["type"] == event["type"] else {
      let more = ["cause", "failure"].compactMap { event[$0] }.first.map { ": \(short($0))" }
      return type + (more ?? "")
    }
    let parts = (event.objectValue ?? JSONObject()).compactMap { key, value -> String? in
      if let own = other[key], isSame([key: value], [key: own]) { return nil }
      return "\(key) \(short(value))"
    }
    return ([type] + parts).joined(separator: ", ")
  }

  private static func short(_ value: JSONValue) -> String {
    let text = value["message"]?.stringValue ?? value.stringValue ?? value.serialized()
    return text.count > 300 ? text.prefix(300) + "…" : text
  }

  // MARK: - Who is who

  private static func stories(_ events: [JSONValue]) -> [Story] {
    var names: [String: String] = [:]
    var counts: [String: Int] = [:]
    var stories: [Story] = []
    var places: [String: Int] = [:]
    func name(_ id: String, _ kind: String) -> String {
      if let known = names[id] { return known }
      counts[kind, default: 0] += 1
      let name = "\(kind) \(counts[kind, default: 0])"
      names[id] = name
      return name
    }
    for event in events {
      let subject: String
      if let id = event["call"]?["id"]?.stringValue {
        subject = name(id, kind(ofCallIn: event, name))
      } else if let id = event["conversation"]?.stringValue {
        subject = name(id, "conversation")
      } else if let id = event["run"]?.stringValue {
        subject = name(id, "run of \(event["workflow"]?.stringValue ?? "a workflow")")
      } else {
        subject = event["function"]?.stringValue ?? "the engine"
      }
      if let place = places[subject] {
        stories[place].events.append(bare(event))
      } else {
        places[subject] = stories.count
        stories.append(Story(subject: subject, events: [bare(event)]))
      }
    }
    return stories.map { Story(subject: $0.subject, events: inAnyOrder($0.events)) }
  }

  /// Events of a conversation or run that waits for several things at once: which of them ends first is a matter of time,
  /// so their causes are put in the order of the alphabet, with that of the event that follows.
  private static func inAnyOrder(_ events: [JSONValue]) -> [JSONValue] {
    var events = events
    var start = 0
    while start < events.count {
      var end = start
      while end < events.count - 1, waits.contains(events[end]["type"]?.stringValue ?? "") {
        end += 1
      }
      let causes = events[start...end].map { $0["cause"]?.stringValue ?? "" }.sorted()
      for (index, cause) in zip(start...end, causes) where end > start {
        events[index]["cause"] = .string(cause)
      }
      start = end + 1
    }
    return events
  }

  private static let waits: Set<String> = ["conversation.calling", "workflow.running"]

  /// What tells calls of one function apart, besides the order in which they came.
  private static func kind(
    ofCallIn event: JSONValue,
    _ name: (String, String) -> String
  ) -> String {
    let call = event["call"] ?? .null
    let function = call["function"]?.stringValue ?? ""
    if let run = call["run"]?.stringValue {
      let item = call["item"]?.intValue.map { "[\($0)]" } ?? ""
      return "step \(call["step"]?.stringValue ?? "")\(item) of \(name(run, "run")), \(function)"
    }
    if let conversation = call["conversation"]?.stringValue {
      return "\(name(conversation, "conversation")), call of \(function)"
    }
    return "call of \(function)"
  }

  private static let passing: Set<String> = [
    "v", "seq", "time", "digest", "twin", "seen", "grant", "conversation", "run",
  ]
  private static let ids: Set<String> = [
    "id", "conversation", "run", "again", "settles", "fallback_for", "checks",
  ]

  /// The event without what is another each time.
  private static func bare(_ event: JSONValue) -> JSONValue {
    .object(
      JSONObject(
        (event.objectValue ?? JSONObject()).compactMap { key, value in
          if passing.contains(key) { return nil }
          guard key == "call" else { return (key, value) }
          let parts = (value.objectValue ?? JSONObject()).filter { !ids.contains($0.key) }
          return (key, .object(JSONObject(parts.map { ($0.key, $0.value) })))
        }
      )
    )
  }
}
