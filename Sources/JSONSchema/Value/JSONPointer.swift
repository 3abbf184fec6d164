/// A place inside a JSON value (RFC 6901): `/listings/0/price`; the empty text is the whole value.
public struct JSONPointer: Sendable, Hashable {
  /// The steps, unescaped: member names and array places.
  public var tokens: [String]

  public init(tokens: [String] = []) { self.tokens = tokens }

  /// Reads the text of a pointer; only the empty one has no "/" at its start.
  public init(parsing text: String) throws(JSONPointerError) {
    guard !text.isEmpty else {
      tokens = []
      return
    }
    guard text.utf8.first == UInt8(ascii: "/") else {
      throw JSONPointerError(text: text, reason: "it must be empty or start with \"/\"")
    }
    tokens = []
    for part in text.utf8.dropFirst().split(
      separator: UInt8(ascii: "/"),
      omittingEmptySubsequences: false
    ) {
      guard let token = JSONPointer.unescape(part) else {
        throw JSONPointerError(
          text: text,
          reason: "\"~\" must be followed by 0 (for \"~\") or 1 (for \"/\")"
        )
      }
      tokens.append(token)
    }
  }

  /// The place of a member of the object here.
  public func appending(_ name: String) -> JSONPointer { JSONPointer(tokens: tokens + [name]) }

  /// The place of an element of the array here.
  public func appending(_ index: Int) -> JSONPointer { appending(String(index)) }

  private static func unescape(_ part: Substring.UTF8View) -> String? {
    guard part.contains(UInt8(ascii: "~")) else { return String(part) }
    var bytes: [UInt8] = []
    var rest = part.makeIterator()
    while let byte = rest.next() {
      guard byte == UInt8(ascii: "~") else {
        bytes.append(byte)
        continue
      }
      switch rest.next() {
      case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
      case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
      default: return nil
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One step as it stands in a pointer's text.
  static func escape(_ token: String) -> String {
    guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
      return token
    }
    var bytes: [UInt8] = []
    for byte in token.utf8 {
      switch byte {
      case UInt8(ascii: "~"): bytes.append(contentsOf: "~0".utf8)
      case UInt8(ascii: "/"): bytes.append(contentsOf: "~1".utf8)
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A step as a place in an array, nil where it is none: digits without a leading zero.
  static func arrayIndex(_ token: String) -> Int? {
    guard let first = token.utf8.first, token.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else {
      return nil
    }
    return first == UInt8(ascii: "0") && token.utf8.count > 1 ? nil : Int(token)
  }
}

/// A text that is no JSON Pointer, and why.
public struct JSONPointerError: Error, Sendable, Equatable, CustomStringConvertible {
  public let text: String
  public let reason: String

  public var description: String { "\(shortened(text)) is no JSON Pointer: \(reason)" }
}

extension JSONPointer: CustomStringConvertible {
  public var description: String { tokens.map { "/" + JSONPointer.escape($0) }.joined() }
}

extension JSONPointer: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      try self.init(parsing: container.decode(String.self))
    } catch let error as JSONPointerError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension JSONValue {
  public func value(at pointer: JSONPointer) -> JSONValue? { value(at: pointer.tokens[...]) }

  func value(at tokens: ArraySlice<String>) -> JSONValue? {
    var value = self
    for token in tokens {
      switch value {
      case .object(let object):
        guard let member = object[token] else { return nil }
        value = member
      case .array(let items):
        guard let index = JSONPointer.arrayIndex(token), index < items.count else { return nil }
        value = items[index]
      case .null, .bool, .integer, .double, .decimal, .string: return nil
      }
    }
    return value
  }

  /// Puts a value at a place and says whether there was one: the parent must exist, a missing member is added, `-`
  /// adds to the end of an array, nil takes the member or item out.
  @discardableResult
  public mutating func set(_ value: JSONValue?, at pointer: JSONPointer) -> Bool {
    set(value, at: pointer.tokens[...])
  }

  private mutating func set(_ value: JSONValue?, at tokens: ArraySlice<String>) -> Bool {
    guard let token = tokens.first else {
      self = value ?? .null
      return true
    }
    let rest = tokens.dropFirst()
    switch self {
    case .object(var object):
      // Taken out while it changes, so that the members are not copied.
      self = .null
      defer { self = .object(object) }
      guard !rest.isEmpty else {
        object[token] = value
        return true
      }
      guard var member = object[token] else { return false }
      let done = member.set(value, at: rest)
      object[token] = member
      return done
    case .array(var items):
      self = .null
      defer { self = .array(items) }
      if token == "-", rest.isEmpty, let value {
        items.append(value)
        return true
      }
      guard let index = JSONPointer.arrayIndex(token), index < items.count else { return false }
      guard rest.isEmpty else { return items[index].set(value, at: rest) }
      if let value { items[index] = value } else { items.remove(at: index) }
      return true
    case .null, .bool, .integer, .double, .decimal, .string: return false
    }
  }
}
