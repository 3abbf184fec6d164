/// Which properties or items of one value a schema has looked at, for the `unevaluated…` keywords.
struct Evaluated {
  private var all = false
  private var bits: [UInt64] = []

  func contains(_ place: Int) -> Bool {
    all || (place >> 6 < bits.count && bits[place >> 6] & (1 << UInt64(place & 63)) != 0)
  }

  mutating func mark(_ place: Int) {
    while bits.count <= place >> 6 { bits.append(0) }
    bits[place >> 6] |= 1 << UInt64(place & 63)
  }

  mutating func markAll() { all = true }

  mutating func formUnion(_ other: Evaluated) {
    all = all || other.all
    while bits.count < other.bits.count { bits.append(0) }
    for (place, word) in other.bits.enumerated() { bits[place] |= word }
  }
}

/// Holds one value to a program.
///
/// There is one evaluation for verdicts and for errors: it is compiled twice, with a reporter that keeps nothing and
/// stops at the first fault, and with one that collects. So the two cannot disagree.
struct Evaluation<Reporter: ErrorReporter> {
  private typealias Seen = UnsafeMutablePointer<Evaluated>

  let program: SchemaProgram
  var reporter: Reporter
  /// The resources that were entered on the way here, outermost first, where that can matter.
  private var scope: [Int32] = []
  private var depth = 0
  /// How many steps may still be taken: a schema entered is one, other work counts as what takes about as long.
  private var steps = leastSteps
  /// The value as a whole while more steps may be granted for its size.
  private var whole: UnsafePointer<JSONValue>?
  /// Whether it was given up before anything was certain, so that nothing found since counts.
  private(set) var isUndecided = false
  private var hasRunOut = false
  /// Whether a branch is only looked at, which goes into no member that is right at first sight.
  private var isLooking = false

  /// How many schemas may be entered inside each other; a level of the value costs at least one.
  private static var maximumDepth: Int { 2000 }

  /// How many steps any value may take, however small.
  private static var leastSteps: Int { 500_000 }

  init(program: SchemaProgram, reporter: Reporter) {
    self.program = program
    self.reporter = reporter
  }

  /// Whether the value is valid; what could not be decided is not, however deep inside `not` or `if` it was.
  mutating func run(_ value: JSONValue) -> Bool {
    let isValid = withUnsafePointer(to: value) { place in
      whole = place
      defer { whole = nil }
      return check(program.root, place.pointee, nil)
    }
    if hasRunOut { reporter.giveUp(program, program.root, .tooLong, value) }
    return isValid && !isUndecided
  }

  // MARK: Giving up

  private var goesOn: Bool { reporter.wantsMore && !isUndecided }

  private mutating func fail(_ place: Int32, _ fault: Fault, _ value: JSONValue) {
    steps &-= reporter.stepsOfError
    reporter.fail(program, place, fault, value)
  }

  /// Whether the value may take more steps after those that any may take, which need no measuring of it.
  private mutating func hasMoreSteps() -> Bool {
    guard let whole, !isUndecided else { return false }
    self.whole = nil
    // As many as if each schema met each value once; where schemas are few, they may meet more often.
    let allowed = whole.pointee.weight &* max(100, program.nodes.count)
    steps &+= max(0, allowed - Self.leastSteps)
    return steps >= 0
  }

  /// Ends the evaluation for want of steps; it unwinds without entering another schema.
  private mutating func runOut() -> Bool {
    guard !isUndecided else { return false }
    isUndecided = true
    hasRunOut = true
    return false
  }

  /// Ends the evaluation for a reason at the place where it is.
  private mutating func giveUp(_ place: Int32, _ fault: Fault, _ value: JSONValue) -> Bool {
    guard !isUndecided else { return false }
    isUndecided = true
    whole = nil
    steps = -1
    reporter.giveUp(program, place, fault, value)
    return false
  }

  // MARK: Schemas

