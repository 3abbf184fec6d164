import JSONSchema

/// A JSON value in whose texts `${…}` stands for what a run has come to; read once, with the places of what it refers to.
///
/// A text that is one reference becomes the value as it is; within a text a value stands as text, or as JSON. `$${` is `${`.
public struct WorkflowTemplate: Sendable, Hashable {
  /// The value as it was written.
  public let source: JSONValue
  private let root: Node
  /// Everything it refers to, in order.
  public let references: [Place]

  /// A reference, and where it stands in the document.
  public struct Place: Sendable, Hashable {
    public var reference: WorkflowReference
    public var pointer: JSONPointer
    /// It is the whole text: what it stands for keeps its type.
    public var isWhole: Bool
  }

  private indirect enum Node: Sendable, Hashable {
    case value(JSONValue)
    case reference(WorkflowReference)
    case text([Piece])
    case array([Node])
    case object([Member])
  }

  private struct Member: Sendable, Hashable {
    var key: String
    var node: Node
  }

  private enum Piece: Sendable, Hashable {
    case text(String)
    case reference(WorkflowReference)
  }

  /// Reads a value that stands at a place of a document; what can't be read is noted.
  package init(_ source: JSONValue, at pointer: JSONPointer, _ mistakes: inout [WorkflowMistake]) {
    self.source = source
    var places: [Place] = []
    root = Self.read(source, at: pointer, &places, &mistakes)
    references = places
  }

  private static func read(
    _ value: JSONValue,
    at pointer: JSONPointer,
    _ places: inout [Place],
    _ mistakes: inout [WorkflowMistake]
  ) -> Node {
    switch value {
    case .null, .bool, .integer, .double, .decimal: return .value(value)
    case .string(let text):
      do throws(WorkflowReferenceReader.Fault) {
        return try read(text, at: pointer, &places)
      } catch {
        mistakes.append(WorkflowMistake(pointer, offset: error.offset, error.message))
        return .value(value)
      }
    case .array(let items):
      var nodes: [Node] = []
      for (index, item) in items.enumerated() {
        nodes.append(read(item, at: pointer.appending(index), &places, &mistakes))
      }
      return .array(nodes)
    case .object(let object):
      var members: [Member] = []
      for (key, member) in object {
        let node = read(member, at: pointer.appending(key), &places, &mistakes)
        members.append(Member(key: key, node: node))
      }
      return .object(members)
    }
  }

  private static func read(
    _ text: String,
    at pointer: JSONPointer,
    _ places: inout [Place]
  ) throws(WorkflowReferenceReader.Fault) -> Node {
    guard text.contains("${") else { return .value(.string(text)) }
    let characters = Array(text)
    var pieces: [Piece] = []
    var plain = ""
    var position = 0
    var found: [WorkflowReference] = []
    while position < characters.count {
      let rest = characters[position...]
      if rest.starts(with: "$${") {
        plain += "${"
        position += 3
      } else if rest.starts(with: "${") {
        var reader = WorkflowReferenceReader(characters, from: position + 2)
        let (reference, end) = try reader.read()
        if !plain.isEmpty { pieces.append(.text(plain)) }
        plain = ""
        pieces.append(.reference(reference))
        found.append(reference)
        position = end
      } else {
        plain.append(characters[position])
        position += 1
      }
    }
    if !plain.isEmpty { pieces.append(.text(plain)) }
    let isWhole = pieces.count == 1
    places += found.map { Place(reference: $0, pointer: pointer, isWhole: isWhole) }
    switch pieces.first {
    case .reference(let reference) where isWhole: return .reference(reference)
    case .text(let text) where isWhole: return .value(.string(text))
    case .reference, .text, nil: return .text(pieces)
    }
  }

  /// That something a run was to use has no value.
  package struct Missing: Error {
    package var reference: WorkflowReference

    package var sentence: String {
      "${\(reference.text)} has no value; write a default after ??, or see why the step before it gave none"
    }
  }

  /// What it stands for in this context; what refers to something that was `skipped` is null.
  package func value(
    in context: JSONObject,
    skipped: Set<String> = []
  ) throws(Missing) -> JSONValue {
    try Self.value(of: root, in: context, skipped)
  }

  private static func value(
    of node: Node,
    in context: JSONObject,
    _ skipped: Set<String>
  ) throws(Missing) -> JSONValue {
    switch node {
    case .value(let value): return value
    case .reference(let reference): return try found(reference, in: context, skipped)
    case .text(let pieces):
      var text = ""
      for piece in pieces {
        switch piece {
        case .text(let plain): text += plain
        case .reference(let reference):
          let value = try found(reference, in: context, skipped)
          text += value.stringValue ?? value.serialized()
        }
      }
      return .string(text)
    case .array(let nodes):
      var items: [JSONValue] = []
      items.reserveCapacity(nodes.count)
      for node in nodes { items.append(try value(of: node, in: context, skipped)) }
      return .array(items)
    case .object(let members):
      var object = JSONObject()
      for member in members {
        object[member.key] = try value(of: member.node, in: context, skipped)
      }
      return .object(object)
    }
  }

  private static func found(
    _ reference: WorkflowReference,
    in context: JSONObject,
    _ skipped: Set<String>
  ) throws(Missing) -> JSONValue {
    guard let value = reference.value(in: context, skipped: skipped) else {
      throw Missing(reference: reference)
    }
    return value
  }
}
