import FoundationEssentials

/// Decodes one value: types that JSON writes in a way of their own first, then whatever the type itself does.
func decodeValue<T: Decodable>(
  _ value: JSONValue,
  as type: T.Type,
  at path: JSONCodingPath?
) throws -> T {
  if T.self == JSONValue.self, let value = value as? T { return value }
  if T.self == String.self, let text = try decodeString(value, at: path) as? T { return text }
  if T.self == Date.self {
    let text = try decodeString(value, at: path)
    if let date = date(fromISO8601: text) as? T { return date }
    throw corrupted("expected a date as ISO 8601 text, found \(shortened(text))", at: path)
  }
  if T.self == Data.self {
    let text = try decodeString(value, at: path)
    if let data = Data(base64Encoded: text) as? T { return data }
    throw corrupted("expected data as base64, found \(shortened(text))", at: path)
  }
  if T.self == URL.self {
    let text = try decodeString(value, at: path)
    if let url = URL(string: text) as? T { return url }
    throw corrupted("expected a URL, found \(shortened(text))", at: path)
  }
  if T.self == Decimal.self {
    switch value {
    case .integer, .double, .decimal:
      if let number = Decimal(string: value.serialized()) as? T { return number }
    case .null, .bool, .string, .array, .object: break
    }
    throw mismatch(type, "a number", value, at: path)
  }
  // Types that hold themselves have no bottom: this one is reached before the stack ends.
  guard JSONCodingPath.depth(path) <= 1000 else {
    throw corrupted("nested deeper than 1000 values", at: path)
  }
  return try T(from: JSONValueDecoder(value: value, path: path))
}

private func decodeString(_ value: JSONValue, at path: JSONCodingPath?) throws -> String {
  guard case .string(let text) = value else {
    throw mismatch(String.self, "a string", value, at: path)
  }
  return text
}

private func decodeBool(_ value: JSONValue, at path: JSONCodingPath?) throws -> Bool {
  guard case .bool(let flag) = value else {
    throw mismatch(Bool.self, "true or false", value, at: path)
  }
  return flag
}

private func decodeDouble(_ value: JSONValue, at path: JSONCodingPath?) throws -> Double {
  switch value {
  case .integer(let number): return Double(number)
  case .double(let number): return number
  case .decimal:
    if let number = value.doubleValue { return number }
    throw corrupted("the number \(describe(value)) is too big", at: path)
  case .null, .bool, .string, .array, .object:
    throw mismatch(Double.self, "a number", value, at: path)
  }
}

private func decodeFloat(_ value: JSONValue, at path: JSONCodingPath?) throws -> Float {
  let number = Float(try decodeDouble(value, at: path))
  guard number.isFinite else {
    throw corrupted("the number \(describe(value)) is too big", at: path)
  }
  return number
}

private func decodeInteger<T: FixedWidthInteger>(
  _ value: JSONValue,
  as type: T.Type,
  at path: JSONCodingPath?
) throws -> T {
  switch value {
  case .integer(let number):
    if let result = T(exactly: number) { return result }
    throw corrupted("expected a number from \(T.min) to \(T.max), found \(number)", at: path)
  case .double, .decimal:
    if let number = value.exactInt64, let result = T(exactly: number) { return result }
    if let number = ExactNumber(value)?.uint64, let result = T(exactly: number) { return result }
    if value.isIntegral {
      throw corrupted(
        "expected a number from \(T.min) to \(T.max), found \(describe(value))",
        at: path
      )
    }
    throw corrupted("expected a whole number, found \(describe(value))", at: path)
  case .null, .bool, .string, .array, .object:
    throw mismatch(type, "a whole number", value, at: path)
  }
}

private func mismatch(
  _ type: any Any.Type,
  _ wanted: String,
  _ value: JSONValue,
  at path: JSONCodingPath?
) -> DecodingError {
  let reason = "expected \(wanted), found \(describe(value))"
  let context = DecodingError.Context(
    codingPath: JSONCodingPath.keys(path),
    debugDescription: reason
  )
  return value.isNull ? .valueNotFound(type, context) : .typeMismatch(type, context)
}

private func corrupted(_ reason: String, at path: JSONCodingPath?) -> DecodingError {
  .dataCorrupted(.init(codingPath: JSONCodingPath.keys(path), debugDescription: reason))
}

/// A place in a value, as Swift's decoding asks for it.
struct JSONValueDecoder: Decoder {
  let value: JSONValue
  let path: JSONCodingPath?

  var codingPath: [any CodingKey] { JSONCodingPath.keys(path) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let object) = value else {
      throw mismatch([String: JSONValue].self, "an object", value, at: path)
    }
    return KeyedDecodingContainer(KeyedContainer(object: object, path: path))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let items) = value else {
      throw mismatch([JSONValue].self, "an array", value, at: path)
    }
    return UnkeyedContainer(items: items, path: path)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer {
    SingleContainer(value: value, path: path)
  }
}