  private mutating func check(_ place: Int32, _ value: JSONValue, _ seen: Seen?) -> Bool {
    depth += 1
    reporter.enterSchema(place)
    defer {
      depth -= 1
      reporter.leaveSchema()
    }
    steps &-= 1
    guard depth <= Self.maximumDepth else { return giveUp(place, .tooDeep, value) }
    guard steps >= 0 || hasMoreSteps() else { return runOut() }
    guard program.isDynamic, scope.last != program.nodes[place].resource else {
      return account(place, value, seen)
    }
    scope.append(program.nodes[place].resource)
    defer { scope.removeLast() }
    return account(place, value, seen)
  }

  /// Gives a schema with `unevaluated…` an account of its own, and adds it to the outer one.
  private mutating func account(_ place: Int32, _ value: JSONValue, _ seen: Seen?) -> Bool {
    guard program.nodes[place].keepsAccount else { return perform(place, value, seen) }
    var own = Evaluated()
    let ok = withUnsafeMutablePointer(to: &own) { perform(place, value, $0) }
    if ok { seen?.pointee.formUnion(own) }
    return ok
  }

  private mutating func perform(_ place: Int32, _ value: JSONValue, _ seen: Seen?) -> Bool {
    var ok = true
    let types = program.nodes[place].types
    if types != .any, !types.contains(value.schemaType) {
      fail(place, .type, value)
      guard goesOn, !isLooking else { return false }
      ok = false
    }
    let general = program.nodes[place].general
    for operation in general.start..<general.end {
      guard self.general(operation, place, value, seen) else {
        guard goesOn else { return false }
        ok = false
        continue
      }
    }
    let same: Bool
    switch value {
    case .null, .bool: same = true
    case .integer, .double, .decimal: same = number(place, value)
    case .string(let text): same = string(place, value, text)
    case .array(let items): same = array(place, value, items, seen)
    case .object(let object): same = self.object(place, value, object, seen)
    }
    return ok && same
  }

  private mutating func general(
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    switch program.operations[operation] {
    case .never: break
    case .enumeration(let rule):
      if program.enumerations[rule].hashesContainers { steps &-= value.weight }
      if program.enumerations[rule].contains(value) { return true }
    case .constant(let constant):
      if program.constants[constant] == value { return true }
    case .reference(let target):
      reporter.refer(operation)
      return check(target, value, seen)
    case .dynamicReference(let reference):
      reporter.refer(operation)
      return check(target(of: reference), value, seen)
    case .allOf(let list):
      return allOf(list, value, seen)
    case .anyOf(let list):
      return anyOf(list, operation, place, value, seen)
    case .oneOf(let list):
      return oneOf(list, operation, place, value, seen)
    case .not(let node):
      if !quietly({ $0.check(node, value, nil) }) { return true }
    case .conditional(let conditional):
      return self.conditional(program.conditionals[conditional], value, seen)
    case .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf, .minLength,
      .maxLength, .pattern, .format, .minItems, .maxItems, .uniqueItems, .items, .contains,
      .unevaluatedItems, .minProperties, .maxProperties, .properties, .propertyNames,
      .dependentRequired, .dependentSchemas, .unevaluatedProperties:
      return true
    }
    fail(place, .operation(operation), value)
    return false
  }

  /// The schema that the outermost resource with the same anchor has in place of the one referred to.
  private mutating func target(of reference: Int32) -> Int32 {
    for resource in scope {
      steps &-= 1
      if let target = program.dynamicReferences[reference].byResource[resource] { return target }
    }
    return program.dynamicReferences[reference].target
  }

  /// Asks without reporting.
  private mutating func quietly(_ ask: (inout Self) -> Bool) -> Bool {
    let mark = reporter.mark()
    let answer = ask(&self)
    reporter.drop(from: mark)
    return answer
  }

  /// Checks a branch whose findings count only where it holds.
  private mutating func branch(_ node: Int32, _ value: JSONValue, _ seen: Seen?) -> Bool {
    guard let seen else { return check(node, value, nil) }
    var own = Evaluated()
    let ok = withUnsafeMutablePointer(to: &own) { check(node, value, $0) }
    if ok { seen.pointee.formUnion(own) }
    return ok
  }

