import FoundationEssentials

/// Encodes one value: types that JSON writes in a way of their own first, then whatever the value itself does.
func encodeValue<T: Encodable>(_ value: T, at path: JSONCodingPath?) throws -> JSONValue {
  if T.self == JSONValue.self, let value = value as? JSONValue { return value }
  if T.self == String.self, let value = value as? String { return .string(value) }
  if T.self == JSONObject.self, let value = value as? JSONObject { return .object(value) }
  if T.self == Date.self, let value = value as? Date {
    guard let text = iso8601(value) else {
      throw encodingError(value, at: path, "a date beyond the years 0 to 9999 has no ISO 8601 text")
    }
    return .string(text)
  }
  if T.self == Data.self, let value = value as? Data { return .string(value.base64EncodedString()) }
  if T.self == URL.self, let value = value as? URL { return .string(value.absoluteString) }
  if T.self == Decimal.self, let value = value as? Decimal {
    return value.isFinite ? JSONValue(number: value.description) : .null
  }
  let encoder = JSONValueEncoder(path: path)
  try value.encode(to: encoder)
  return encoder.finish()
}

private func encodingError(
  _ value: Any,
  at path: JSONCodingPath?,
  _ reason: String
) -> EncodingError {
  .invalidValue(value, .init(codingPath: JSONCodingPath.keys(path), debugDescription: reason))
}

/// Collects what one value encodes into itself.
final class JSONValueEncoder: Encoder {
  private enum State {
    case empty
    case single(JSONValue)
    case object
    case array
  }

  let path: JSONCodingPath?
  private var state = State.empty
  private var object = JSONObject()
  private var items: [JSONValue] = []
  /// Containers that were handed out and may still be written to, with the place that waits for each.
  private var children: [(place: Place, encoder: JSONValueEncoder)] = []

  private enum Place {
    case key(String)
    case index(Int)
  }

  init(path: JSONCodingPath?) { self.path = path }

  var codingPath: [any CodingKey] { JSONCodingPath.keys(path) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  var count: Int { items.count }

  func finish() -> JSONValue {
    for child in children {
      switch child.place {
      case .key(let key): object[key] = child.encoder.finish()
      case .index(let index): items[index] = child.encoder.finish()
      }
    }
    children = []
    switch state {
    case .empty: return .object([:])
    case .single(let value): return value
    case .object: return .object(object)
    case .array: return .array(items)
    }
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .empty = state { state = .object }
    return KeyedEncodingContainer(KeyedContainer(encoder: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .empty = state { state = .array }
    return UnkeyedContainer(encoder: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { SingleContainer(encoder: self) }

  fileprivate func set(_ value: JSONValue) { state = .single(value) }

  fileprivate func set(_ value: JSONValue, for key: String) {
    object.append(key: key, value: value)
  }

  fileprivate func append(_ value: JSONValue) { items.append(value) }

  fileprivate func child(for key: any CodingKey) -> JSONValueEncoder {
    let encoder = JSONValueEncoder(path: JSONCodingPath(key, parent: path))
    object.append(key: key.stringValue, value: .null)
    children.append((.key(key.stringValue), encoder))
    return encoder
  }

  fileprivate func nextChild() -> JSONValueEncoder {
    let encoder = JSONValueEncoder(
      path: JSONCodingPath(JSONKey(intValue: items.count), parent: path)
    )
    children.append((.index(items.count), encoder))
    items.append(.null)
    return encoder
  }

  fileprivate func number(_ value: Double, key: (any CodingKey)?) throws -> JSONValue {
    guard value.isFinite else {
      let path = key.map { JSONCodingPath($0, parent: self.path) } ?? self.path
      throw encodingError(value, at: path, "JSON has no number for \(value)")
    }
    return .double(value)
  }
}

/// A float's own shortest text: widened to a double first, 0.1 would become 0.10000000149011612.
private func shortest(_ value: Float) -> Double {
  value.isFinite ? Double(value.description) ?? Double(value) : Double(value)
}

private func unsigned(_ value: UInt64) -> JSONValue {
  Int64(exactly: value).map(JSONValue.integer) ?? JSONValue(number: String(value))
}

private struct KeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let encoder: JSONValueEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }

  func encodeNil(forKey key: Key) { encoder.set(.null, for: key.stringValue) }
  func encode(_ value: Bool, forKey key: Key) { encoder.set(.bool(value), for: key.stringValue) }
  func encode(_ value: String, forKey key: Key) {
    encoder.set(.string(value), for: key.stringValue)
  }
  func encode(_ value: Double, forKey key: Key) throws {
    encoder.set(try encoder.number(value, key: key), for: key.stringValue)
  }
  func encode(_ value: Float, forKey key: Key) throws {
    encoder.set(try encoder.number(shortest(value), key: key), for: key.stringValue)
  }
  func encode(_ value: Int, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: Int8, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: Int16, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: Int32, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: Int64, forKey key: Key) { integer(value, key) }
  func encode(_ value: UInt, forKey key: Key) {
    encoder.set(unsigned(UInt64(value)), for: key.stringValue)
  }
  func encode(_ value: UInt8, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: UInt16, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: UInt32, forKey key: Key) { integer(Int64(value), key) }
  func encode(_ value: UInt64, forKey key: Key) {
    encoder.set(unsigned(value), for: key.stringValue)
  }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    let path = JSONCodingPath(key, parent: encoder.path)
    encoder.set(try encodeValue(value, at: path), for: key.stringValue)
  }

  private func integer(_ value: Int64, _ key: Key) {
    encoder.set(.integer(value), for: key.stringValue)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type,
    forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    encoder.child(for: key).container(keyedBy: type)
  }
  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    encoder.child(for: key).unkeyedContainer()
  }
  func superEncoder() -> any Encoder { encoder.child(for: JSONKey.super) }
  func superEncoder(forKey key: Key) -> any Encoder { encoder.child(for: key) }
}

private struct UnkeyedContainer: UnkeyedEncodingContainer {
  let encoder: JSONValueEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }
  var count: Int { encoder.count }

