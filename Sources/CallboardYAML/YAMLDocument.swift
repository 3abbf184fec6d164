import Foundation
import JSONSchema

/// One YAML file as a JSON value that remembers where each of its parts was written.
///
/// The core schema of YAML 1.2 (`on`, `off`, `yes` and `no` are strings), keys in their order, anchors, aliases and
/// merge keys (`<<`) resolved. Refused with a sentence: several documents in one file, keys given twice, keys that
/// are no words, tags beyond the core schema, and texts or expansions beyond ``Limits``.
public struct YAMLDocument: Sendable {
  public internal(set) var value: JSONValue
  /// The name that diagnostics use.
  public let file: String
  var places: [JSONPointer: Place]
  /// Scalars with an explicit `!!int`, `!!float` or `!!bool` whose text still holds a `${NAME}`.
  var pendingTags: [JSONPointer: String]
  /// Where a value came from the environment: diagnostics do not repeat it.
  var fromEnvironment: Set<JSONPointer> = []

  struct Place: Sendable {
    /// Where the key of a member is, or the item of a sequence.
    var key: Diagnostic.Position
    var value: Diagnostic.Position
    /// How far after its beginning a text of one line begins to be what it says: 1 in quotes; nil of any other value.
    var opening: Int?
  }

  /// How large a document may be.
  ///
  /// Far beyond any configuration; there so that a few lines of aliases to aliases cannot fill the memory.
  public enum Limits {
    public static let bytes = 8 << 20
    /// Values after aliases are resolved.
    public static let values = 250_000
    public static let depth = 200
  }

  /// Reads a text; an empty one is `null`.
  public init(text: String, file: String) throws(YAMLError) {
    var composer = YAMLComposer(file: file)
    value = try composer.document(of: text)
    places = composer.places
    pendingTags = composer.pendingTags
    self.file = file
  }

  /// Reads a file, and names it in diagnostics as it was named here.
  public init(file path: String) throws(YAMLError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let exists = FileManager.default.fileExists(atPath: path)
      throw YAMLError(
        file: path,
        position: nil,
        message: exists
          ? "the file cannot be read; check that it is a file and its permissions"
          : "there is no such file; check the path"
      )
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw YAMLError(file: path, position: nil, message: "the file is not UTF-8; save it as UTF-8")
    }
    try self.init(text: text, file: path)
  }

  /// Whether a value holds something that came from the environment.
  public func isFromEnvironment(_ pointer: JSONPointer) -> Bool {
    fromEnvironment.contains(pointer)
  }

  /// Where a value begins, counted from 1; nil when the document has no such value.
  public func position(of pointer: JSONPointer) -> (line: Int, column: Int)? {
    places[pointer].map { ($0.value.line, $0.value.column) }
  }

  /// Where the key of a member begins, or the item of a sequence.
  public func keyPosition(of pointer: JSONPointer) -> (line: Int, column: Int)? {
    places[pointer].map { ($0.key.line, $0.key.column) }
  }

  /// A diagnostic about the value at a pointer: `functions[3].retry is …`.
  ///
  /// The sentence follows the path.
  public func diagnostic(at pointer: JSONPointer, _ sentence: String) -> Diagnostic {
    let path = YAMLDocument.path(pointer)
    return Diagnostic(
      file: file,
      position: nearestPlace(of: pointer)?.value,
      message: path.isEmpty ? sentence : "\(path) \(sentence)"
    )
  }

  /// A diagnostic about a character of the text at a pointer, as far as the file has it as it is.
  public func diagnostic(
    at pointer: JSONPointer,
    offset: Int,
    _ sentence: String
  ) -> Diagnostic {
    var diagnostic = diagnostic(at: pointer, sentence)
    if let opening = places[pointer]?.opening { diagnostic.position?.column += opening + offset }
    return diagnostic
  }

  /// A diagnostic about the key of a member.
  public func diagnostic(atKeyOf pointer: JSONPointer, _ sentence: String) -> Diagnostic {
    var diagnostic = diagnostic(at: pointer, sentence)
    if let key = places[pointer]?.key { diagnostic.position = key }
    return diagnostic
  }

  /// The place of a value, or of the closest thing around it that is in the file.
  func nearestPlace(of pointer: JSONPointer) -> Place? {
    var pointer = pointer
    while true {
      if let place = places[pointer] { return place }
      guard let parent = pointer.parent else { return nil }
      pointer = parent
    }
  }
}
