/// Turns a schema document into a program, and refuses what it could not hold values to.
struct SchemaCompiler {
  /// What a program is made from.
  struct Tables {
    var nodes: [SchemaProgram.Node] = []
    var operations: [SchemaProgram.Operation] = []
    var children: [Int32] = []
    var enumerations: [EnumerationRule] = []
    var constants: [JSONValue] = []
    var conditionals: [SchemaProgram.Conditional] = []
    var bounds: [NumberBound] = []
    var divisors: [Divisor] = []
    var patterns: [Pattern] = []
    var contains: [SchemaProgram.Contains] = []
    var objects: [ObjectRule] = []
    var dynamicReferences: [SchemaProgram.DynamicReference] = []
    var dependentRequired: [[SchemaProgram.DependentRequired]] = []
    var dependentSchemas: [[SchemaProgram.DependentSchema]] = []
    var keywords: [String] = []
    var locations: [String] = []
    var sources: [JSONValue] = []
    var defaults: [Int32: JSONValue] = [:]
  }

  private struct Task {
    let node: Int32
    let value: JSONValue
    let location: SchemaLocation
    let resource: Int
  }

  /// Operations of the node at work, by the type of value they look at.
  private struct Work {
    var general: [(SchemaProgram.Operation, String)] = []
    var number: [(SchemaProgram.Operation, String)] = []
    var string: [(SchemaProgram.Operation, String)] = []
    var array: [(SchemaProgram.Operation, String)] = []
    var object: [(SchemaProgram.Operation, String)] = []
  }

  private let options: SchemaOptions
  private var index: SchemaIndex
  private var tables = Tables()
  private var nodeAt: [SchemaLocation: Int32] = [:]
  private var tasks: [Task] = []
  private var patternPlaces: [ExactText: Int32] = [:]
  /// The dynamic references made so far, by place in their table, with the anchor they look for.
  private var dynamicAnchors: [(place: Int, name: String)] = []

  /// `keepsReferences`: whether every reference stays a step of its own, for whoever wants to tell of each.
  static func compile(
    _ document: JSONValue,
    options: SchemaOptions,
    keepsReferences: Bool = false
  ) throws(SchemaError) -> SchemaProgram {
    var compiler = SchemaCompiler(
      options: options,
      index: try SchemaIndex(root: document, options: options)
    )
    return try compiler.program(keepsReferences: keepsReferences)
  }

  private init(options: SchemaOptions, index: SchemaIndex) {
    self.options = options
    self.index = index
  }

  private mutating func program(keepsReferences: Bool) throws(SchemaError) -> SchemaProgram {
    let target = try index.resolve(
      "",
      in: rootResource,
      at: SchemaLocation(document: 0, pointer: "")
    )
    let root = node(target.value, at: target.location, in: target.resource)
    repeat {
      while let task = tasks.popLast() { try compile(task) }
      linkDynamicReferences()
    } while !tasks.isEmpty
    let finish = SchemaFinish(tables: tables, root: root)
    if let ring = finish.ring() {
      throw SchemaError(
        pointer: tables.locations[Int(ring)],
        reason:
          "this schema refers back to itself without going into the value, so checking it would never end"
      )
    }
    let isDynamic = !tables.dynamicReferences.isEmpty
    let tables = isDynamic || keepsReferences ? tables : finish.shortened()
    return SchemaProgram(
      SchemaFinish(tables: tables, root: root).marked(),
      root: root,
      isDynamic: isDynamic
    )
  }

  /// The document itself, which may have taken another URI than the empty one.
  private var rootResource: Int {
    index.resources.lastIndex { $0.root == SchemaLocation(document: 0, pointer: "") } ?? 0
  }

  // MARK: Nodes

  /// The node of a schema, made and put down for compiling where it is new.
  private mutating func node(
    _ value: JSONValue,
    at location: SchemaLocation,
    in resource: Int
  ) -> Int32 {
    if let known = nodeAt[location] { return known }
    let node = Int32(truncatingIfNeeded: tables.nodes.count)
    nodeAt[location] = node
    tables.nodes.append(SchemaProgram.Node(resource: Int32(truncatingIfNeeded: resource)))
    tables.locations.append(index.text(location))
    tables.sources.append(value)
    tasks.append(Task(node: node, value: value, location: location, resource: resource))
    return node
  }

  private mutating func linkDynamicReferences() {
    for (place, name) in dynamicAnchors {
      for (resource, known) in index.resources.enumerated() {
        guard let location = known.dynamicAnchors[ExactText(name)],
          let value = index.value(at: location)
        else { continue }
        tables.dynamicReferences[place].byResource[Int32(truncatingIfNeeded: resource)] =
          node(value, at: location, in: resource)
      }
    }
  }

