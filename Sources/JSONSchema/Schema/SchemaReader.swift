/// Reads the keywords of one schema object, each in the form the drafts give it, and complains where it has another.
struct SchemaReader {
  let object: JSONObject
  let location: SchemaLocation
  let draft: SchemaDraft
  let index: SchemaIndex

  func wrong(_ keyword: String, _ wanted: String) -> SchemaError {
    let found = object[keyword].map(describe) ?? "nothing"
    return index.failure(location.appending(keyword), "expected \(wanted), found \(found)")
  }

  func string(_ keyword: String) throws(SchemaError) -> String? {
    guard let value = object[keyword] else { return nil }
    guard case .string(let text) = value else { throw wrong(keyword, "a string") }
    return text
  }

  func flag(_ keyword: String) throws(SchemaError) -> Bool {
    guard let value = object[keyword] else { return false }
    guard case .bool(let flag) = value else {
      throw wrong(keyword, "true or false, as draft 4 has it")
    }
    return flag
  }

  func number(_ keyword: String) throws(SchemaError) -> JSONValue? {
    guard let value = object[keyword] else { return nil }
    switch value {
    case .integer, .decimal: return value
    case .double(let number) where number.isFinite: return value
    case .bool where keyword.hasPrefix("exclusive"):
      throw wrong(
        keyword,
        "a number (only in draft 4 it is true or false, beside minimum or maximum)"
      )
    case .null, .bool, .double, .string, .array, .object: throw wrong(keyword, "a number")
    }
  }

  /// A count of characters, items or properties; one that no value can reach is taken as the largest there is.
  func count(_ keyword: String) throws(SchemaError) -> Int? {
    guard let value = object[keyword] else { return nil }
    guard value.isIntegral, compareNumbers(value, .integer(0)) != .less else {
      throw wrong(keyword, "a whole number from 0 on")
    }
    return value.intValue ?? .max
  }

  /// The members of an object of schemas, in order; none where the keyword is missing.
  func members(_ keyword: String) throws(SchemaError) -> [(name: String, value: JSONValue)] {
    guard let value = object[keyword] else { return [] }
    guard case .object(let members) = value else { throw wrong(keyword, "an object") }
    return members.entries.map { ($0.key, $0.value) }
  }

  func names(_ keyword: String) throws(SchemaError) -> [String]? {
    guard let value = object[keyword] else { return nil }
    return try names(value, keyword, nil)
  }

  func names(
    _ value: JSONValue,
    _ keyword: String,
    _ member: String?
  ) throws(SchemaError) -> [String] {
    var place = location.appending(keyword)
    if let member { place = place.appending(member) }
    guard case .array(let items) = value else {
      throw index.failure(place, "expected an array of property names, found \(describe(value))")
    }
    var names: [String] = []
    for item in items {
      guard case .string(let name) = item else {
        throw index.failure(place, "expected property names, found \(describe(item)) among them")
      }
      names.append(name)
    }
    return names
  }

  func types() throws(SchemaError) -> ValueType? {
    guard let value = object["type"] else { return nil }
    let items: [JSONValue]
    switch value {
    case .string: items = [value]
    case .array(let several): items = several
    case .null, .bool, .integer, .double, .decimal, .object:
      throw wrong("type", "the name of a type or an array of them")
    }
    var types = ValueType()
    for item in items {
      guard case .string(let name) = item, let type = ValueType(name: name) else {
        let hint =
          item.stringValue.flatMap(ValueType.suggestion).map { "; did you mean \"\($0)\"?" } ?? ""
        throw index.failure(
          location.appending("type"),
          "\(describe(item)) is no type; there are \(listed(ValueType.names, "and"))\(hint)"
        )
      }
      types.formUnion(draft == .draft4 && name == "integer" ? .integer : type)
    }
    guard !types.isEmpty else { throw wrong("type", "at least one type") }
    return types
  }
}

extension ValueType {
  /// The type that a name of another language most likely means.
  fileprivate static func suggestion(for name: String) -> String? {
    switch name.lowercased() {
    case "float", "double", "decimal": "number"
    case "int", "long", "int32", "int64": "integer"
    case "bool": "boolean"
    case "str", "text": "string"
    case "dict", "map", "hash", "struct": "object"
    case "list", "tuple", "set": "array"
    case "none", "nil": "null"
    default: nearest(to: name, among: names)
    }
  }
}