  func encodeNil() { encoder.append(.null) }
  func encode(_ value: Bool) { encoder.append(.bool(value)) }
  func encode(_ value: String) { encoder.append(.string(value)) }
  func encode(_ value: Double) throws {
    encoder.append(try encoder.number(value, key: JSONKey(intValue: count)))
  }
  func encode(_ value: Float) throws {
    encoder.append(try encoder.number(shortest(value), key: JSONKey(intValue: count)))
  }
  func encode(_ value: Int) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: Int8) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: Int16) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: Int32) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: Int64) { encoder.append(.integer(value)) }
  func encode(_ value: UInt) { encoder.append(unsigned(UInt64(value))) }
  func encode(_ value: UInt8) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: UInt16) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: UInt32) { encoder.append(.integer(Int64(value))) }
  func encode(_ value: UInt64) { encoder.append(unsigned(value)) }
  func encode<T: Encodable>(_ value: T) throws {
    let path = JSONCodingPath(JSONKey(intValue: count), parent: encoder.path)
    encoder.append(try encodeValue(value, at: path))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> {
    encoder.nextChild().container(keyedBy: type)
  }
  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    encoder.nextChild().unkeyedContainer()
  }
  func superEncoder() -> any Encoder { encoder.nextChild() }
}

private struct SingleContainer: SingleValueEncodingContainer {
  let encoder: JSONValueEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }

  func encodeNil() { encoder.set(.null) }
  func encode(_ value: Bool) { encoder.set(.bool(value)) }
  func encode(_ value: String) { encoder.set(.string(value)) }
  func encode(_ value: Double) throws { encoder.set(try encoder.number(value, key: nil)) }
  func encode(_ value: Float) throws { encoder.set(try encoder.number(shortest(value), key: nil)) }
  func encode(_ value: Int) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: Int8) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: Int16) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: Int32) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: Int64) { encoder.set(.integer(value)) }
  func encode(_ value: UInt) { encoder.set(unsigned(UInt64(value))) }
  func encode(_ value: UInt8) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: UInt16) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: UInt32) { encoder.set(.integer(Int64(value))) }
  func encode(_ value: UInt64) { encoder.set(unsigned(value)) }
  func encode<T: Encodable>(_ value: T) throws {
    encoder.set(try encodeValue(value, at: encoder.path))
  }
}
