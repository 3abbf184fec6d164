/// The last steps of compiling: rings are found, references that say nothing else are skipped, and what may stand inside
/// itself is marked.
struct SchemaFinish {
  let tables: SchemaCompiler.Tables
  let root: Int32

  /// A node that leads back to itself without going into the value, nil where there is none.
  func ring() -> Int32? {
    enum Color { case new, open, done }
    var colors = [Color](repeating: .new, count: tables.nodes.count)
    for start in tables.nodes.indices where colors[start] == .new {
      var path: [(node: Int, rest: [Int32])] = [(start, inPlace(start))]
      colors[start] = .open
      while let last = path.last {
        guard let next = last.rest.last else {
          colors[last.node] = .done
          path.removeLast()
          continue
        }
        path[path.count - 1].rest.removeLast()
        switch colors[Int(next)] {
        case .open: return next
        case .done: break
        case .new:
          colors[Int(next)] = .open
          path.append((Int(next), inPlace(Int(next))))
        }
      }
    }
    return nil
  }

  /// The nodes that look at the same value as this one.
  private func inPlace(_ node: Int) -> [Int32] {
    var targets: [Int32] = []
    for segment in [tables.nodes[node].general, tables.nodes[node].object] {
      for operation in tables.operations[Int(segment.start)..<Int(segment.end)] {
        switch operation {
        case .reference(let target), .not(let target): targets.append(target)
        case .allOf(let list), .anyOf(let list), .oneOf(let list):
          targets.append(contentsOf: nodes(list))
        case .conditional(let place):
          let conditional = tables.conditionals[Int(place)]
          targets.append(contentsOf: [
            conditional.condition, conditional.then, conditional.otherwise,
          ])
        case .dynamicReference(let place):
          if let target = onlyTarget(of: tables.dynamicReferences[Int(place)]) {
            targets.append(target)
          }
        case .dependentSchemas(let place):
          targets.append(contentsOf: tables.dependentSchemas[Int(place)].map(\.node))
        case .never, .enumeration, .constant, .minimum, .exclusiveMinimum, .maximum,
          .exclusiveMaximum, .multipleOf, .minLength, .maxLength, .pattern, .format,
          .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems,
          .minProperties, .maxProperties, .properties, .propertyNames, .dependentRequired,
          .unevaluatedProperties:
          break
        }
      }
    }
    return targets.filter { $0 >= 0 }
  }

  /// Where a dynamic reference leads whichever way it is reached by; nil where that differs.
  private func onlyTarget(of reference: SchemaProgram.DynamicReference) -> Int32? {
    // Every way begins in the resource of the root, and the outermost one counts.
    if let target = reference.byResource[tables.nodes[Int(root)].resource] { return target }
    return reference.byResource.count == 1 ? reference.byResource.values.first : nil
  }

  private func nodes(_ list: SchemaProgram.Children) -> ArraySlice<Int32> {
    tables.children[Int(list.start)..<Int(list.start + list.count)]
  }

  /// The tables with every child that is only a reference replaced by what it refers to.
  ///
  /// Not where dynamic references look at the way they were reached by: there every step of it stays.
  func shortened() -> SchemaCompiler.Tables {
    var tables = tables
    let targets = tables.nodes.indices.map { target(of: Int32(truncatingIfNeeded: $0)) }
    func short(_ node: Int32) -> Int32 { node < 0 ? node : targets[Int(node)] }
    tables.children = tables.children.map(short)
    for place in tables.conditionals.indices {
      let old = tables.conditionals[place]
      tables.conditionals[place] = .init(
        condition: short(old.condition),
        then: short(old.then),
        otherwise: short(old.otherwise)
      )
    }
    for place in tables.contains.indices {
      tables.contains[place].node = short(tables.contains[place].node)
    }
    for place in tables.objects.indices {
      tables.objects[place] = tables.objects[place].mapNodes(short)
    }
    for place in tables.dependentSchemas.indices {
      for item in tables.dependentSchemas[place].indices {
        tables.dependentSchemas[place][item].node = short(tables.dependentSchemas[place][item].node)
      }
    }
    for place in tables.operations.indices {
      switch tables.operations[place] {
      case .reference(let node): tables.operations[place] = .reference(short(node))
      case .not(let node): tables.operations[place] = .not(short(node))
      case .items(let prefix, let rest):
        tables.operations[place] = .items(prefix: prefix, rest: short(rest))
      case .unevaluatedItems(let node): tables.operations[place] = .unevaluatedItems(short(node))
      case .propertyNames(let node): tables.operations[place] = .propertyNames(short(node))
      case .unevaluatedProperties(let node):
        tables.operations[place] = .unevaluatedProperties(short(node))
      case .never, .enumeration, .constant, .dynamicReference, .allOf, .anyOf, .oneOf, .conditional,
        .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf, .minLength,
        .maxLength, .pattern, .format, .minItems, .maxItems, .uniqueItems, .contains,
        .minProperties, .maxProperties, .properties, .dependentRequired, .dependentSchemas:
        break
      }
    }
    return tables
  }

