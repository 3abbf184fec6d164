/// Where a schema stands: a document and a JSON Pointer in it.
struct SchemaLocation: Hashable {
  let document: Int
  private let exactPointer: ExactText

  init(document: Int, pointer: String) {
    self.document = document
    exactPointer = ExactText(pointer)
  }

  var pointer: String { exactPointer.text }

  func appending(_ token: String) -> SchemaLocation {
    SchemaLocation(document: document, pointer: pointer + "/" + JSONPointer.escape(token))
  }

  func appending(_ index: Int) -> SchemaLocation {
    SchemaLocation(document: document, pointer: pointer + "/\(index)")
  }
}

/// The parts of a dialect that a metaschema may leave out with `$vocabulary`.
struct SchemaVocabulary: OptionSet {
  let rawValue: Int

  static let applicator = SchemaVocabulary(rawValue: 1)
  static let validation = SchemaVocabulary(rawValue: 2)
  static let unevaluated = SchemaVocabulary(rawValue: 4)
  /// `format` is to be asserted whatever the options say.
  static let formatAssertion = SchemaVocabulary(rawValue: 8)

  static let standard: SchemaVocabulary = [.applicator, .validation, .unevaluated]
}

/// A schema with a URI of its own, and the names it gives to places inside.
struct SchemaResource {
  let uri: String
  let root: SchemaLocation
  let draft: SchemaDraft
  let vocabulary: SchemaVocabulary
  var anchors: [ExactText: SchemaLocation] = [:]
  /// `$dynamicAnchor`s; the empty name is `$recursiveAnchor` of draft 2019-09.
  var dynamicAnchors: [ExactText: SchemaLocation] = [:]
}

/// Knows which schema stands where and under which names, and follows references.
struct SchemaIndex {
  private let options: SchemaOptions
  private(set) var documents: [JSONValue] = []
  private var documentURIs: [String] = []
  private(set) var resources: [SchemaResource] = []
  private var resourceByURI: [ExactText: Int] = [:]
  private var resourceAt: [SchemaLocation: Int] = [:]
  private let extraDocuments: [String: JSONValue]

  init(root: JSONValue, options: SchemaOptions) throws(SchemaError) {
    self.options = options
    var extra: [String: JSONValue] = [:]
    for (uri, document) in options.documents { extra[URIReference(uri).absolute] = document }
    extraDocuments = extra
    _ = try add(root, uri: "")
  }

  /// The place of a schema for an error message.
  func text(_ location: SchemaLocation) -> String {
    location.document == 0
      ? location.pointer : documentURIs[location.document] + "#" + location.pointer
  }

  func failure(_ location: SchemaLocation, _ reason: String) -> SchemaError {
    SchemaError(pointer: text(location), reason: reason)
  }

  // MARK: References

  /// The schema that a reference made in a resource points to.
  mutating func resolve(
    _ reference: String,
    in resource: Int,
    at location: SchemaLocation
  ) throws(SchemaError) -> (location: SchemaLocation, value: JSONValue, resource: Int) {
    let full = URIReference(reference).resolved(against: URIReference(resources[resource].uri))
    guard let target = try self.resource(uri: full.absolute) else {
      throw failure(
        location,
        "\(shortened(reference)) points to \(shortened(full.absolute)), which is not among the known"
          + " documents; nothing is fetched from the network, so add the document under that URI"
      )
    }
    let root = resources[target].root
    guard let fragment = URIReference.percentDecoded(full.fragment ?? "") else {
      throw failure(location, "the fragment of \(shortened(reference)) is not valid UTF-8")
    }
    if fragment.isEmpty { return (root, value(at: root) ?? .bool(true), target) }
    guard fragment.hasPrefix("/") else {
      let found =
        resources[target].anchors[ExactText(fragment)]
        ?? resources[target].dynamicAnchors[ExactText(fragment)]
      guard let found, let value = value(at: found) else {
        let hint = nearest(to: fragment, among: resources[target].anchors.keys.map(\.text))
        throw failure(
          location,
          "\(shortened(reference)) points to an anchor that does not exist"
            + (hint.map { "; did you mean #\($0)?" } ?? "")
        )
      }
      return (found, value, resourceAt[found] ?? target)
    }
    let pointer: JSONPointer
    do throws(JSONPointerError) {
      pointer = try JSONPointer(parsing: fragment)
    } catch {
      throw failure(location, error.description)
    }
    return try follow(pointer, from: target, reference: reference, at: location)
  }