  private mutating func compile(_ task: Task) throws(SchemaError) {
    var work = Work()
    switch task.value {
    case .bool(let allowed):
      if !allowed { work.general.append((.never, "false")) }
    case .object(let object):
      try compile(object, task, into: &work)
    case .null, .integer, .double, .decimal, .string, .array:
      throw index.failure(
        task.location,
        "a schema is an object, true or false; found \(describe(task.value))"
      )
    }
    let place = Int(task.node)
    tables.nodes[place].general = emit(work.general)
    tables.nodes[place].number = emit(work.number)
    tables.nodes[place].string = emit(work.string)
    tables.nodes[place].array = emit(work.array)
    tables.nodes[place].object = emit(work.object)
  }

  private mutating func emit(
    _ operations: [(SchemaProgram.Operation, String)]
  ) -> SchemaProgram.Segment {
    let start = tables.operations.count
    for (operation, keyword) in operations {
      tables.operations.append(operation)
      tables.keywords.append(keyword)
    }
    return SchemaProgram.Segment(
      start: Int32(truncatingIfNeeded: start),
      end: Int32(truncatingIfNeeded: tables.operations.count)
    )
  }

  private mutating func compile(
    _ object: JSONObject,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    let resource = index.resources[task.resource]
    let schema = SchemaReader(
      object: object,
      location: task.location,
      draft: resource.draft,
      index: index
    )
    if resource.draft <= .draft7, let reference = try schema.string("$ref") {
      work.general.append((.reference(try target(of: reference, "$ref", schema, task)), "$ref"))
      return
    }
    if let value = object["default"] { tables.defaults[task.node] = value }
    try references(schema, task, into: &work)
    if resource.vocabulary.contains(.validation) {
      try assertions(schema, task, into: &work)
    }
    try format(schema, resource, into: &work)
    if resource.vocabulary.contains(.applicator) {
      try combinations(schema, task, into: &work)
      try items(schema, task, into: &work)
    }
    try properties(schema, task, resource.vocabulary, into: &work)
    if resource.vocabulary.contains(.unevaluated), resource.draft >= .draft201909 {
      try unevaluated(schema, task, into: &work)
    }
    // Definitions are compiled although nothing may refer to them: a mistake in them is one now.
    for keyword in ["$defs", "definitions"]
    where keyword == "definitions" || resource.draft >= .draft201909 {
      for (name, value) in try schema.members(keyword) {
        _ = child(value, at: task.location.appending(keyword).appending(name), task)
      }
    }
  }

  /// The node of a schema inside the one at work.
  private mutating func child(
    _ value: JSONValue,
    at location: SchemaLocation,
    _ task: Task
  ) -> Int32 {
    node(value, at: location, in: index.resource(at: location) ?? task.resource)
  }

  private mutating func child(
    _ keyword: String,
    _ schema: SchemaReader,
    _ task: Task
  ) -> Int32? {
    guard let value = schema.object[keyword] else { return nil }
    return child(value, at: task.location.appending(keyword), task)
  }

  private mutating func children(
    _ keyword: String,
    _ schema: SchemaReader,
    _ task: Task
  ) throws(SchemaError) -> SchemaProgram.Children? {
    guard let value = schema.object[keyword] else { return nil }
    guard case .array(let items) = value, !items.isEmpty else {
      throw schema.wrong(keyword, "an array of one or more schemas")
    }
    var nodes: [Int32] = []
    for (place, item) in items.enumerated() {
      nodes.append(child(item, at: task.location.appending(keyword).appending(place), task))
    }
    return list(nodes)
  }

  private mutating func list(_ nodes: [Int32]) -> SchemaProgram.Children {
    let start = tables.children.count
    tables.children.append(contentsOf: nodes)
    return SchemaProgram.Children(
      start: Int32(truncatingIfNeeded: start),
      count: Int32(truncatingIfNeeded: nodes.count)
    )
  }

  private func place(_ count: Int) -> Int32 { Int32(truncatingIfNeeded: count - 1) }

  // MARK: References

  private mutating func target(
    of reference: String,
    _ keyword: String,
    _ schema: SchemaReader,
    _ task: Task
  ) throws(SchemaError) -> Int32 {
    let found = try index.resolve(
      reference,
      in: task.resource,
      at: task.location.appending(keyword)
    )
    return node(found.value, at: found.location, in: found.resource)
  }

