import JSONSchema
import Yams

/// Turns the nodes that Yams composes into values and places.
struct YAMLComposer {
  let file: String
  var places: [JSONPointer: YAMLDocument.Place] = [:]
  var pendingTags: [JSONPointer: String] = [:]
  private var count = 0

  init(file: String) {
    self.file = file
  }

  mutating func document(of text: String) throws(YAMLError) -> JSONValue {
    guard text.utf8.count <= YAMLDocument.Limits.bytes else {
      throw error(nil, "the file is larger than \(YAMLDocument.Limits.bytes >> 20) MB; split it")
    }
    // Yams hashes every key with all that hangs on it, so a key made of aliases to aliases would never end.
    if AliasKeys.areRisky(in: text) {
      throw error(
        nil,
        "the file has more than \(AliasKeys.limit) aliases and keys that are not plain words; write such keys out"
      )
    }
    guard let root = try compose(text) else {
      places[JSONPointer()] = YAMLDocument.Place(key: .first, value: .first)
      return .null
    }
    let position = position(of: root) ?? .first
    return try value(of: root, at: JSONPointer(), key: position, depth: 0)
  }

  private func compose(_ text: String) throws(YAMLError) -> Node? {
    do {
      // With no rules every scalar stays the text that was written, and `1` and `"1"` are one key.
      return try Yams.compose(yaml: text, .basic)
    } catch let failure as YamlError {
      throw error(from: failure)
    } catch {
      throw self.error(nil, "the file is no YAML: \(error)")
    }
  }

  private mutating func value(
    of node: Node,
    at pointer: JSONPointer,
    key: Diagnostic.Position,
    depth: Int
  ) throws(YAMLError) -> JSONValue {
    let position = position(of: node) ?? key
    count += 1
    guard count <= YAMLDocument.Limits.values else {
      throw error(
        position,
        "the file has more than \(YAMLDocument.Limits.values) values once its aliases are resolved; use fewer aliases"
      )
    }
    guard depth <= YAMLDocument.Limits.depth else {
      throw error(position, "the file is nested more than \(YAMLDocument.Limits.depth) deep")
    }
    places[pointer] = YAMLDocument.Place(
      key: key,
      value: position,
      opening: Self.opening(of: node)
    )
    switch node {
    case .scalar(let scalar):
      return try value(of: scalar, at: pointer, position: position)
    case .sequence(let sequence):
      try expect(sequence.tag, among: ["seq"], at: position)
      var items: [JSONValue] = []
      items.reserveCapacity(sequence.count)
      for item in sequence {
        let own = self.position(of: item) ?? position
        items.append(
          try value(
            of: item,
            at: pointer.appending(String(items.count)),
            key: own,
            depth: depth + 1
          )
        )
      }
      return .array(items)
    case .mapping(let mapping):
      try expect(mapping.tag, among: ["map"], at: position)
      var members = Members()
      try add(mapping, to: &members, isMerged: false, depth: depth)
      var object = JSONObject()
      for member in members.list {
        object[member.name] = try value(
          of: member.value,
          at: pointer.appending(member.name),
          key: member.position,
          depth: depth + 1
        )
      }
      return .object(object)
    case .alias:
      throw error(position, "the alias leads nowhere; name an anchor (&name) that stands above it")
    }
  }

  /// The members of a mapping while merge keys are resolved: its own win, then those merged first.
  private struct Members {
    struct Member {
      var name: String
      var position: Diagnostic.Position
      var value: Node
      var isMerged: Bool
    }

    var list: [Member] = []
    var index: [String: Int] = [:]
  }

  private mutating func add(
    _ mapping: Node.Mapping,
    to members: inout Members,
    isMerged: Bool,
    depth: Int
  ) throws(YAMLError) {
    guard depth <= YAMLDocument.Limits.depth else {
      throw error(nil, "the file merges more than \(YAMLDocument.Limits.depth) deep")
    }
    for (key, node) in mapping {
      let position = position(of: key) ?? .first
      count += 1
      guard count <= YAMLDocument.Limits.values else {
        throw error(position, "the file merges more than \(YAMLDocument.Limits.values) keys")
      }
      guard case .scalar(let scalar) = key else {
        throw error(position, "a list or mapping is used as a key; write a word before the colon")
      }
      if scalar.string == "<<", isPlain(scalar) {
        try merge(node, into: &members, at: position, depth: depth)
        continue
      }
      let member = Members.Member(
        name: scalar.string,
        position: position,
        value: node,
        isMerged: isMerged
      )
      if let known = members.index[scalar.string] {
        // What is the mapping's own displaces what was merged before it, in its place.
        if !isMerged, members.list[known].isMerged { members.list[known] = member }
      } else {
        members.index[scalar.string] = members.list.count
        members.list.append(member)
      }
    }
  }

  private mutating func merge(
    _ node: Node,
    into members: inout Members,
    at position: Diagnostic.Position,
    depth: Int
  ) throws(YAMLError) {
    switch node {
    case .mapping(let mapping):
      try add(mapping, to: &members, isMerged: true, depth: depth + 1)
    case .sequence(let sequence):
      for item in sequence {
        guard case .mapping(let mapping) = item else {
          throw error(
            self.position(of: item) ?? position,
            "<< merges mappings only; give it *aliases of mappings"
          )
        }
        try add(mapping, to: &members, isMerged: true, depth: depth + 1)
      }
    case .scalar, .alias:
      throw error(position, "<< merges mappings only; give it the *alias of a mapping")
    }
  }

