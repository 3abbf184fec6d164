import JSONSchema

/// Finds what of a transcript first held each value of a call's arguments.
public struct ValueSearch: Sendable {
  /// One message of a transcript, with the turn it belongs to.
  public struct Entry: Sendable {
    public var turn: Int
    public var message: Message

    public init(turn: Int, message: Message) {
      self.turn = turn
      self.message = message
    }
  }

  /// More values than this are not looked for.
  static let limit = 64

  /// The values of arguments that hold no others, in their order; not `null` and `""`.
  static func values(_ arguments: JSONValue) -> [(pointer: JSONPointer, value: JSONValue)] {
    var found: [(pointer: JSONPointer, value: JSONValue)] = []
    func look(_ value: JSONValue, _ place: JSONPointer) {
      guard found.count < limit else { return }
      switch value {
      case .object(let object):
        for (name, member) in object { look(member, place.appending(name)) }
      case .array(let items):
        for (index, item) in items.enumerated() { look(item, place.appending(index)) }
      case .null, .bool, .integer, .double, .decimal, .string:
        if value != .null, value != "" { found.append((place, value)) }
      }
    }
    look(arguments, JSONPointer())
    return found
  }

  /// Whether it can be looked for: not `true`, `7`, `"DE"` and others that stand in many places by chance.
  static func tells(_ value: JSONValue) -> Bool {
    switch value {
    case .string(let text): text.count >= 3 && text.utf8.count <= 2000
    case .integer(let number): number.magnitude >= 100
    case .double, .decimal: value.serialized().count(where: \.isNumber) >= 3
    case .null, .bool, .array, .object: false
    }
  }

  /// Where each value of the arguments first stood.
  ///
  /// Of all that was said before the call the first counts: what the model wrote itself does not become an answer by
  /// coming back in one, be it in a refusal that quotes it. `turn` is that of the call; `name` gives the qualified name
  /// of a function by the one that models use.
  public static func sources(
    of arguments: JSONValue,
    ofTurn turn: Int?,
    in transcript: [Entry],
    name: (String) -> String?
  ) -> [ArgumentOrigin] {
    let values = values(arguments)
    var open = values.filter { tells($0.value) }.map { Needle($0.pointer, $0.value) }
    var found: [ArgumentOrigin] = values.map {
      ArgumentOrigin(pointer: $0.pointer, source: tells($0.value) ? .nowhere : .untold)
    }
    var places = Dictionary(uniqueKeysWithValues: found.indices.map { (found[$0].pointer, $0) })
    var names: [String: String] = [:]
    func search(_ text: String, _ source: ArgumentOrigin.Source) {
      guard !open.isEmpty else { return }
      let haystack = Haystack(text, numbers: open.contains { $0.number != nil })
      open.removeAll { needle in
        guard haystack.holds(needle) else { return false }
        if let place = places.removeValue(forKey: needle.pointer) { found[place].source = source }
        return true
      }
    }
    for entry in transcript {
      let message = entry.message
      // The message that asks for this call, and what came after it.
      if message.role == .assistant, let turn, entry.turn >= turn { break }
      for call in message.calls {
        names[call.id] = call.wireName
        if message.role == .assistant {
          search(call.arguments, .model(turn: entry.turn, inCall: true))
        }
      }
      guard let text = message.text else { continue }
      switch message.role {
      case .user: search(text, .message(author: message.author, turn: entry.turn))
      case .tool:
        let wireName = message.answers.flatMap { names[$0] }
        search(text, .answer(of: wireName.map { name($0) ?? $0 }, turn: entry.turn))
      case .system: search(text, .instructions)
      case .assistant: search(text, .model(turn: entry.turn, inCall: false))
      }
    }
    return found
  }
}

/// A value that is looked for.
private struct Needle {
  let pointer: JSONPointer
  /// A number without its sign.
  let number: JSONValue?
  /// As it stands in a text, and as it stands in JSON.
  let texts: [[UInt8]]

  init(_ pointer: JSONPointer, _ value: JSONValue) {
    self.pointer = pointer
    if let text = value.stringValue {
      number = nil
      let quoted = Array(JSONValue.string(text).serializedBytes().dropFirst().dropLast())
      let plain = Array(text.utf8)
      texts = plain == quoted ? [plain] : [plain, quoted]
    } else {
      let text = value.serialized()
      number = try? JSONValue(parsing: text.first == "-" ? String(text.dropFirst()) : text)
      texts = []
    }
  }
}

/// A text that values are looked for in.
private struct Haystack {
  private let bytes: [UInt8]
  private let numbers: NumbersInText?

  init(_ text: String, numbers: Bool) {
    bytes = Array(text.utf8)
    self.numbers = numbers ? NumbersInText(text) : nil
  }

  func holds(_ needle: Needle) -> Bool {
    if let number = needle.number { return numbers?.contains(number) ?? false }
    return needle.texts.contains(where: holds)
  }

  /// Whether it stands there as a word of its own.
  private func holds(_ needle: [UInt8]) -> Bool {
    guard let first = needle.first, needle.count <= bytes.count else { return false }
    return bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      while index <= bytes.count - needle.count {
        guard bytes[index] == first else {
          index += 1
          continue
        }
        let end = index + needle.count
        if bytes[index..<end].elementsEqual(needle), !joins(before: index), !joins(after: end) {
          return true
        }
        index += 1
      }
      return false
    }
  }

  private func joins(before index: Int) -> Bool {
    var start = index
    repeat { start -= 1 } while start > 0 && bytes[max(0, start)] & 0xC0 == 0x80
    return start >= 0 && Self.isLetter(bytes[start..<index])
  }

  private func joins(after index: Int) -> Bool {
    guard index < bytes.count else { return false }
    var end = index + 1
    while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
    return Self.isLetter(bytes[index..<end])
  }

  private static func isLetter(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let scalar = String(decoding: bytes, as: UTF8.self).unicodeScalars.first else {
      return false
    }
    return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
  }
}