  private mutating func references(
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    if let reference = try schema.string("$ref") {
      work.general.append((.reference(try target(of: reference, "$ref", schema, task)), "$ref"))
    }
    if schema.draft == .draft201909, let reference = try schema.string("$recursiveRef") {
      try dynamicReference(reference, anchor: "", "$recursiveRef", schema, task, into: &work)
    }
    if schema.draft >= .draft202012, let reference = try schema.string("$dynamicRef") {
      let fragment = URIReference(reference).fragment.map(String.init) ?? ""
      try dynamicReference(reference, anchor: fragment, "$dynamicRef", schema, task, into: &work)
    }
  }

  private mutating func dynamicReference(
    _ reference: String,
    anchor: String,
    _ keyword: String,
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    let found = try index.resolve(
      reference,
      in: task.resource,
      at: task.location.appending(keyword)
    )
    let target = node(found.value, at: found.location, in: found.resource)
    // Only where it points to a dynamic anchor does the way by which it was reached matter.
    guard index.resources[found.resource].dynamicAnchors[ExactText(anchor)] == found.location else {
      work.general.append((.reference(target), keyword))
      return
    }
    tables.dynamicReferences.append(.init(target: target, byResource: [:]))
    dynamicAnchors.append((tables.dynamicReferences.count - 1, anchor))
    work.general.append((.dynamicReference(place(tables.dynamicReferences.count)), keyword))
  }

  // MARK: Assertions

  private mutating func assertions(
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    if let types = try schema.types() { tables.nodes[Int(task.node)].types = types }
    if let value = schema.object["enum"] {
      guard case .array(let values) = value else {
        throw schema.wrong("enum", "an array of values")
      }
      // Later drafts only advise against it.
      guard !values.isEmpty || schema.draft > .draft6 else {
        throw index.failure(
          task.location.appending("enum"),
          "the enumeration is empty, which this draft does not allow"
        )
      }
      tables.enumerations.append(EnumerationRule(values))
      work.general.append((.enumeration(place(tables.enumerations.count)), "enum"))
    }
    if schema.draft >= .draft6, let value = schema.object["const"] {
      tables.constants.append(value)
      work.general.append((.constant(place(tables.constants.count)), "const"))
    }
    try bounds(schema, into: &work)
    if let value = schema.object["multipleOf"] {
      guard let number = ExactNumber(value), !number.isNegative, !number.digits.isEmpty else {
        throw schema.wrong("multipleOf", "a number above 0")
      }
      guard let divisor = Divisor(value) else {
        throw index.failure(
          task.location.appending("multipleOf"),
          "\(describe(value)) has more than \(Divisor.maximumDigits) digits; write it shorter"
        )
      }
      tables.divisors.append(divisor)
      work.number.append((.multipleOf(place(tables.divisors.count)), "multipleOf"))
    }
    if let count = try schema.count("minLength"), count > 0 {
      work.string.append((.minLength(count), "minLength"))
    }
    if let count = try schema.count("maxLength") {
      work.string.append((.maxLength(count), "maxLength"))
    }
    if let source = try schema.string("pattern") {
      work.string.append(
        (.pattern(try pattern(source, at: task.location.appending("pattern"))), "pattern")
      )
    }
    if let count = try schema.count("minItems"), count > 0 {
      work.array.append((.minItems(count), "minItems"))
    }
    if let count = try schema.count("maxItems") {
      work.array.append((.maxItems(count), "maxItems"))
    }
    if let value = schema.object["uniqueItems"] {
      guard case .bool(let wanted) = value else {
        throw schema.wrong("uniqueItems", "true or false")
      }
      if wanted { work.array.append((.uniqueItems, "uniqueItems")) }
    }
    if let count = try schema.count("minProperties"), count > 0 {
      work.object.append((.minProperties(count), "minProperties"))
    }
    if let count = try schema.count("maxProperties") {
      work.object.append((.maxProperties(count), "maxProperties"))
    }
  }

