/// Puts the `default` of missing properties into a value.
///
/// Followed are the keywords that apply to a value whatever it is (`properties`, `items`, `prefixItems`, `$ref`,
/// `allOf`); which branch of `anyOf` or `if` is meant would be a guess.
struct DefaultFilling {
  let program: SchemaProgram
  /// The schemas whose default is being filled: a default that contains itself would never end.
  private var open: Set<Int32> = []
  private var depth = 0
  /// How many more may be put in: defaults whose own members have defaults can double at each level.
  private var left = 10_000

  init(program: SchemaProgram) { self.program = program }

  mutating func fill(_ value: JSONValue) -> JSONValue {
    var value = value
    fill(&value, [program.root])
    return value
  }

  /// Fills a value by all schemas that apply to it at once: by one after the other, each level would multiply them.
  private mutating func fill(_ value: inout JSONValue, _ nodes: [Int32]) {
    guard !nodes.isEmpty, depth < 1000 else { return }
    depth += 1
    defer { depth -= 1 }
    switch value {
    case .array(var items):
      value = .null
      fill(&items, applying(nodes))
      value = .array(items)
    case .object(var object):
      value = .null
      fill(&object, applying(nodes))
      value = .object(object)
    case .null, .bool, .integer, .double, .decimal, .string: break
    }
  }

  /// The schemas with those that they refer to, the innermost first, and each once.
  private func applying(_ nodes: [Int32]) -> [Int32] {
    var known: Set<Int32> = []
    var all: [Int32] = []
    var tasks = nodes.reversed().map { (node: $0, isDone: false) }
    while let (node, isDone) = tasks.popLast() {
      if isDone {
        all.append(node)
        continue
      }
      guard known.insert(node).inserted else { continue }
      tasks.append((node, true))
      for operation in operations(program.nodes[node].general).reversed() {
        if case .reference(let target) = operation { tasks.append((target, false)) }
        guard case .allOf(let list) = operation else { continue }
        for child in (list.start..<list.start + list.count).reversed() {
          tasks.append((program.children[child], false))
        }
      }
    }
    return all
  }

  private mutating func fill(_ items: inout [JSONValue], _ nodes: [Int32]) {
    var rules: [(prefix: SchemaProgram.Children, rest: Int32)] = []
    for node in nodes {
      for operation in operations(program.nodes[node].array) {
        if case .items(let prefix, let rest) = operation { rules.append((prefix, rest)) }
      }
    }
    guard !rules.isEmpty else { return }
    for place in items.indices {
      let nodes = rules.map { rule in
        place < rule.prefix.count
          ? program.children[rule.prefix.start + Int32(truncatingIfNeeded: place)] : rule.rest
      }
      fill(&items[place], nodes.filter { $0 >= 0 })
    }
  }

  private mutating func fill(_ object: inout JSONObject, _ nodes: [Int32]) {
    var names: [String] = []
    var schemas: [ExactText: [Int32]] = [:]
    var added: [ExactText: Int32] = [:]
    for node in nodes {
      for operation in operations(program.nodes[node].object) {
        guard case .properties(let rule) = operation else { continue }
        for property in program.objects[rule].properties where property.node >= 0 {
          let key = ExactText(property.name)
          if schemas[key] == nil, object[property.name] == nil {
            guard left > 0, !open.contains(property.node),
              let value = defaultValue(of: property.node)
            else { continue }
            left -= 1
            added[key] = property.node
            object.append(key: property.name, value: value)
          }
          if schemas[key] == nil { names.append(property.name) }
          schemas[key, default: []].append(property.node)
        }
      }
    }
    for name in names {
      let key = ExactText(name)
      guard let nodes = schemas[key], var member = object[name] else { continue }
      if let node = added[key] { open.insert(node) }
      fill(&member, nodes)
      if let node = added[key] { open.remove(node) }
      object[name] = member
    }
  }

  /// The default of a schema, or of one that it refers to.
  private func defaultValue(of node: Int32) -> JSONValue? {
    var node = node
    for _ in 0..<1000 {
      if let value = program.defaults[node] { return value }
      let target = operations(program.nodes[node].general).lazy.compactMap { operation in
        if case .reference(let target) = operation { target } else { nil }
      }.first
      guard let target else { return nil }
      node = target
    }
    return nil
  }

  private func operations(_ segment: SchemaProgram.Segment) -> [SchemaProgram.Operation] {
    (segment.start..<segment.end).map { program.operations[$0] }
  }
}
