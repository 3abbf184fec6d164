/// A JSON value that keeps numbers exact and the keys of objects in order.
///
/// Two values are equal when JSON Schema calls them equal: numbers by what they denote (`1` is `1.0`), objects
/// without regard to order, strings code point by code point (Swift's `String` would also call differently
/// composed characters equal).
///
/// A `double` denotes the number of its shortest text: 0.1 is one tenth. So what is compared, hashed and written
/// is always the number that the text of the JSON carries.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  /// The text of a number that neither of the others holds exactly, such as `0.1000000000000000000001`.
  case decimal(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  /// The member of an object, nil for anything else.
  ///
  /// Setting nil removes it; setting a member of `null` makes an object; setting one of anything
  /// else changes nothing.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let object) = self else { return nil }
      return object[key]
    }
    set {
      switch self {
      case .object(var object):
        self = .null
        object[key] = newValue
        self = .object(object)
      case .null:
        guard let newValue else { return }
        self = .object([key: newValue])
      case .bool, .integer, .double, .decimal, .string, .array:
        break
      }
    }
  }

  /// The item of an array, nil for anything else and beyond its ends.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let items) = self, items.indices.contains(index) else { return nil }
    return items[index]
  }

  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The number as an integer, nil where it is none or does not fit; `3.0` is 3.
  public var intValue: Int? {
    if case .integer(let value) = self {
      Int(exactly: value)
    } else {
      exactInt64.flatMap(Int.init(exactly:))
    }
  }

  /// The double nearest to the number, nil where that would be infinite.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): return Double(value)
    case .double(let value): return value
    case .decimal(let text):
      guard let value = Double(text), value.isFinite else { return nil }
      return value
    case .null, .bool, .string, .array, .object: return nil
    }
  }

  public var arrayValue: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  public var objectValue: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The JSON Schema type: null, boolean, integer, number, string, array or object.
  ///
  /// `3.0` is an integer.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .double, .decimal: isIntegral ? "integer" : "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements.lazy.map { (key: $0, value: $1) }))
  }
}

extension JSONValue: CustomStringConvertible {
  public var description: String { serialized() }
}
