/// The qualified name of a function: a provider's namespace, a dot, and the function's own name.
///
/// Both parts are 1 to 128 characters of `A-Z a-z 0-9 _ -` (the own name may hold dots too, as MCP allows).
public struct FunctionName: Hashable, Comparable, Sendable, LosslessStringConvertible {
  public let description: String
  private let dot: String.Index

  public init?(_ description: String) {
    guard let dot = description.firstIndex(of: ".") else { return nil }
    let namespace = description[..<dot]
    let name = description[description.index(after: dot)...]
    guard Self.isPart(namespace, dots: false), Self.isPart(name, dots: true) else { return nil }
    self.description = description
    self.dot = dot
  }

  public init?(namespace: String, name: String) {
    self.init(namespace + "." + name)
  }

  public var namespace: Substring { description[..<dot] }
  public var name: Substring { description[description.index(after: dot)...] }

  private static func isPart(_ part: Substring, dots: Bool) -> Bool {
    (1...128).contains(part.utf8.count)
      && part.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        case UInt8(ascii: "."): dots
        default: false
        }
      }
  }

  public static func == (left: Self, right: Self) -> Bool { left.description == right.description }
  public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

extension FunctionName: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let name = FunctionName(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "“\(text)” is not a function name; write namespace.name"
      )
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A pattern over names: `*` stands for any run of characters, everything else for itself.
public struct NamePattern: Hashable, Sendable, Codable, ExpressibleByStringLiteral {
  public let text: String

  public init(_ text: String) { self.text = text }
  public init(stringLiteral value: String) { text = value }

  public init(from decoder: any Decoder) throws {
    text = try decoder.singleValueContainer().decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public func matches(_ name: String) -> Bool {
    var text = text
    var name = name
    return text.withUTF8 { pattern in name.withUTF8 { Self.matches(pattern, $0) } }
  }

  private static func matches(
    _ pattern: UnsafeBufferPointer<UInt8>,
    _ name: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    var at = 0
    var position = 0
    var star: (pattern: Int, name: Int)?
    while position < name.count {
      if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
        star = (at, position)
        at += 1
      } else if at < pattern.count, pattern[at] == name[position] {
        at += 1
        position += 1
      } else if let last = star {
        at = last.pattern + 1
        position = last.name + 1
        star = (last.pattern, position)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
