import FoundationEssentials

/// Why a Swift value could not be made from JSON, or JSON from it.
public struct JSONCodingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Where in the JSON, as a JSON Pointer; empty for the whole value.
  public let pointer: String
  public let reason: String

  public var description: String { "\(pointer.isEmpty ? "top level" : pointer): \(reason)" }
}

extension JSONValue {
  /// The JSON of a Swift value, without a detour through text.
  ///
  /// Dates become ISO 8601 text in UTC with as many decimals of the second as they need (three at least), data
  /// becomes base64, URLs their text.
  /// - Throws: ``JSONCodingError``, or what the value itself throws.
  public init(encoding value: some Encodable) throws {
    do {
      self = try encodeValue(value, at: nil)
    } catch let error as EncodingError {
      throw JSONCodingError(error)
    }
  }

  /// The Swift value that this JSON describes, by the same rules as ``init(encoding:)``.
  /// - Throws: ``JSONCodingError``, or what the type itself throws.
  public func decode<T: Decodable>(as type: T.Type = T.self) throws -> T {
    do {
      return try decodeValue(self, as: type, at: nil)
    } catch let error as DecodingError {
      throw JSONCodingError(error)
    }
  }
}

extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    if let own = decoder as? JSONValueDecoder {
      self = own.value
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try JSONObject(from: decoder))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .decimal(let text):
      // Other encoders have no exact numbers: the nearest double, or the text where even that does not exist.
      if let number = ExactNumber(text)?.uint64 {
        try container.encode(number)
      } else if let value = doubleValue {
        try container.encode(value)
      } else {
        try container.encode(text)
      }
    case .string(let value): try container.encode(value)
    case .array(let items): try container.encode(items)
    case .object(let object): try object.encode(to: encoder)
    }
  }
}

extension JSONObject: Codable {
  public init(from decoder: any Decoder) throws {
    if let own = decoder as? JSONValueDecoder, case .object(let object) = own.value {
      self = object
      return
    }
    let container = try decoder.container(keyedBy: JSONKey.self)
    self.init()
    for key in container.allKeys {
      append(key: key.stringValue, value: try container.decode(JSONValue.self, forKey: key))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    for (key, value) in self { try container.encode(value, forKey: JSONKey(stringValue: key)) }
  }
}

/// A key of any name, or a place in an array.
struct JSONKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }

  init(intValue: Int) {
    stringValue = String(intValue)
    self.intValue = intValue
  }

  static let `super` = JSONKey(stringValue: "super")
}

/// The way from the top to where an encoder or decoder stands, innermost step first.
final class JSONCodingPath: Sendable {
  let key: any CodingKey
  let parent: JSONCodingPath?

  init(_ key: any CodingKey, parent: JSONCodingPath?) {
    self.key = key
    self.parent = parent
  }

  static func keys(_ path: JSONCodingPath?) -> [any CodingKey] {
    var keys: [any CodingKey] = []
    var step = path
    while let current = step {
      keys.append(current.key)
      step = current.parent
    }
    return keys.reversed()
  }

  /// How deeply nested the place is.
  static func depth(_ path: JSONCodingPath?) -> Int {
    var depth = 0
    var step = path
    while let current = step {
      depth += 1
      step = current.parent
    }
    return depth
  }
}

extension JSONCodingError {
  init(_ error: EncodingError) {
    switch error {
    case .invalidValue(_, let context):
      self.init(path: context.codingPath, reason: context.debugDescription)
    @unknown default:
      self.init(pointer: "", reason: "\(error)")
    }
  }

  init(_ error: DecodingError) {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      self.init(path: context.codingPath, reason: context.debugDescription)
    case .keyNotFound(let key, let context):
      self.init(
        path: context.codingPath,
        reason: "the property \(shortened(key.stringValue)) is missing"
      )
    @unknown default:
      self.init(pointer: "", reason: "\(error)")
    }
  }

  private init(path: [any CodingKey], reason: String) {
    let tokens = path.map { $0.intValue.map(String.init) ?? $0.stringValue }
    self.init(pointer: JSONPointer(tokens: tokens).description, reason: reason)
  }
}