  private mutating func follow(
    _ pointer: JSONPointer,
    from resource: Int,
    reference: String,
    at location: SchemaLocation
  ) throws(SchemaError) -> (location: SchemaLocation, value: JSONValue, resource: Int) {
    var place = resources[resource].root
    var current = resource
    guard var value = value(at: place) else {
      throw failure(location, "\(shortened(reference)) points to nothing")
    }
    for token in pointer.tokens {
      guard let next = value.value(at: [token]) else {
        let names = value.objectValue?.keys ?? []
        let hint = nearest(to: token, among: names).map { "; did you mean \(shortened($0))?" } ?? ""
        throw failure(
          location,
          "\(shortened(reference)) points to nothing: there is no \(shortened(token))\(hint)"
        )
      }
      value = next
      place = place.appending(token)
      if let known = resourceAt[place] { current = known }
    }
    // A place that no keyword makes a schema becomes one by being referred to.
    if resourceAt[place] == nil { try index(value, at: place, in: current, depth: 0) }
    return (place, value, resourceAt[place] ?? current)
  }

  /// The resource with a URI, its document added if it is known but was not needed before.
  private mutating func resource(uri: String) throws(SchemaError) -> Int? {
    if let known = resourceByURI[ExactText(uri)] { return known }
    if let document = extraDocuments[uri] { return try add(document, uri: uri) }
    if let document = Metaschema.document(uri) { return try add(document, uri: uri) }
    return nil
  }

  func value(at location: SchemaLocation) -> JSONValue? {
    guard let pointer = try? JSONPointer(parsing: location.pointer) else { return nil }
    return documents[location.document].value(at: pointer)
  }

  /// The resource that the schema at a place belongs to, nil where no keyword makes it a schema.
  func resource(at location: SchemaLocation) -> Int? { resourceAt[location] }

  // MARK: Indexing

  private mutating func add(_ document: JSONValue, uri: String) throws(SchemaError) -> Int {
    let location = SchemaLocation(document: documents.count, pointer: "")
    documents.append(document)
    documentURIs.append(uri)
    let dialect = try dialect(of: document, at: location, inherited: nil)
    let resource = resources.count
    resources.append(
      SchemaResource(
        uri: uri,
        root: location,
        draft: dialect.draft,
        vocabulary: dialect.vocabulary
      )
    )
    resourceByURI[ExactText(uri)] = resource
    try index(document, at: location, in: resource, depth: 0)
    return resourceAt[location] ?? resource
  }

  private mutating func index(
    _ schema: JSONValue,
    at location: SchemaLocation,
    in outer: Int,
    depth: Int
  ) throws(SchemaError) {
    guard depth <= 1000 else {
      throw failure(location, "schemas are nested deeper than 1000 levels")
    }
    guard resourceAt[location] == nil else { return }
    guard case .object(let object) = schema else {
      resourceAt[location] = outer
      return
    }
    let resource = try self.resource(of: object, schema, at: location, in: outer)
    resourceAt[location] = resource
    try nameAnchors(of: object, at: location, in: resource)
    let draft = resources[resource].draft
    if draft <= .draft7, case .string? = object["$ref"] {
      // Nothing beside a reference counts in these drafts, but it may still be referred to.
      let key = "definitions"
      try indexMembers(object[key], at: location.appending(key), in: resource, depth: depth)
      return
    }
    for entry in object.entries {
      let place = location.appending(entry.key)
      switch SchemaKeyword.children(of: entry.key, in: draft) {
      case .none: break
      case .schema:
        try index(entry.value, at: place, in: resource, depth: depth + 1)
      case .array:
        try indexItems(entry.value, at: place, in: resource, depth: depth)
      case .members:
        try indexMembers(entry.value, at: place, in: resource, depth: depth)
      case .schemaOrArray:
        if case .array = entry.value {
          try indexItems(entry.value, at: place, in: resource, depth: depth)
        } else {
          try index(entry.value, at: place, in: resource, depth: depth + 1)
        }
      }
    }
  }

