import JSONSchema

/// Makes arguments at the bounds of a function's schema: each the same valid ones but for one place.
///
/// Pure: the same schema gives the same cases. What a case claims follows from the keyword it is made of. Where the
/// schema also has keywords that join others (`allOf`, `if`, `not` and their like) a place may be bound from elsewhere
/// too, and what the validator does not agree with is left out.
struct BoundaryArguments {
  /// More than so many are not made.
  static let most = 1000
  /// Longer texts and arrays are not made.
  static let longest = 100_000
  /// Objects within objects, and arrays, are looked into so far.
  private static let depth = 4

  private let root: JSONValue
  private let whole: Schema
  private let base: JSONValue
  private let isJoined: Bool
  private var cases: [BoundaryCase] = []
  private var known: Set<String> = []

  /// Why there are none.
  struct Impossible: Error {
    var reason: String
  }

  /// The cases of a schema, around arguments that are valid.
  ///
  /// `given`: members that these have; what is missing is made up.
  static func cases(
    of schema: JSONValue,
    given: JSONValue? = nil
  ) throws(Impossible) -> [BoundaryCase] {
    let whole: Schema
    do throws(SchemaError) {
      whole = try Schema(schema)
    } catch {
      throw Impossible(reason: error.description)
    }
    let candidates = ExampleValue(root: schema).candidates(given)
    guard let base = candidates.first(where: whole.isValid) else {
      let why = candidates.first.flatMap { whole.validate($0, stopAtFirst: true).first?.message }
      throw Impossible(
        reason: "no arguments can be made up that fit its schema"
          + (why.map { " (\($0))" } ?? "") + "; give some with `with`"
      )
    }
    var maker = BoundaryArguments(root: schema, whole: whole, base: base)
    maker.add(base, "arguments in the midst", at: JSONPointer(), isValid: true)
    maker.visit(schema, at: JSONPointer(), depth: 0)
    return Array(maker.cases.prefix(most))
  }

  private init(root: JSONValue, whole: Schema, base: JSONValue) {
    self.root = root
    self.whole = whole
    self.base = base
    isJoined = Self.isJoined(root)
  }

  private static let joining: Set<String> = [
    "allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "dependencies",
    "patternProperties", "propertyNames", "unevaluatedProperties", "unevaluatedItems",
    "$dynamicRef", "contains", "minProperties", "maxProperties",
  ]

  private static func isJoined(_ value: JSONValue) -> Bool {
    if let items = value.arrayValue { return items.contains(where: isJoined) }
    return (value.objectValue ?? JSONObject()).contains { key, member in
      joining.contains(key) || isJoined(member)
    }
  }

  // MARK: - Cases

  /// The valid arguments with another value at a place; nil as value: without it.
  private mutating func put(
    _ value: JSONValue?,
    _ what: String,
    at place: JSONPointer,
    isValid: Bool,
    wrongAt pointer: JSONPointer? = nil
  ) {
    guard let arguments = base.replacing(place.tokens[...], by: value) else { return }
    add(arguments, what, at: pointer ?? place, isValid: isValid)
  }

  private mutating func add(
    _ arguments: JSONValue,
    _ what: String,
    at pointer: JSONPointer,
    isValid: Bool
  ) {
    let found = BoundaryCase(
      what: what,
      arguments: arguments,
      pointer: pointer.description,
      isValid: isValid
    )
    if isJoined, !isBorneOut(found) { return }
    guard known.insert("\(isValid) \(arguments.serialized())").inserted else { return }
    cases.append(found)
  }

  private func isBorneOut(_ found: BoundaryCase) -> Bool {
    let errors = whole.validate(found.arguments)
    return found.isValid ? errors.isEmpty : errors.contains { $0.path == found.pointer }
  }

  private func name(_ place: JSONPointer) -> String {
    place.tokens.isEmpty ? "the arguments" : place.description
  }

  // MARK: - Places

  private mutating func visit(_ schema: JSONValue, at place: JSONPointer, depth: Int) {
    guard depth <= Self.depth, let rules = ExampleValue(root: root).resolved(schema),
      cases.count < Self.most
    else { return }
    let current = base.value(at: place)
    wrongTypes(rules, at: place)
    if rules["enum"] != nil || rules["const"] != nil { return choices(rules, at: place) }
    let types = ExampleValue.types(of: rules)
    if types.contains("string") { texts(rules, at: place, current) }
    if types.contains("number") || types.contains("integer") {
      numbers(rules, at: place, isWhole: !types.contains("number"))
    }
    if types.contains("boolean") {
      put(true, "\(name(place)) true", at: place, isValid: true)
      put(false, "\(name(place)) false", at: place, isValid: true)
    }
    if types.contains("array") { arrays(rules, at: place, depth: depth) }
    if types.contains("object") || rules["properties"] != nil {
      objects(rules, at: place, depth: depth)
    }
  }