  private mutating func value(
    of scalar: Node.Scalar,
    at pointer: JSONPointer,
    position: Diagnostic.Position
  ) throws(YAMLError) -> JSONValue {
    let tag = tagName(scalar.tag)
    switch tag {
    case nil where isPlain(scalar): break
    case nil, "!", "str": return .string(scalar.string)
    case "int", "float", "bool":
      if EnvironmentReference.occur(in: scalar.string) {
        pendingTags[pointer] = tag
        return .string(scalar.string)
      }
    case "null": break
    case let other?:
      throw error(
        position,
        "the tag \(other) is unknown; leave it out, or use !!str, !!int, !!float, !!bool or !!null"
      )
    }
    switch CoreScalar.value(of: scalar.string) {
    case .failure(let problem): throw error(position, problem.sentence)
    case .success(let value):
      guard tag.map({ CoreScalar.value(value, fits: $0) }) ?? true else {
        throw error(
          position,
          "“\(scalar.string)” is no !!\(tag ?? ""); correct the value or the tag"
        )
      }
      return value
    }
  }

  /// nil of what is no text, or one whose lines the file breaks otherwise.
  private static func opening(of node: Node) -> Int? {
    guard case .scalar(let scalar) = node else { return nil }
    return switch scalar.style {
    case .any, .plain: 0
    case .singleQuoted, .doubleQuoted: 1
    case .literal, .folded: nil
    }
  }

  private func isPlain(_ scalar: Node.Scalar) -> Bool {
    scalar.style == .plain || scalar.style == .any
  }

  private func expect(
    _ tag: Tag,
    among known: [String],
    at position: Diagnostic.Position
  ) throws(YAMLError) {
    guard let name = tagName(tag), name != "!", !known.contains(name) else { return }
    throw error(position, "the tag \(name) is unknown here; leave it out")
  }

  /// The tag without YAML's own prefix; nil when none was written.
  private func tagName(_ tag: Tag) -> String? {
    let name = tag.description
    if name.isEmpty || name == "?" { return nil }
    let prefix = "tag:yaml.org,2002:"
    return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
  }

  private func position(of node: Node) -> Diagnostic.Position? {
    node.mark.map { Diagnostic.Position(line: $0.line, column: $0.column) }
  }

  private func error(_ position: Diagnostic.Position?, _ message: String) -> YAMLError {
    YAMLError(file: file, position: position, message: message)
  }

  private func error(from failure: YamlError) -> YAMLError {
    func at(_ mark: Mark) -> Diagnostic.Position {
      Diagnostic.Position(line: mark.line, column: mark.column)
    }
    switch failure {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _):
      let during = context.map { " (\($0.text) at line \($0.mark.line))" } ?? ""
      return error(at(mark), "the YAML is broken here: \(problem)\(during)")
    case .composer(_, let problem, let mark, _):
      if problem.contains("another document") {
        return error(at(mark), "a second document begins here; keep one document a file")
      }
      return error(at(mark), "\(problem); name an anchor (&name) that stands above it")
    case .duplicatedKeysInMapping(let names, let context):
      let list = names.sorted().map { "“\($0)”" }.joined(separator: ", ")
      return error(
        at(context.mark),
        "the key \(list) is given twice in one mapping; keep one of them"
      )
    case .reader(let problem, let offset, _, let text):
      return error(
        offset.map { Diagnostic.Position(of: $0, in: text) },
        "the text is unreadable: \(problem)"
      )
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      return error(nil, "the file is no YAML: \(failure)")
    }
  }
}

extension Diagnostic.Position {
  static let first = Self(line: 1, column: 1)

  /// Where the character at an offset is.
  init(of offset: Int, in text: String) {
    let before = text.prefix(offset)
    let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    self.init(line: max(1, lines.count), column: (lines.last?.unicodeScalars.count ?? 0) + 1)
  }
}

extension CoreScalar {
  static func value(_ value: JSONValue, fits tag: String) -> Bool {
    switch (tag, value) {
    case ("int", .integer), ("float", .integer), ("float", .double), ("float", .decimal),
      ("bool", .bool), ("null", .null):
      true
    case ("int", .decimal(let text)): !text.contains { ".eE".contains($0) }
    default: false
    }
  }
}

/// Tells texts whose keys could expand without end before anything hashes them.
enum AliasKeys {
  static let limit = 64

  static func areRisky(in text: String) -> Bool {
    var aliases = 0
    var hasOddKey = false
    var last: UInt8 = 0
    var isAfterSpace = true
    var isInAlias = false
    var isMarkedKey = false
    for byte in text.utf8 {
      guard byte > 0x20 else {
        hasOddKey = hasOddKey || isMarkedKey
        isMarkedKey = false
        isAfterSpace = true
        if byte == UInt8(ascii: "\n") {
          isInAlias = false
          last = 0
        }
        continue
      }
      isMarkedKey = byte == UInt8(ascii: "?") && isAfterSpace
      switch byte {
      case UInt8(ascii: "*") where isAfterSpace || "[{,".utf8.contains(last):
        aliases += 1
        isInAlias = true
      case UInt8(ascii: ":") where isInAlias || "]}".utf8.contains(last): hasOddKey = true
      case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"): isInAlias = false
      default: break
      }
      last = byte
      isAfterSpace = false
    }
    return hasOddKey && aliases > limit
  }
}