  private mutating func indexItems(
    _ value: JSONValue,
    at location: SchemaLocation,
    in resource: Int,
    depth: Int
  ) throws(SchemaError) {
    guard case .array(let items) = value else { return }
    for (place, item) in items.enumerated() {
      try index(item, at: location.appending(place), in: resource, depth: depth + 1)
    }
  }

  private mutating func indexMembers(
    _ value: JSONValue?,
    at location: SchemaLocation,
    in resource: Int,
    depth: Int
  ) throws(SchemaError) {
    guard case .object(let members)? = value else { return }
    for member in members.entries {
      // The other form of `dependencies` is a list of names.
      if case .array = member.value { continue }
      try index(member.value, at: location.appending(member.key), in: resource, depth: depth + 1)
    }
  }

  /// The resource a schema belongs to: a new one where it has an identifier of its own.
  private mutating func resource(
    of object: JSONObject,
    _ schema: JSONValue,
    at location: SchemaLocation,
    in outer: Int
  ) throws(SchemaError) -> Int {
    let draft = resources[outer].draft
    let key = draft == .draft4 ? "id" : "$id"
    guard case .string(let id)? = object[key] else { return outer }
    if draft <= .draft7, object["$ref"] != nil { return outer }
    let full = URIReference(id).resolved(against: URIReference(resources[outer].uri))
    if let fragment = full.fragment, !fragment.isEmpty {
      guard draft <= .draft7 else {
        throw failure(
          location.appending(key),
          "\(shortened(id)) has a fragment, which an identifier must not; use $anchor for the name"
        )
      }
      if full.absolute == resources[outer].uri { return outer }
    }
    let uri = full.absolute
    if let known = resourceByURI[ExactText(uri)] {
      if resources[known].root == location { return known }
      guard uri != resources[outer].uri || location.pointer.isEmpty else { return outer }
      guard resources[known].root.document != location.document else {
        throw failure(
          location.appending(key),
          "\(shortened(id)) is also the identifier of another schema"
        )
      }
    }
    let dialect = try dialect(of: schema, at: location, inherited: resources[outer])
    let resource = resources.count
    resources.append(
      SchemaResource(
        uri: uri,
        root: location,
        draft: dialect.draft,
        vocabulary: dialect.vocabulary
      )
    )
    resourceByURI[ExactText(uri)] = resource
    // Whoever asked for the document by the URI it was found under means this resource.
    if resources[outer].root == location {
      resourceByURI[ExactText(resources[outer].uri)] = resource
    }
    return resource
  }

  private mutating func nameAnchors(
    of object: JSONObject,
    at location: SchemaLocation,
    in resource: Int
  ) throws(SchemaError) {
    let draft = resources[resource].draft
    if draft <= .draft7 {
      guard object["$ref"] == nil, case .string(let id)? = object[draft == .draft4 ? "id" : "$id"],
        let fragment = URIReference(id).fragment, !fragment.isEmpty
      else { return }
      try name(String(fragment), location, in: resource)
      return
    }
    if case .string(let anchor)? = object["$anchor"] { try name(anchor, location, in: resource) }
    if draft == .draft201909, case .bool(true)? = object["$recursiveAnchor"],
      resources[resource].root == location
    {
      resources[resource].dynamicAnchors[ExactText("")] = location
    }
    if draft >= .draft202012, case .string(let anchor)? = object["$dynamicAnchor"] {
      try name(anchor, location, in: resource)
      resources[resource].dynamicAnchors[ExactText(anchor)] = location
    }
  }

  private mutating func name(
    _ anchor: String,
    _ location: SchemaLocation,
    in resource: Int
  ) throws(SchemaError) {
    let known = resources[resource].anchors.updateValue(location, forKey: ExactText(anchor))
    guard known == nil || known == location else {
      throw failure(location, "\(shortened(anchor)) is also the anchor of another schema")
    }
  }

  // MARK: Dialects

  private func dialect(
    of schema: JSONValue,
    at location: SchemaLocation,
    inherited: SchemaResource?
  ) throws(SchemaError) -> (draft: SchemaDraft, vocabulary: SchemaVocabulary) {
    guard let named = schema["$schema"] else {
      return (inherited?.draft ?? options.defaultDraft, inherited?.vocabulary ?? .standard)
    }
    guard case .string(let uri) = named else {
      throw failure(location.appending("$schema"), "expected a URI, found \(describe(named))")
    }
    return try dialect(uri, at: location.appending("$schema"), depth: 0)
  }