  private mutating func bounds(
    _ schema: SchemaReader,
    into work: inout Work
  ) throws(SchemaError) {
    func add(_ bound: JSONValue) -> Int32 {
      tables.bounds.append(NumberBound(bound))
      return place(tables.bounds.count)
    }
    let minimum = try schema.number("minimum")
    let maximum = try schema.number("maximum")
    guard schema.draft >= .draft6 else {
      // Draft 4: the exclusive ones are flags beside the others.
      let aboveMinimum = try schema.flag("exclusiveMinimum")
      let belowMaximum = try schema.flag("exclusiveMaximum")
      if let minimum {
        let bound = add(minimum)
        work.number.append((aboveMinimum ? .exclusiveMinimum(bound) : .minimum(bound), "minimum"))
      }
      if let maximum {
        let bound = add(maximum)
        work.number.append((belowMaximum ? .exclusiveMaximum(bound) : .maximum(bound), "maximum"))
      }
      return
    }
    if let minimum { work.number.append((.minimum(add(minimum)), "minimum")) }
    if let bound = try schema.number("exclusiveMinimum") {
      work.number.append((.exclusiveMinimum(add(bound)), "exclusiveMinimum"))
    }
    if let maximum { work.number.append((.maximum(add(maximum)), "maximum")) }
    if let bound = try schema.number("exclusiveMaximum") {
      work.number.append((.exclusiveMaximum(add(bound)), "exclusiveMaximum"))
    }
  }

  private mutating func pattern(
    _ source: String,
    at location: SchemaLocation
  ) throws(SchemaError) -> Int32 {
    if let known = patternPlaces[ExactText(source)] { return known }
    do throws(PatternError) {
      tables.patterns.append(try Pattern(source, limit: options.patternMatchLimit))
    } catch {
      throw index.failure(
        location,
        "\(shortened(source)) is no regular expression of ECMA-262: \(error.reason) (at character \(error.offset + 1))"
      )
    }
    let known = place(tables.patterns.count)
    patternPlaces[ExactText(source)] = known
    return known
  }

  private func format(
    _ schema: SchemaReader,
    _ resource: SchemaResource,
    into work: inout Work
  ) throws(SchemaError) {
    guard let name = try schema.string("format"), let format = Format(name: name),
      options.formatAssertion || resource.vocabulary.contains(.formatAssertion)
    else { return }
    work.string.append((.format(format), "format"))
  }

  // MARK: Combinations

  private mutating func combinations(
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    if let nodes = try children("allOf", schema, task) {
      work.general.append((.allOf(nodes), "allOf"))
    }
    if let nodes = try children("anyOf", schema, task) {
      work.general.append((.anyOf(nodes), "anyOf"))
    }
    if let nodes = try children("oneOf", schema, task) {
      work.general.append((.oneOf(nodes), "oneOf"))
    }
    if let node = child("not", schema, task) { work.general.append((.not(node), "not")) }
    guard schema.draft >= .draft7 else { return }
    let then = child("then", schema, task)
    let otherwise = child("else", schema, task)
    if let condition = child("if", schema, task) {
      tables.conditionals.append(
        .init(condition: condition, then: then ?? -1, otherwise: otherwise ?? -1)
      )
      work.general.append((.conditional(place(tables.conditionals.count)), "if"))
    }
  }

  private mutating func items(
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    var prefix = SchemaProgram.Children(start: 0, count: 0)
    var rest: Int32 = -1
    if schema.draft >= .draft202012 {
      if let nodes = try children("prefixItems", schema, task) { prefix = nodes }
      if case .array? = schema.object["items"] {
        throw index.failure(
          task.location.appending("items"),
          "an array of schemas is called prefixItems since draft 2020-12; rename it, or say with $schema"
            + " which older draft this is"
        )
      }
      rest = child("items", schema, task) ?? -1
    } else if case .array(let items)? = schema.object["items"] {
      var nodes: [Int32] = []
      for (place, item) in items.enumerated() {
        nodes.append(child(item, at: task.location.appending("items").appending(place), task))
      }
      prefix = list(nodes)
      rest = child("additionalItems", schema, task) ?? -1
    } else {
      rest = child("items", schema, task) ?? -1
      _ = child("additionalItems", schema, task)
    }
    if prefix.count > 0 || rest >= 0 {
      work.array.append((.items(prefix: prefix, rest: rest), rest >= 0 ? "items" : "prefixItems"))
    }
    guard schema.draft >= .draft6, let node = child("contains", schema, task) else { return }
    let minimum = schema.draft >= .draft201909 ? try schema.count("minContains") : nil
    let maximum = schema.draft >= .draft201909 ? try schema.count("maxContains") : nil
    tables.contains.append(
      .init(
        node: node,
        minimum: minimum ?? 1,
        maximum: maximum ?? .max,
        marks: schema.draft >= .draft202012,
        hasMinimum: minimum != nil
      )
    )
    work.array.append((.contains(place(tables.contains.count)), "contains"))
  }

  // MARK: Objects

