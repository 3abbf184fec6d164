/// One event of a `text/event-stream`.
struct ServerSentEvent: Hashable, Sendable {
  /// `message` unless the stream says otherwise.
  var name: String
  var data: String
}

/// Cuts bytes into server-sent events, wherever the network cut them before.
///
/// By the WHATWG's grammar (lines end in LF, CR or CRLF, a byte order mark is skipped, comments and unknown fields
/// are ignored), with one liberty: an event that the end of the stream leaves without its empty line is delivered,
/// since servers of models do that.
struct EventStreamParser {
  /// Most bytes of one event.
  let limit: Int
  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var name: [UInt8] = []
  private var skipsLineFeed = false
  private var isAtStart = true

  init(limit: Int) {
    self.limit = limit
  }

  /// Takes the next bytes and tells every event they complete.
  mutating func feed<Failure: Error>(
    _ bytes: some Collection<UInt8>,
    _ deliver: (ServerSentEvent) throws(Failure) -> Void
  ) throws(EventStreamError<Failure>) {
    var rest = bytes[...]
    while !rest.isEmpty {
      if skipsLineFeed {
        skipsLineFeed = false
        if rest.first == UInt8(ascii: "\n") {
          rest = rest.dropFirst()
          continue
        }
      }
      let end = rest.firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
      let part = rest[..<(end ?? rest.endIndex)]
      guard line.count + data.count + part.count <= limit else { throw .tooLarge(limit: limit) }
      line.append(contentsOf: part)
      guard let end else { return }
      skipsLineFeed = rest[end] == UInt8(ascii: "\r")
      rest = rest[rest.index(after: end)...]
      try endLine(deliver)
    }
  }

  /// Tells the event that the end of the stream left open, if there is one.
  mutating func finish<Failure: Error>(
    _ deliver: (ServerSentEvent) throws(Failure) -> Void
  ) throws(EventStreamError<Failure>) {
    if !line.isEmpty { try endLine(deliver) }
    try endEvent(deliver)
  }

  private mutating func endLine<Failure: Error>(
    _ deliver: (ServerSentEvent) throws(Failure) -> Void
  ) throws(EventStreamError<Failure>) {
    var line = self.line[...]
    if isAtStart {
      isAtStart = false
      if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
    }
    defer { self.line.removeAll(keepingCapacity: true) }
    guard !line.isEmpty else {
      try endEvent(deliver)
      return
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":"))
    let field = line[..<(colon ?? line.endIndex)]
    var value = colon.map { line[($0 + 1)...] } ?? []
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if field.elementsEqual("data".utf8) {
      if hasData { data.append(UInt8(ascii: "\n")) }
      data.append(contentsOf: value)
      hasData = true
    } else if field.elementsEqual("event".utf8) {
      name = Array(value)
    }
  }

  private mutating func endEvent<Failure: Error>(
    _ deliver: (ServerSentEvent) throws(Failure) -> Void
  ) throws(EventStreamError<Failure>) {
    defer {
      data.removeAll(keepingCapacity: true)
      name.removeAll(keepingCapacity: true)
      hasData = false
    }
    guard hasData else { return }
    let event = ServerSentEvent(
      name: name.isEmpty ? "message" : String(decoding: name, as: UTF8.self),
      data: String(decoding: data, as: UTF8.self)
    )
    do {
      try deliver(event)
    } catch {
      throw .receiver(error)
    }
  }
}

/// What ended the reading of an event stream.
enum EventStreamError<Failure: Error>: Error {
  case tooLarge(limit: Int)
  /// Whoever took the events refused one.
  case receiver(Failure)
}
