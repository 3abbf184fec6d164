/// A compiled schema: flat tables that refer to each other by place, never changed once made.
final class SchemaProgram: Sendable {
  /// One schema.
  struct Node {
    /// The types a value may have, as bits of ``ValueType``.
    var types: ValueType = .any
    var resource: Int32 = 0
    /// Whether it has an `unevaluated…` keyword, and must keep account of what was evaluated.
    var keepsAccount = false
    /// Whether it may stand inside itself, so that one more of it at each level multiplies the work.
    var isRecursive = false
    var general = Segment()
    var number = Segment()
    var string = Segment()
    var array = Segment()
    var object = Segment()
  }

  /// A run of operations.
  struct Segment {
    var start: Int32 = 0
    var end: Int32 = 0
  }

  /// A run of nodes in `children`.
  struct Children {
    var start: Int32
    var count: Int32
  }

  /// What one keyword, or a few that belong together, ask of a value.
  ///
  /// Numbers are places in tables; nodes are -1 where there is none.
  enum Operation {
    case never
    case enumeration(Int32)
    case constant(Int32)
    case reference(Int32)
    case dynamicReference(Int32)
    case allOf(Children)
    case anyOf(Children)
    case oneOf(Children)
    case not(Int32)
    case conditional(Int32)
    case minimum(Int32)
    case exclusiveMinimum(Int32)
    case maximum(Int32)
    case exclusiveMaximum(Int32)
    case multipleOf(Int32)
    case minLength(Int)
    case maxLength(Int)
    case pattern(Int32)
    case format(Format)
    case minItems(Int)
    case maxItems(Int)
    case uniqueItems
    case items(prefix: Children, rest: Int32)
    case contains(Int32)
    case unevaluatedItems(Int32)
    case minProperties(Int)
    case maxProperties(Int)
    case properties(Int32)
    case propertyNames(Int32)
    case dependentRequired(Int32)
    case dependentSchemas(Int32)
    case unevaluatedProperties(Int32)
  }

  struct Conditional {
    var condition: Int32
    var then: Int32
    var otherwise: Int32
  }

  struct Contains {
    var node: Int32
    var minimum: Int
    var maximum: Int
    /// Whether what it matches counts as evaluated: since draft 2020-12.
    var marks: Bool
    /// The keyword that asked for the bounds, for messages.
    var hasMinimum: Bool
  }

  struct DynamicReference {
    /// Where the reference points without regard to who called.
    var target: Int32
    /// The node with the same dynamic anchor in each resource that has one.
    var byResource: [Int32: Int32]
  }

  struct DependentRequired {
    var name: String
    var needs: [String]
  }

  struct DependentSchema {
    var name: String
    var node: Int32
  }

  let nodes: Table<Node>
  let operations: Table<Operation>
  let children: Table<Int32>
  let enumerations: Table<EnumerationRule>
  let constants: Table<JSONValue>
  let conditionals: Table<Conditional>
  let bounds: Table<NumberBound>
  let divisors: Table<Divisor>
  let patterns: Table<Pattern>
  let contains: Table<Contains>
  let objects: Table<ObjectRule>
  /// The names of each of `objects`, to be searched fast.
  let names: PropertyNames
  let dynamicReferences: Table<DynamicReference>
  let dependentRequired: Table<[DependentRequired]>
  let dependentSchemas: Table<[DependentSchema]>
  let root: Int32
  /// Whether the way by which a schema was reached can matter.
  let isDynamic: Bool
  /// The `default` of each node that has one.
  let defaults: [Int32: JSONValue]
  /// The keyword of each operation, for messages.
  let keywords: Table<String>
  /// Where each node stands, for messages.
  let locations: Table<String>
  /// Each node's schema as it was written, for messages.
  let sources: Table<JSONValue>

  init(_ builder: SchemaCompiler.Tables, root: Int32, isDynamic: Bool) {
    nodes = Table(builder.nodes)
    operations = Table(builder.operations)
    children = Table(builder.children)
    enumerations = Table(builder.enumerations)
    constants = Table(builder.constants)
    conditionals = Table(builder.conditionals)
    bounds = Table(builder.bounds)
    divisors = Table(builder.divisors)
    patterns = Table(builder.patterns)
    contains = Table(builder.contains)
    objects = Table(builder.objects)
    names = PropertyNames(builder.objects)
    dynamicReferences = Table(builder.dynamicReferences)
    dependentRequired = Table(builder.dependentRequired)
    dependentSchemas = Table(builder.dependentSchemas)
    keywords = Table(builder.keywords)
    locations = Table(builder.locations)
    sources = Table(builder.sources)
    defaults = builder.defaults
    self.root = root
    self.isDynamic = isDynamic
  }

  deinit {
    nodes.free()
    operations.free()
    children.free()
    enumerations.free()
    constants.free()
    conditionals.free()
    bounds.free()
    divisors.free()
    patterns.free()
    contains.free()
    objects.free()
    names.free()
    dynamicReferences.free()
    dependentRequired.free()
    dependentSchemas.free()
    keywords.free()
    locations.free()
    sources.free()
  }
}