  private mutating func properties(
    _ schema: SchemaReader,
    _ task: Task,
    _ vocabulary: SchemaVocabulary,
    into work: inout Work
  ) throws(SchemaError) {
    let applies = vocabulary.contains(.applicator)
    let asserts = vocabulary.contains(.validation)
    var listed: [ObjectRule.Property] = []
    var places: [ExactText: Int] = [:]
    var patterns: [(pattern: Pattern, node: Int32)] = []
    var additional: Int32 = -1
    if applies {
      for (name, value) in try schema.members("properties") {
        let node = child(value, at: task.location.appending("properties").appending(name), task)
        places[ExactText(name)] = listed.count
        listed.append(.init(name: name, node: node))
      }
      let location = task.location.appending("patternProperties")
      for (source, value) in try schema.members("patternProperties") {
        let place = try pattern(source, at: location.appending(source))
        patterns.append(
          (tables.patterns[Int(place)], child(value, at: location.appending(source), task))
        )
      }
      additional = child("additionalProperties", schema, task) ?? -1
    }
    var required: [Int] = []
    var known: Set<Int> = []
    if asserts, let names = try schema.names("required") {
      for name in names {
        if let place = places[ExactText(name)] {
          if known.insert(place).inserted { required.append(place) }
        } else {
          known.insert(listed.count)
          required.append(listed.count)
          places[ExactText(name)] = listed.count
          listed.append(.init(name: name, node: -1))
        }
      }
    }
    if !listed.isEmpty || !patterns.isEmpty || additional >= 0 {
      tables.objects.append(
        ObjectRule(
          properties: listed,
          required: required,
          patterns: patterns,
          additional: additional
        )
      )
      work.object.append((.properties(place(tables.objects.count)), "properties"))
    }
    if applies, schema.draft >= .draft6, let node = child("propertyNames", schema, task) {
      work.object.append((.propertyNames(node), "propertyNames"))
    }
    try dependencies(schema, task, applies: applies, asserts: asserts, into: &work)
  }

  private mutating func dependencies(
    _ schema: SchemaReader,
    _ task: Task,
    applies: Bool,
    asserts: Bool,
    into work: inout Work
  ) throws(SchemaError) {
    var needs: [SchemaProgram.DependentRequired] = []
    var schemas: [SchemaProgram.DependentSchema] = []
    if schema.draft >= .draft201909 {
      if asserts {
        for (name, value) in try schema.members("dependentRequired") {
          let names = try schema.names(value, "dependentRequired", name)
          needs.append(.init(name: name, needs: names))
        }
      }
      if applies {
        let location = task.location.appending("dependentSchemas")
        for (name, value) in try schema.members("dependentSchemas") {
          schemas.append(.init(name: name, node: child(value, at: location.appending(name), task)))
        }
      }
    }
    if !needs.isEmpty {
      tables.dependentRequired.append(needs)
      work.object.append(
        (.dependentRequired(place(tables.dependentRequired.count)), "dependentRequired")
      )
    }
    if !schemas.isEmpty {
      tables.dependentSchemas.append(schemas)
      work.object.append(
        (.dependentSchemas(place(tables.dependentSchemas.count)), "dependentSchemas")
      )
    }
    // The one keyword for both, of the older drafts; later ones keep it for compatibility.
    needs = []
    schemas = []
    let location = task.location.appending("dependencies")
    for (name, value) in try schema.members("dependencies") {
      if case .array = value {
        needs.append(.init(name: name, needs: try schema.names(value, "dependencies", name)))
      } else {
        schemas.append(.init(name: name, node: child(value, at: location.appending(name), task)))
      }
    }
    if !needs.isEmpty {
      tables.dependentRequired.append(needs)
      work.object.append(
        (.dependentRequired(place(tables.dependentRequired.count)), "dependencies")
      )
    }
    if !schemas.isEmpty {
      tables.dependentSchemas.append(schemas)
      work.object.append((.dependentSchemas(place(tables.dependentSchemas.count)), "dependencies"))
    }
  }

  /// Last in their segments: they look at what the others left.
  private mutating func unevaluated(
    _ schema: SchemaReader,
    _ task: Task,
    into work: inout Work
  ) throws(SchemaError) {
    if let node = child("unevaluatedItems", schema, task) {
      work.array.append((.unevaluatedItems(node), "unevaluatedItems"))
      tables.nodes[Int(task.node)].keepsAccount = true
    }
    if let node = child("unevaluatedProperties", schema, task) {
      work.object.append((.unevaluatedProperties(node), "unevaluatedProperties"))
      tables.nodes[Int(task.node)].keepsAccount = true
    }
  }
}
