/// Puts the `default` of missing properties into a value.
///
/// Followed are the keywords that apply to a value whatever it is (`properties`, `items`, `prefixItems`, `$ref`,
/// `allOf`); which branch of `anyOf` or `if` is meant would be a guess.
struct DefaultFilling {
  let program: SchemaProgram
  /// The schemas whose default is being filled: a default that contains itself would never end.
  private var open: Set<Int32> = []
  private var depth = 0

  init(program: SchemaProgram) { self.program = program }

  mutating func fill(_ value: JSONValue) -> JSONValue {
    var value = value
    fill(&value, program.root)
    return value
  }

  private mutating func fill(_ value: inout JSONValue, _ node: Int32) {
    guard node >= 0, depth < 1000 else { return }
    depth += 1
    defer { depth -= 1 }
    for operation in operations(program.nodes[node].general) {
      if case .reference(let target) = operation { fill(&value, target) }
      if case .allOf(let list) = operation {
        for child in list.start..<list.start + list.count { fill(&value, program.children[child]) }
      }
    }
    switch value {
    case .array(var items):
      value = .null
      fill(&items, node)
      value = .array(items)
    case .object(var object):
      value = .null
      fill(&object, node)
      value = .object(object)
    case .null, .bool, .integer, .double, .decimal, .string: break
    }
  }

  private mutating func fill(_ items: inout [JSONValue], _ node: Int32) {
    for operation in operations(program.nodes[node].array) {
      guard case .items(let prefix, let rest) = operation else { continue }
      for place in items.indices {
        let isPrefix = place < prefix.count
        fill(
          &items[place],
          isPrefix ? program.children[prefix.start + Int32(truncatingIfNeeded: place)] : rest
        )
      }
    }
  }

  private mutating func fill(_ object: inout JSONObject, _ node: Int32) {
    for operation in operations(program.nodes[node].object) {
      guard case .properties(let rule) = operation else { continue }
      for property in program.objects[rule].properties where property.node >= 0 {
        if var member = object[property.name] {
          fill(&member, property.node)
          object[property.name] = member
        } else if var value = defaultValue(of: property.node, depth: 0),
          open.insert(property.node).inserted
        {
          fill(&value, property.node)
          open.remove(property.node)
          object.append(key: property.name, value: value)
        }
      }
    }
  }

  /// The default of a schema, or of one that it refers to.
  private func defaultValue(of node: Int32, depth: Int) -> JSONValue? {
    if let value = program.defaults[node] { return value }
    guard depth < 1000 else { return nil }
    for operation in operations(program.nodes[node].general) {
      if case .reference(let target) = operation,
        let value = defaultValue(of: target, depth: depth + 1)
      {
        return value
      }
    }
    return nil
  }

  private func operations(_ segment: SchemaProgram.Segment) -> [SchemaProgram.Operation] {
    (segment.start..<segment.end).map { program.operations[$0] }
  }
}
