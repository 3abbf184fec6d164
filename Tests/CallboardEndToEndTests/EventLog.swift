import Foundation
import JSONSchema

/// The event file of a running console, read as it grows.
final class EventLog {
  struct Event {
    var seq: Int64
    var type: String
    var json: JSONValue

    var call: String? { json["call"]?["id"]?.stringValue }
    var function: String? {
      json["call"]?["function"]?.stringValue ?? json["function"]?.stringValue
    }
    var by: String? { json["by"]?.stringValue }
    var cause: String? { json["cause"]?.stringValue }
    var value: JSONValue? { json["value"] }
  }

  private let path: String
  private var offset: UInt64 = 0
  private var events: [Event] = []

  init(_ path: String) { self.path = path }

  /// Every event that is in the file by now.
  func all() throws -> [Event] {
    guard let file = FileHandle(forReadingAtPath: path) else { return events }
    defer { try? file.close() }
    try file.seek(toOffset: offset)
    let bytes = try file.readToEnd() ?? Data()
    // The last line may be half written.
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return events }
    let whole = bytes[...end]
    offset += UInt64(whole.count)
    for line in whole.split(separator: UInt8(ascii: "\n")) {
      let json = try JSONValue(parsing: String(decoding: line, as: UTF8.self))
      guard let seq = json["seq"]?.intValue, let type = json["type"]?.stringValue else {
        throw Terminal.Failure(description: "no event: \(String(decoding: line, as: UTF8.self))")
      }
      events.append(Event(seq: Int64(seq), type: type, json: json))
    }
    return events
  }

  /// The first event like this, waited for.
  @discardableResult
  func first(
    _ type: String,
    call: String? = nil,
    function: String? = nil,
    after seq: Int64 = 0,
    where fits: (Event) throws -> Bool = { _ in true }
  ) async throws -> Event {
    let clock = ContinuousClock()
    let end = clock.now + Terminal.patience
    while true {
      let found = try all().first {
        try $0.seq > seq && $0.type == type && (call == nil || $0.call == call)
          && (function == nil || $0.function == function) && fits($0)
      }
      if let found { return found }
      guard clock.now < end else {
        let last = events.suffix(12).map { $0.json.serialized() }.joined(separator: "\n")
        throw Terminal.Failure(
          description:
            "Waited \(Terminal.patience) for \(type) of \(call ?? function ?? "any"). The last events:\n\(last)"
        )
      }
      try await Task.sleep(for: .milliseconds(30))
    }
  }

  func types(of call: String) throws -> [String] {
    try all().filter { $0.call == call }.map(\.type)
  }
}