  /// The tables with the nodes marked that lie on a ring of any kind, or between two.
  func marked() -> SchemaCompiler.Tables {
    var tables = tables
    let forward = tables.nodes.indices.map(below)
    var backward = [[Int32]](repeating: [], count: forward.count)
    for (node, targets) in forward.enumerated() {
      for target in targets { backward[Int(target)].append(Int32(truncatingIfNeeded: node)) }
    }
    let leading = SchemaFinish.peeled(forward, backward)
    let led = SchemaFinish.peeled(backward, forward)
    for node in tables.nodes.indices { tables.nodes[node].isRecursive = leading[node] && led[node] }
    return tables
  }

  /// Whether a ring is reached from each node: those without a way on are taken away until there are none.
  private static func peeled(_ forward: [[Int32]], _ backward: [[Int32]]) -> [Bool] {
    var counts = forward.map(\.count)
    var ends = counts.indices.filter { counts[$0] == 0 }
    while let end = ends.popLast() {
      for source in backward[end] {
        counts[Int(source)] -= 1
        if counts[Int(source)] == 0 { ends.append(Int(source)) }
      }
    }
    return counts.map { $0 > 0 }
  }

  /// The nodes that a node leads to, be it for the same value or for what is in it.
  private func below(_ node: Int) -> [Int32] {
    var targets = inPlace(node)
    let node = tables.nodes[node]
    for segment in [node.general, node.array, node.object] {
      for operation in tables.operations[Int(segment.start)..<Int(segment.end)] {
        switch operation {
        case .items(let prefix, let rest): targets += nodes(prefix) + [rest]
        case .contains(let rule): targets.append(tables.contains[Int(rule)].node)
        case .unevaluatedItems(let node), .propertyNames(let node),
          .unevaluatedProperties(let node):
          targets.append(node)
        case .properties(let rule):
          let rule = tables.objects[Int(rule)]
          targets += rule.properties.map(\.node) + rule.patterns.map(\.node) + [rule.additional]
        case .dynamicReference(let place):
          targets += tables.dynamicReferences[Int(place)].byResource.values
        case .never, .enumeration, .constant, .reference, .allOf, .anyOf, .oneOf, .not,
          .conditional, .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf,
          .minLength, .maxLength, .pattern, .format, .minItems, .maxItems, .uniqueItems,
          .minProperties, .maxProperties, .dependentRequired, .dependentSchemas:
          break
        }
      }
    }
    return targets.filter { $0 >= 0 }
  }

  private func target(of node: Int32) -> Int32 {
    var node = node
    // There are no rings, so this ends.
    while let next = onlyReference(node) { node = next }
    return node
  }

  private func onlyReference(_ place: Int32) -> Int32? {
    let node = tables.nodes[Int(place)]
    guard node.types == .any, tables.defaults[place] == nil,
      [node.number, node.string, node.array, node.object].allSatisfy({ $0.start == $0.end }),
      node.general.end - node.general.start == 1,
      case .reference(let target) = tables.operations[Int(node.general.start)]
    else { return nil }
    return target
  }
}