  private mutating func wrongTypes(_ rules: JSONValue, at place: JSONPointer) {
    let types = ExampleValue.types(of: rules)
    guard !types.isEmpty else { return }
    let others: [(type: String, value: JSONValue, what: String)] = [
      ("null", .null, "null"), ("string", "text", "a text"), ("number", 7.5, "a number"),
      ("boolean", true, "true"), ("array", [], "an array"),
      ("object", .object(JSONObject()), "an object"),
    ]
    for other in others where !types.contains(other.type) {
      put(other.value, "\(name(place)) as \(other.what)", at: place, isValid: false)
    }
    if types.contains("null") {
      put(.null, "\(name(place)) null", at: place, isValid: true)
    }
  }

  private mutating func choices(_ rules: JSONValue, at place: JSONPointer) {
    let members = rules["enum"]?.arrayValue ?? [rules["const"] ?? .null]
    for member in members {
      put(member, "\(name(place)) \(member.serialized())", at: place, isValid: true)
    }
    let texts = members.compactMap(\.stringValue)
    let other: JSONValue =
      texts.first.map { first in
        .string(texts.reduce(first) { $0.count > $1.count ? $0 : $1 } + "x")
      } ?? "not among them"
    put(other, "\(name(place)) \(other.serialized()), not among them", at: place, isValid: false)
  }

  // MARK: - Texts

  private mutating func texts(_ rules: JSONValue, at place: JSONPointer, _ current: JSONValue?) {
    if let format = rules["format"]?.stringValue {
      let edges = FormatEdges.of(format)
      let isPlain =
        rules["pattern"] == nil && rules["minLength"] == nil && rules["maxLength"] == nil
      for text in edges.valid where isPlain {
        put(.string(text), "\(name(place)) “\(text)”, a \(format)", at: place, isValid: true)
      }
      for text in edges.invalid {
        put(.string(text), "\(name(place)) “\(text)”, no \(format)", at: place, isValid: false)
      }
    }
    if let pattern = rules["pattern"] {
      let only = try? Schema(["type": "string", "pattern": pattern])
      let other = ["", " ", "~", "\u{1F4DE}", "a\nb", String(repeating: "x", count: 300)].first {
        only?.isValid(.string($0)) == false
      }
      if let other {
        put(
          .string(other),
          "\(name(place)) \(JSONValue.string(other).serialized()), which its pattern refuses",
          at: place,
          isValid: false
        )
      }
    }
    let isFree = rules["pattern"] == nil && rules["format"] == nil
    let least = rules["minLength"]?.intValue
    let most = rules["maxLength"]?.intValue
    func text(_ count: Int, _ character: Character = "a") -> JSONValue {
      .string(String(repeating: character, count: count))
    }
    if let least, least <= Self.longest {
      if isFree {
        put(
          text(least),
          "\(name(place)) of \(least) characters, the fewest",
          at: place,
          isValid: true
        )
      }
      if least > 0 {
        put(
          text(least - 1),
          "\(name(place)) of \(least - 1) characters, one too few",
          at: place,
          isValid: false
        )
      }
    } else if isFree {
      put("", "\(name(place)) empty", at: place, isValid: true)
    }
    if let most, most < Self.longest {
      if isFree {
        put(text(most), "\(name(place)) of \(most) characters, the most", at: place, isValid: true)
        put(
          text(most, "\u{1F4DE}"),
          "\(name(place)) of \(most) characters of four bytes, the most",
          at: place,
          isValid: true
        )
      }
      put(
        text(most + 1),
        "\(name(place)) of \(most + 1) characters, one too many",
        at: place,
        isValid: false
      )
    }
  }

  // MARK: - Numbers