/// Elements that are read in place, without the reference counting that arrays of arrays cost.
// Unchecked because of the pointer alone: nothing writes through it after `init`, the elements are sendable, and the
// program that owns the table frees it in its `deinit`, when nobody can read it any more.
struct Table<Element: Sendable>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    base = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
    for (place, element) in elements.enumerated() { (base + place).initialize(to: element) }
  }

  @inline(__always) subscript(index: Int32) -> Element {
    unsafeAddress {
      precondition(index >= 0 && Int(index) < count)
      return UnsafePointer(base + Int(index))
    }
  }

  /// Where the elements from a place on lie in memory.
  @inline(__always) func address(_ index: Int32) -> UnsafePointer<Element> {
    precondition(index >= 0 && Int(index) <= count)
    return UnsafePointer(base + Int(index))
  }

  func free() {
    base.deinitialize(count: count)
    base.deallocate()
  }
}

/// The types of JSON Schema as bits.
struct ValueType: OptionSet, Hashable {
  let rawValue: UInt8

  static let null = ValueType(rawValue: 1)
  static let boolean = ValueType(rawValue: 2)
  static let integer = ValueType(rawValue: 4)
  static let fraction = ValueType(rawValue: 8)
  static let string = ValueType(rawValue: 16)
  static let array = ValueType(rawValue: 32)
  static let object = ValueType(rawValue: 64)

  /// A whole number that is written with a fraction or an exponent, which is no integer in draft 4.
  static let wholeFraction = ValueType(rawValue: 128)

  static let number: ValueType = [.integer, .wholeFraction, .fraction]
  static let any: ValueType = [.null, .boolean, .number, .string, .array, .object]

  /// The names that `type` may have.
  static let names = ["null", "boolean", "integer", "number", "string", "array", "object"]

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init?(name: String) {
    switch name {
    case "null": self = .null
    case "boolean": self = .boolean
    case "integer": self = [.integer, .wholeFraction]
    case "number": self = .number
    case "string": self = .string
    case "array": self = .array
    case "object": self = .object
    default: return nil
    }
  }

  /// For a person: "a string or null".
  var phrase: String {
    var parts: [String] = []
    if contains(.object) { parts.append("an object") }
    if contains(.array) { parts.append("an array") }
    if contains(.string) { parts.append("a string") }
    if isSuperset(of: .number) {
      parts.append("a number")
    } else if contains(.integer) {
      parts.append("an integer")
    }
    if contains(.boolean) { parts.append("true or false") }
    if contains(.null) { parts.append("null") }
    return listed(parts, "or")
  }
}

/// Parts as a person lists them: "a, b or c".
func listed(_ parts: [String], _ word: String) -> String {
  guard let last = parts.last, parts.count > 1 else { return parts.first ?? "nothing" }
  return parts.dropLast().joined(separator: ", ") + " \(word) " + last
}

/// The values of `enum`.
struct EnumerationRule: Sendable {
  let values: [JSONValue]
  /// The values where all are ASCII strings and few.
  private let strings: [String]
  /// The values where they are many.
  private let set: Set<JSONValue>
  private let hasContainers: Bool

  init(_ values: [JSONValue]) {
    self.values = values
    let strings = values.compactMap { value -> String? in
      guard case .string(let text) = value, text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
      return text
    }
    let few = values.count <= 16
    self.strings = few && strings.count == values.count ? strings : []
    set = few ? [] : Set(values)
    hasContainers = values.contains(where: \.isContainer)
  }

  func contains(_ value: JSONValue) -> Bool {
    if !strings.isEmpty {
      guard case .string(let text) = value else { return false }
      for string in strings where sameASCII(string, text) { return true }
      return false
    }
    guard !set.isEmpty else { return values.contains(value) }
    return (hasContainers || !value.isContainer) && set.contains(value)
  }

  /// Whether looking for an array or an object takes time for all that is in it.
  var hashesContainers: Bool { hasContainers && !set.isEmpty }
}

extension JSONValue {
  var isContainer: Bool {
    switch self {
    case .array, .object: true
    case .null, .bool, .integer, .double, .decimal, .string: false
    }
  }
}

/// Whether a text is this ASCII text.
///
/// No other text of the same length is canonically equivalent to it, so Swift's own comparison is
/// exact, and the fastest.
@inline(__always) func sameASCII(_ ascii: String, _ text: String) -> Bool {
  ascii.utf8.count == text.utf8.count && ascii == text
}

/// What `properties`, `patternProperties`, `additionalProperties` and `required` ask together.
struct ObjectRule: Sendable {
  struct Property: Sendable {
    let name: String
    /// -1 where the name is only required.
    var node: Int32
  }

  let properties: [Property]
  /// Places in `properties`.
  let required: [Int]
  let patterns: [(pattern: Pattern, node: Int32)]
  let additional: Int32
}

extension ObjectRule {
  func mapNodes(_ map: (Int32) -> Int32) -> ObjectRule {
    ObjectRule(
      properties: properties.map { Property(name: $0.name, node: map($0.node)) },
      required: required,
      patterns: patterns.map { ($0.pattern, map($0.node)) },
      additional: map(additional)
    )
  }
}