  private func dialect(
    _ uri: String,
    at location: SchemaLocation,
    depth: Int
  ) throws(SchemaError) -> (draft: SchemaDraft, vocabulary: SchemaVocabulary) {
    let name = URIReference(uri).absolute
    if let draft = SchemaDraft(metaschema: name) { return (draft, .standard) }
    guard let metaschema = extraDocuments[name], depth < 10 else {
      let known = SchemaDraft.allCases.map(\.metaschema)
      let hint = nearest(to: name, among: known).map { "; did you mean \(shortened($0))?" } ?? ""
      throw failure(
        location,
        "\(shortened(uri)) is no draft that is supported (2020-12, 2019-09, 7, 6, 4) and no known document\(hint)"
      )
    }
    var draft = options.defaultDraft
    if case .string(let parent)? = metaschema["$schema"], parent != uri {
      draft = try dialect(parent, at: location, depth: depth + 1).draft
    }
    guard draft >= .draft201909, case .object(let vocabularies)? = metaschema["$vocabulary"] else {
      return (draft, .standard)
    }
    var vocabulary: SchemaVocabulary = []
    for entry in vocabularies.entries {
      let base =
        "https://json-schema.org/draft/\(draft == .draft201909 ? "2019-09" : "2020-12")/vocab/"
      switch entry.key {
      case base + "applicator":
        vocabulary.insert(.applicator)
        if draft == .draft201909 { vocabulary.insert(.unevaluated) }
      case base + "validation": vocabulary.insert(.validation)
      case base + "unevaluated": vocabulary.insert(.unevaluated)
      case base + "format-assertion": vocabulary.insert(.formatAssertion)
      case base + "format":
        if case .bool(true) = entry.value { vocabulary.insert(.formatAssertion) }
      case base + "core", base + "meta-data", base + "content", base + "format-annotation": break
      default:
        guard case .bool(true) = entry.value else { continue }
        throw failure(location, "the required vocabulary \(shortened(entry.key)) is not supported")
      }
    }
    return (draft, vocabulary)
  }
}

extension SchemaDraft {
  /// The URI that `$schema` names this draft by.
  var metaschema: String {
    switch self {
    case .draft4: "http://json-schema.org/draft-04/schema"
    case .draft6: "http://json-schema.org/draft-06/schema"
    case .draft7: "http://json-schema.org/draft-07/schema"
    case .draft201909: "https://json-schema.org/draft/2019-09/schema"
    case .draft202012: "https://json-schema.org/draft/2020-12/schema"
    }
  }

  fileprivate init?(metaschema uri: String) {
    let secure = uri.hasPrefix("https:") ? String(uri.dropFirst(6)) : String(uri.dropFirst(5))
    for draft in SchemaDraft.allCases
    where draft.metaschema.hasSuffix(secure) && secure.hasPrefix("//") {
      self = draft
      return
    }
    // "The current draft", as old documents say it.
    guard secure == "//json-schema.org/schema" else { return nil }
    self = .draft202012
  }
}

extension Metaschema {
  fileprivate static func document(_ uri: String) -> JSONValue? {
    texts[uri].flatMap { try? JSONValue(parsing: $0) }
  }
}

/// Where keywords hold schemas.
enum SchemaKeyword {
  enum Children {
    case none
    case schema
    case array
    case members
    case schemaOrArray
  }

  static func children(of keyword: String, in draft: SchemaDraft) -> Children {
    switch keyword {
    case "not", "additionalProperties": .schema
    case "properties", "patternProperties", "definitions", "dependencies": .members
    case "$defs": draft >= .draft201909 ? .members : .none
    case "allOf", "anyOf", "oneOf": .array
    case "items": draft >= .draft202012 ? .schema : .schemaOrArray
    case "additionalItems": draft < .draft202012 ? .schema : .none
    case "contains", "propertyNames": draft >= .draft6 ? .schema : .none
    case "if", "then", "else": draft >= .draft7 ? .schema : .none
    case "unevaluatedItems", "unevaluatedProperties", "contentSchema":
      draft >= .draft201909 ? .schema : .none
    case "dependentSchemas": draft >= .draft201909 ? .members : .none
    case "prefixItems": draft >= .draft202012 ? .array : .none
    default: .none
    }
  }
}