  /// Checks one schema of a union.
  ///
  /// One that a look at the value rules out is not gone into: below it may stand the
  /// same union again, and each level would multiply the work.
  private mutating func alternative(_ node: Int32, _ value: JSONValue, _ seen: Seen?) -> Bool {
    let detail = reporter.branchDetail
    guard detail == .look || (detail == .none && program.nodes[node].isRecursive), !isLooking,
      isRuledOut(node, value)
    else { return branch(node, value, seen) }
    guard detail == .look else { return false }
    isLooking = true
    defer { isLooking = false }
    _ = branch(node, value, nil)
    return false
  }

  private mutating func allOf(
    _ list: SchemaProgram.Children,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    var ok = true
    for child in list.start..<list.start + list.count
    where !check(program.children[child], value, seen) {
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private mutating func anyOf(
    _ list: SchemaProgram.Children,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    let mark = reporter.mark()
    var ok = false
    for child in list.start..<list.start + list.count {
      let start = reporter.mark()
      if alternative(program.children[child], value, seen) {
        ok = true
        // Without an account to keep, the first that holds decides.
        if seen == nil { break }
      } else {
        reporter.endBranch(from: start)
      }
    }
    if ok {
      reporter.drop(from: mark)
    } else {
      reporter.failBranches(program, place, operation, value, from: mark)
    }
    return ok
  }

  private mutating func oneOf(
    _ list: SchemaProgram.Children,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    let mark = reporter.mark()
    var first: Int32?
    var second: Int32?
    for child in list.start..<list.start + list.count {
      let start = reporter.mark()
      if alternative(program.children[child], value, seen) {
        if first != nil {
          second = child - list.start
          break
        }
        first = child - list.start
      } else {
        reporter.endBranch(from: start)
      }
    }
    guard let first else {
      reporter.failBranches(program, place, operation, value, from: mark)
      return false
    }
    reporter.drop(from: mark)
    guard let second else { return true }
    fail(place, .several(operation, Int(first), Int(second)), value)
    return false
  }

  private mutating func conditional(
    _ conditional: SchemaProgram.Conditional,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    let next =
      quietly({ $0.branch(conditional.condition, value, seen) })
      ? conditional.then : conditional.otherwise
    return next < 0 || check(next, value, seen)
  }

  // MARK: Numbers and strings

  private mutating func number(_ place: Int32, _ value: JSONValue) -> Bool {
    let segment = program.nodes[place].number
    if case .decimal(let text) = value {
      steps &-= Int(segment.end - segment.start) &* (text.utf8.count >> 2)
    }
    var ok = true
    for operation in segment.start..<segment.end where !satisfies(operation, value) {
      fail(place, .operation(operation), value)
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private func satisfies(_ operation: Int32, _ value: JSONValue) -> Bool {
    switch program.operations[operation] {
    case .minimum(let bound):
      let order = program.bounds[bound].order(of: value)
      return order == .greater || order == .equal
    case .exclusiveMinimum(let bound):
      return program.bounds[bound].order(of: value) == .greater
    case .maximum(let bound):
      let order = program.bounds[bound].order(of: value)
      return order == .less || order == .equal
    case .exclusiveMaximum(let bound):
      return program.bounds[bound].order(of: value) == .less
    case .multipleOf(let divisor):
      return program.divisors[divisor].divides(value)
    case .never, .enumeration, .constant, .reference, .dynamicReference, .allOf, .anyOf, .oneOf,
      .not, .conditional, .minLength, .maxLength, .pattern, .format, .minItems, .maxItems,
      .uniqueItems, .items, .contains, .unevaluatedItems, .minProperties, .maxProperties,
      .properties, .propertyNames, .dependentRequired, .dependentSchemas, .unevaluatedProperties:
      return true
    }
  }

  private mutating func string(_ place: Int32, _ value: JSONValue, _ text: String) -> Bool {
    let segment = program.nodes[place].string
    guard segment.start < segment.end else { return true }
    steps &-= text.utf8.count >> 4
    var ok = true
    for operation in segment.start..<segment.end {
      let fault: Fault
      switch program.operations[operation] {
      case .minLength(let count):
        if hasLength(text, atLeast: count) { continue }
        fault = .operation(operation)
      case .maxLength(let count):
        if hasLength(text, atMost: count) { continue }
        fault = .operation(operation)
      case .pattern(let pattern):
        let outcome = program.patterns[pattern].match(text, steps: &steps)
        if outcome == .tooCostly { return giveUp(place, .tooCostly(operation), value) }
        if steps < 0, !hasMoreSteps() { return runOut() }
        if outcome == .matches { continue }
        fault = .operation(operation)
      case .format(let format):
        if format.matches(text) { continue }
        fault = .operation(operation)
      case .never, .enumeration, .constant, .reference, .dynamicReference, .allOf, .anyOf, .oneOf,
        .not, .conditional, .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf,
        .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems, .minProperties,
        .maxProperties, .properties, .propertyNames, .dependentRequired, .dependentSchemas,
        .unevaluatedProperties:
        continue
      }
      fail(place, fault, value)
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  // A code point takes one to four bytes, so most lengths need no counting.
  private func hasLength(_ text: String, atLeast count: Int) -> Bool {
    let bytes = text.utf8.count
    return bytes >= count && (bytes / 4 >= count || text.unicodeScalars.count >= count)
  }

  private func hasLength(_ text: String, atMost count: Int) -> Bool {
    text.utf8.count <= count || text.unicodeScalars.count <= count
  }

  // MARK: Arrays

  private mutating func array(
    _ place: Int32,
    _ value: JSONValue,
    _ items: [JSONValue],
    _ seen: Seen?
  ) -> Bool {
    let segment = program.nodes[place].array
    var ok = true
    for operation in segment.start..<segment.end {
      switch program.operations[operation] {
      case .minItems(let count):
        if items.count >= count { continue }
      case .maxItems(let count):
        if items.count <= count { continue }
      case .uniqueItems:
        steps &-= value.weight
        guard let (first, second) = firstTwins(items) else { continue }
        fail(place, .twins(operation, first, second), value)
        guard goesOn else { return false }
        ok = false
        continue
      case .items(let prefix, let rest):
        if self.items(items, prefix, rest, seen) { continue }
        guard goesOn else { return false }
        ok = false
        continue
      case .contains(let rule):
        let count = contained(items, program.contains[rule], seen)
        if count >= program.contains[rule].minimum, count <= program.contains[rule].maximum {
          continue
        }
        fail(place, .contained(operation, count), value)
        guard goesOn else { return false }
        ok = false
        continue
      case .unevaluatedItems(let node):
        if unevaluated(items, node, operation, place, value, seen) { continue }
        guard goesOn else { return false }
        ok = false
        continue
      case .never, .enumeration, .constant, .reference, .dynamicReference, .allOf, .anyOf, .oneOf,
        .not, .conditional, .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf,
        .minLength, .maxLength, .pattern, .format, .minProperties, .maxProperties, .properties,
        .propertyNames, .dependentRequired, .dependentSchemas, .unevaluatedProperties:
        continue
      }
      fail(place, .operation(operation), value)
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private mutating func items(
    _ items: [JSONValue],
    _ prefix: SchemaProgram.Children,
    _ rest: Int32,
    _ seen: Seen?
  ) -> Bool {
    var ok = true
    let first = Int(prefix.count)
    for place in 0..<min(first, items.count) {
      seen?.pointee.mark(place)
      let node = program.children[prefix.start + Int32(truncatingIfNeeded: place)]
      guard item(items[place], place, node) else {
        guard goesOn else { return false }
        ok = false
        continue
      }
    }
    guard rest >= 0 else { return ok }
    seen?.pointee.markAll()
    guard first < items.count else { return ok }
    for place in first..<items.count where !item(items[place], place, rest) {
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  @inline(__always)
  private mutating func item(_ value: JSONValue, _ place: Int, _ node: Int32) -> Bool {
    if reporter.branchDetail == .look, isLooking, !differs(node, value) { return true }
    reporter.enter(place)
    defer { reporter.leave() }
    return check(node, value, nil)
  }

  private mutating func contained(
    _ items: [JSONValue],
    _ rule: SchemaProgram.Contains,
    _ seen: Seen?
  ) -> Int {
    var count = 0
    for (place, value) in items.enumerated() where !isUndecided {
      guard quietly({ $0.check(rule.node, value, nil) }) else { continue }
      count += 1
      if rule.marks { seen?.pointee.mark(place) }
      let enough = rule.maximum == .max ? count >= rule.minimum : count > rule.maximum
      if enough, seen == nil { break }
    }
    return count
  }

  private mutating func unevaluated(
    _ items: [JSONValue],
    _ node: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    // A look does not tell what else was evaluated.
    if isLooking { return true }
    var ok = true
    for (index, item) in items.enumerated() where seen?.pointee.contains(index) != true {
      if program.isNever(node) {
        fail(place, .extraItem(operation, index), value)
      } else if self.item(item, index, node) {
        continue
      }
      guard goesOn else { return false }
      ok = false
    }
    seen?.pointee.markAll()
    return ok
  }

  /// The first two items that are equal.
  private func firstTwins(_ items: [JSONValue]) -> (Int, Int)? {
    guard items.count > 8 else {
      for second in items.indices {
        for first in 0..<second where items[first] == items[second] { return (first, second) }
      }
      return nil
    }
    var places: [JSONValue: Int] = [:]
    places.reserveCapacity(items.count)
    for (place, item) in items.enumerated() {
      if let first = places.updateValue(place, forKey: item) { return (first, place) }
    }
    return nil
  }

  // MARK: Objects

  private mutating func object(
    _ place: Int32,
    _ value: JSONValue,
    _ object: JSONObject,
    _ seen: Seen?
  ) -> Bool {
    let segment = program.nodes[place].object
    var ok = true
    for operation in segment.start..<segment.end {
      switch program.operations[operation] {
      case .minProperties(let count):
        if object.count >= count { continue }
        fail(place, .operation(operation), value)
      case .maxProperties(let count):
        if object.count <= count { continue }
        fail(place, .operation(operation), value)
      case .properties(let rule):
        if properties(object, rule, operation, place, value, seen) { continue }
      case .propertyNames(let node):
        if names(object, node, operation, place, value) { continue }
      case .dependentRequired(let list):
        if dependentRequired(object, list, operation, place, value) { continue }
      case .dependentSchemas(let list):
        if dependentSchemas(object, list, value, seen) { continue }
      case .unevaluatedProperties(let node):
        if unevaluated(object, node, operation, place, value, seen) { continue }
      case .never, .enumeration, .constant, .reference, .dynamicReference, .allOf, .anyOf, .oneOf,
        .not, .conditional, .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf,
        .minLength, .maxLength, .pattern, .format, .minItems, .maxItems, .uniqueItems, .items,
        .contains, .unevaluatedItems:
        continue
      }
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private mutating func properties(
    _ object: JSONObject,
    _ rule: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    let names = program.names[rule]
    steps &-= object.count >> 2
    var ok = true
    var found: UInt64 = 0
    var hint: Int32 = 0
    for index in object.entries.indices {
      let (known, node) = program.names.find(object.entries[index].key, in: names, hint: hint)
      if known >= 0 {
        hint = known + 1
        found |= 1 << UInt64(truncatingIfNeeded: known & 63)
      }
      if node >= 0, !names.hasPatterns {
        seen?.pointee.mark(index)
        if member(object, index, node) { continue }
      } else if other(object, index, node, rule, operation, place, value, seen) {
        continue
      }
      guard goesOn else { return false }
      ok = false
    }
    if names.usesMask, found & names.requiredMask == names.requiredMask { return ok }
    for required in program.objects[rule].required {
      let name = program.objects[rule].properties[required].name
      if object.position(of: name) != nil { continue }
      fail(place, .missing(operation, rule, name), value)
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  /// Checks a property by its own schema, if any, and those of the patterns it matches, or by that for the others.
  private mutating func other(
    _ object: JSONObject,
    _ index: Int,
    _ node: Int32,
    _ rule: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    var ok = true
    var isKnown = node >= 0
    if isKnown { ok = member(object, index, node) }
    for pattern in program.objects[rule].patterns {
      let name = object.entries[index].key
      steps &-= name.utf8.count >> 4
      let outcome = pattern.pattern.match(name, steps: &steps)
      if outcome == .tooCostly { return giveUp(place, .costlyName(operation, name), value) }
      if steps < 0, !hasMoreSteps() { return runOut() }
      guard outcome == .matches else { continue }
      isKnown = true
      if member(object, index, pattern.node) { continue }
      guard goesOn else { return false }
      ok = false
    }
    let additional = program.names[rule].additional
    guard isKnown || additional >= 0 else { return ok }
    seen?.pointee.mark(index)
    if isKnown { return ok }
    if program.isNever(additional) {
      fail(place, .extra(operation, rule, object.entries[index].key), value)
      return false
    }
    return member(object, index, additional) && ok
  }

  @inline(__always)
  private mutating func member(_ object: JSONObject, _ index: Int, _ node: Int32) -> Bool {
    if reporter.branchDetail == .look, isLooking, !differs(node, object.entries[index].value) {
      return true
    }
    reporter.enter(object.entries[index].key)
    defer { reporter.leave() }
    return check(node, object.entries[index].value, nil)
  }

  private mutating func names(
    _ object: JSONObject,
    _ node: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue
  ) -> Bool {
    var ok = true
    for entry in object.entries {
      let mark = reporter.mark()
      if check(node, .string(entry.key), nil) { continue }
      reporter.failName(program, place, operation, entry.key, from: mark)
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private mutating func dependentRequired(
    _ object: JSONObject,
    _ list: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue
  ) -> Bool {
    var ok = true
    for rule in program.dependentRequired[list] where object.position(of: rule.name) != nil {
      for name in rule.needs where object.position(of: name) == nil {
        fail(place, .dependent(operation, name, rule.name), value)
        guard goesOn else { return false }
        ok = false
      }
    }
    return ok
  }

  private mutating func dependentSchemas(
    _ object: JSONObject,
    _ list: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    var ok = true
    for rule in program.dependentSchemas[list]
    where object.position(of: rule.name) != nil && !check(rule.node, value, seen) {
      guard goesOn else { return false }
      ok = false
    }
    return ok
  }

  private mutating func unevaluated(
    _ object: JSONObject,
    _ node: Int32,
    _ operation: Int32,
    _ place: Int32,
    _ value: JSONValue,
    _ seen: Seen?
  ) -> Bool {
    // A look does not tell what else was evaluated.
    if isLooking { return true }
    var ok = true
    for (index, entry) in object.entries.enumerated() where seen?.pointee.contains(index) != true {
      if program.isNever(node) {
        fail(place, .extra(operation, -1, entry.key), value)
      } else if member(object, index, node) {
        continue
      }
      guard goesOn else { return false }
      ok = false
    }
    seen?.pointee.markAll()
    return ok
  }
}

extension Evaluation {
  /// Whether a schema refuses an object or an array for what is seen of it without going into its members: a missing
  /// or a needless one, and the type or the fixed value of each.
  private mutating func isRuledOut(_ place: Int32, _ value: JSONValue) -> Bool {
    switch value {
    case .object(let object):
      steps &-= object.count >> 2
      return refuses(place, object, 0)
    case .array(let items): return refuses(place, items, 0)
    case .null, .bool, .integer, .double, .decimal, .string: return false
    }
  }

  /// How many references and `allOf`s a look goes through.
  private static var sight: Int { 4 }

  private func refuses(_ place: Int32, _ object: JSONObject, _ distance: Int) -> Bool {
    guard program.nodes[place].types.contains(.object) else { return true }
    let general = program.nodes[place].general
    for operation in general.start..<general.end where distance < Self.sight {
      switch program.operations[operation] {
      case .reference(let target):
        if refuses(target, object, distance + 1) { return true }
      case .allOf(let list):
        for child in list.start..<list.start + list.count
        where refuses(program.children[child], object, distance + 1) {
          return true
        }
      default: break
      }
    }
    let segment = program.nodes[place].object
    for operation in segment.start..<segment.end {
      if case .properties(let rule) = program.operations[operation], refuses(rule, object) {
        return true
      }
    }
    return false
  }

  private func refuses(_ rule: Int32, _ object: JSONObject) -> Bool {
    let names = program.names[rule]
    let isClosed = !names.hasPatterns && names.additional >= 0 && program.isNever(names.additional)
    var found: UInt64 = 0
    var hint: Int32 = 0
    for index in object.entries.indices {
      let (known, node) = program.names.find(object.entries[index].key, in: names, hint: hint)
      if known >= 0 {
        hint = known + 1
        found |= 1 << UInt64(truncatingIfNeeded: known & 63)
      } else if isClosed {
        return true
      }
      if node >= 0, differs(node, object.entries[index].value) { return true }
    }
    return names.usesMask && found & names.requiredMask != names.requiredMask
  }

  private func refuses(_ place: Int32, _ items: [JSONValue], _ distance: Int) -> Bool {
    guard program.nodes[place].types.contains(.array) else { return true }
    let general = program.nodes[place].general
    for operation in general.start..<general.end where distance < Self.sight {
      guard case .reference(let target) = program.operations[operation] else { continue }
      if refuses(target, items, distance + 1) { return true }
    }
    let segment = program.nodes[place].array
    for operation in segment.start..<segment.end {
      switch program.operations[operation] {
      case .minItems(let count): if items.count < count { return true }
      case .maxItems(let count): if items.count > count { return true }
      case .items(let prefix, _):
        for place in 0..<min(Int(prefix.count), items.count)
        where differs(
          program.children[prefix.start + Int32(truncatingIfNeeded: place)],
          items[place]
        ) {
          return true
        }
      default: break
      }
    }
    return false
  }

  /// Whether a member has not the type or the fixed value that its schema asks for.
  private func differs(_ place: Int32, _ value: JSONValue) -> Bool {
    var place = place
    for _ in 0...Self.sight {
      let types = program.nodes[place].types
      if types != .any, !types.contains(value.schemaType) { return true }
      let general = program.nodes[place].general
      var next: Int32?
      for operation in general.start..<general.end {
        switch program.operations[operation] {
        case .never: return true
        case .constant(let constant):
          if program.constants[constant] != value { return true }
        case .enumeration(let rule) where !value.isContainer:
          if !program.enumerations[rule].contains(value) { return true }
        case .reference(let target): next = target
        default: break
        }
      }
      guard let next else { return false }
      place = next
    }
    return false
  }
}

extension SchemaProgram {
  /// Whether a node is the schema `false`.
  func isNever(_ node: Int32) -> Bool {
    let general = nodes[node].general
    guard general.end - general.start == 1, case .never = operations[general.start] else {
      return false
    }
    return true
  }
}

extension JSONValue {
  /// The type as a schema sees it: `3.0` is an integer.
  fileprivate var schemaType: ValueType {
    switch self {
    case .null: .null
    case .bool: .boolean
    case .integer: .integer
    case .double(let value):
      // Beyond 64 bits, and for -0, whole numbers are held as doubles whichever way they are written.
      value.rounded(.towardZero) != value
        ? .fraction : value.magnitude < 0x1p63 && value != 0 ? .wholeFraction : .integer
    case .decimal(let text):
      !isIntegral
        ? .fraction
        : text.utf8.contains { $0 == 0x2E || $0 | 0x20 == 0x65 } ? .wholeFraction : .integer
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }
  /// How much there is to look at: the values in it, and their text.
  fileprivate var weight: Int { weight(2000) }

  private func weight(_ levels: Int) -> Int {
    switch self {
    case .null, .bool, .integer, .double: return 1
    case .decimal(let text), .string(let text): return 1 + text.utf8.count >> 4
    case .array(let items):
      guard levels > 0 else { return items.count }
      return items.reduce(1) { $0 + $1.weight(levels - 1) }
    case .object(let object):
      guard levels > 0 else { return object.count }
      return object.entries.reduce(1) {
        $0 + $1.key.utf8.count >> 4 + $1.value.weight(levels - 1)
      }
    }
  }
}
