/// What the parser accepts.
public struct JSONParsingOptions: Sendable {
  public enum DuplicateKeys: Sendable {
    /// An object with the same key twice is an error: two readers would disagree on what it says.
    case refuse
    /// The last value stands, in the place of the first.
    case keepLast
  }

  /// How many arrays and objects may stand inside each other; 512 unless said otherwise, and never more than 2000,
  /// for which every thread's stack is large enough.
  public var maximumDepth: Int
  /// How long the text may be, in bytes; without bound unless said otherwise.
  public var maximumBytes: Int
  public var duplicateKeys: DuplicateKeys

  public init(
    maximumDepth: Int = 512,
    maximumBytes: Int = .max,
    duplicateKeys: DuplicateKeys = .keepLast
  ) {
    self.maximumDepth = min(maximumDepth, 2000)
    self.maximumBytes = maximumBytes
    self.duplicateKeys = duplicateKeys
  }

  public static let `default` = JSONParsingOptions()
  /// For documents from other programs, where the last of two equal keys wins as it does nearly everywhere.
  public static let lenient = JSONParsingOptions()
  /// For the arguments of calls: what is approved must be what is run, so equal keys are refused.
  public static let arguments = JSONParsingOptions(duplicateKeys: .refuse)
}

/// Where a text stopped being JSON, and why.
public struct JSONParseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// From 1.
  public let line: Int
  /// From 1, in Unicode code points.
  public let column: Int
  /// From 0, in bytes.
  public let offset: Int
  public let reason: String

  public init(line: Int, column: Int, offset: Int, reason: String) {
    self.line = line
    self.column = column
    self.offset = offset
    self.reason = reason
  }

  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSONValue {
  public init(parsing text: String, options: JSONParsingOptions = .default) throws(JSONParseError) {
    var text = text
    self = try text.withUTF8 { JSONParser.parse($0, options: options) }.get()
  }

  public init(
    parsing bytes: some Collection<UInt8>,
    options: JSONParsingOptions = .default
  ) throws(JSONParseError) {
    let result =
      bytes.withContiguousStorageIfAvailable { JSONParser.parse($0, options: options) }
      ?? Array(bytes).withUnsafeBufferPointer { JSONParser.parse($0, options: options) }
    self = try result.get()
  }
}