private struct KeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let object: JSONObject
  let path: JSONCodingPath?

  var codingPath: [any CodingKey] { JSONCodingPath.keys(path) }
  var allKeys: [Key] { object.entries.compactMap { Key(stringValue: $0.key) } }

  private func member(_ key: any CodingKey) throws -> JSONValue {
    guard let member = object[key.stringValue] else {
      let reason = "the property \(shortened(key.stringValue)) is missing"
      throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: reason))
    }
    return member
  }

  /// Decodes a member; the path is only built for those that need one.
  private func scalar<T>(
    _ key: Key,
    _ decode: (JSONValue, JSONCodingPath?) throws -> T
  ) throws -> T {
    let member = try member(key)
    do {
      return try decode(member, nil)
    } catch is DecodingError {
      return try decode(member, step(key))
    }
  }

  private func step(_ key: any CodingKey) -> JSONCodingPath { JSONCodingPath(key, parent: path) }

  func contains(_ key: Key) -> Bool { object.position(of: key.stringValue) != nil }
  func decodeNil(forKey key: Key) throws -> Bool { try member(key).isNull }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try scalar(key, decodeBool) }
  func decode(_ type: String.Type, forKey key: Key) throws -> String {
    try scalar(key, decodeString)
  }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
    try scalar(key, decodeDouble)
  }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try scalar(key, decodeFloat) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(key) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(key) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(key) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(key) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(key) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(key) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(key) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(key) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(key) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(key) }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
    try decodeValue(member(key), as: type, at: step(key))
  }

  private func integer<T: FixedWidthInteger>(_ key: Key) throws -> T {
    try scalar(key) { value, path in try decodeInteger(value, as: T.self, at: path) }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type,
    forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try JSONValueDecoder(value: member(key), path: step(key)).container(keyedBy: type)
  }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try JSONValueDecoder(value: member(key), path: step(key)).unkeyedContainer()
  }
  func superDecoder() throws -> any Decoder {
    JSONValueDecoder(value: object[JSONKey.super.stringValue] ?? .null, path: step(JSONKey.super))
  }
  func superDecoder(forKey key: Key) throws -> any Decoder {
    JSONValueDecoder(value: try member(key), path: step(key))
  }
}

private struct UnkeyedContainer: UnkeyedDecodingContainer {
  let items: [JSONValue]
  let path: JSONCodingPath?
  private(set) var currentIndex = 0

  init(items: [JSONValue], path: JSONCodingPath?) {
    self.items = items
    self.path = path
  }

  var codingPath: [any CodingKey] { JSONCodingPath.keys(path) }
  var count: Int? { items.count }
  var isAtEnd: Bool { currentIndex >= items.count }
  private var step: JSONCodingPath { JSONCodingPath(JSONKey(intValue: currentIndex), parent: path) }

  private mutating func next<T>(
    _ decode: (JSONValue, JSONCodingPath?) throws -> T
  ) throws -> T {
    guard !isAtEnd else {
      let reason = "the array ends after \(items.count) items"
      let context = DecodingError.Context(
        codingPath: JSONCodingPath.keys(step),
        debugDescription: reason
      )
      throw DecodingError.valueNotFound(T.self, context)
    }
    let result = try decode(items[currentIndex], step)
    currentIndex += 1
    return result
  }

  mutating func decodeNil() -> Bool {
    guard !isAtEnd, items[currentIndex].isNull else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode(_ type: Bool.Type) throws -> Bool { try next(decodeBool) }
  mutating func decode(_ type: String.Type) throws -> String { try next(decodeString) }
  mutating func decode(_ type: Double.Type) throws -> Double { try next(decodeDouble) }
  mutating func decode(_ type: Float.Type) throws -> Float { try next(decodeFloat) }
  mutating func decode(_ type: Int.Type) throws -> Int { try integer() }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try integer() }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try next { value, path in try decodeValue(value, as: type, at: path) }
  }

  private mutating func integer<T: FixedWidthInteger>() throws -> T {
    try next { value, path in try decodeInteger(value, as: T.self, at: path) }
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    try next { value, path in
      try JSONValueDecoder(value: value, path: path).container(keyedBy: type)
    }
  }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next { value, path in try JSONValueDecoder(value: value, path: path).unkeyedContainer() }
  }
  mutating func superDecoder() throws -> any Decoder {
    try next { value, path in JSONValueDecoder(value: value, path: path) }
  }
}

private struct SingleContainer: SingleValueDecodingContainer {
  let value: JSONValue
  let path: JSONCodingPath?

  var codingPath: [any CodingKey] { JSONCodingPath.keys(path) }

  func decodeNil() -> Bool { value.isNull }
  func decode(_ type: Bool.Type) throws -> Bool { try decodeBool(value, at: path) }
  func decode(_ type: String.Type) throws -> String { try decodeString(value, at: path) }
  func decode(_ type: Double.Type) throws -> Double { try decodeDouble(value, at: path) }
  func decode(_ type: Float.Type) throws -> Float { try decodeFloat(value, at: path) }
  func decode(_ type: Int.Type) throws -> Int { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: Int8.Type) throws -> Int8 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: Int16.Type) throws -> Int16 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: Int32.Type) throws -> Int32 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: Int64.Type) throws -> Int64 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: UInt.Type) throws -> UInt { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decodeInteger(value, as: type, at: path) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decodeInteger(value, as: type, at: path) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try decodeValue(value, as: type, at: path)
  }
}