  private mutating func numbers(_ rules: JSONValue, at place: JSONPointer, isWhole: Bool) {
    let number = NumberBounds(rules, isWhole: isWhole)
    func words(_ value: JSONValue) -> String { "\(name(place)) \(value.serialized())" }
    if let least = number.least {
      put(least, words(least) + ", the least", at: place, isValid: true)
    }
    if let below = number.below {
      put(below, words(below) + ", below the least", at: place, isValid: false)
    }
    if let most = number.most {
      put(most, words(most) + ", the most", at: place, isValid: true)
    } else if let large = number.large {
      put(large, words(large) + ", very large", at: place, isValid: true)
    }
    if let above = number.above {
      put(above, words(above) + ", above the most", at: place, isValid: false)
    }
    if let odd = number.between {
      put(odd, words(odd) + ", no multiple", at: place, isValid: false)
    }
    if isWhole, let part = number.fraction {
      put(part, words(part) + ", no whole number", at: place, isValid: false)
    }
  }

  // MARK: - Arrays and objects

  private mutating func arrays(_ rules: JSONValue, at place: JSONPointer, depth: Int) {
    let least = rules["minItems"]?.intValue
    let most = rules["maxItems"]?.intValue
    let isUnique = rules["uniqueItems"]?.boolValue == true
    let maker = ExampleValue(root: root)
    let isPlain = rules["prefixItems"] == nil
    func items(_ count: Int) -> JSONValue? {
      guard isPlain, count <= Self.longest else { return nil }
      return maker.items(rules["items"] ?? true, count: count, isUnique: isUnique).map {
        .array($0)
      }
    }
    if let least {
      if let fewest = items(least) {
        put(fewest, "\(name(place)) of \(least) items, the fewest", at: place, isValid: true)
      }
      if least > 0, let few = items(least - 1) {
        put(few, "\(name(place)) of \(least - 1) items, one too few", at: place, isValid: false)
      }
    } else if isPlain {
      put([], "\(name(place)) empty", at: place, isValid: true)
    }
    if let most {
      if let full = items(most) {
        put(full, "\(name(place)) of \(most) items, the most", at: place, isValid: true)
      }
      if let many = items(most + 1) {
        put(many, "\(name(place)) of \(most + 1) items, one too many", at: place, isValid: false)
      }
    }
    let single = items(1)?.arrayValue?.first
    if isUnique, let single, most ?? 2 >= 2, least ?? 0 <= 2 {
      put([single, single], "\(name(place)) with an item twice", at: place, isValid: false)
    }
    // Items are looked into where the arguments in the midst have one.
    if isPlain, let inner = rules["items"], inner.objectValue != nil,
      base.value(at: place.appending(0)) != nil
    {
      visit(inner, at: place.appending(0), depth: depth + 1)
    }
  }

  private mutating func objects(_ rules: JSONValue, at place: JSONPointer, depth: Int) {
    let properties = rules["properties"]?.objectValue ?? JSONObject()
    let required = Set((rules["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    let own = base.value(at: place)?.objectValue ?? JSONObject()
    for key in (rules["required"]?.arrayValue ?? []).compactMap(\.stringValue) {
      put(
        nil,
        "\(name(place)) without the required \(key)",
        at: place.appending(key),
        isValid: false,
        wrongAt: place
      )
    }
    for key in own.keys where !required.contains(key) {
      put(nil, "\(name(place)) without \(key)", at: place.appending(key), isValid: true)
    }
    var extra = "unheard_of"
    while properties[extra] != nil || own[extra] != nil { extra += "_" }
    let isOpen = rules["additionalProperties"]
    if isOpen == .bool(false) {
      put(
        1,
        "\(name(place)) with the unknown \(extra)",
        at: place.appending(extra),
        isValid: false,
        wrongAt: place
      )
    } else if isOpen == nil || isOpen == .bool(true) {
      put(
        1,
        "\(name(place)) with the unknown \(extra)",
        at: place.appending(extra),
        isValid: true
      )
    }
    for (key, inner) in properties where own[key] != nil {
      visit(inner, at: place.appending(key), depth: depth + 1)
    }
  }
}

extension JSONValue {
  /// With another value at a place, or without it; nil where there is no such place.
  fileprivate func replacing(_ tokens: ArraySlice<String>, by value: JSONValue?) -> JSONValue? {
    guard let key = tokens.first else { return value }
    let rest = tokens.dropFirst()
    switch self {
    case .object(var object):
      if rest.isEmpty {
        object[key] = value
      } else {
        guard let inner = object[key]?.replacing(rest, by: value) else { return nil }
        object[key] = inner
      }
      return .object(object)
    case .array(var items):
      guard let index = Int(key), items.indices.contains(index) else { return nil }
      guard let inner = items[index].replacing(rest, by: value) else { return nil }
      items[index] = inner
      return .array(items)
    case .null, .bool, .integer, .double, .decimal, .string: return nil
    }
  }
}
