import Callboard
import JSONSchema

/// The path, and what follows its `?`, of a request, with places for arguments.
struct PathTemplate: Sendable {
  private typealias Piece = ArgumentTemplate.Piece

  let source: String
  let arguments: [String]
  private var segments: [[Piece]] = [[]]
  private var query: [Piece] = []

  /// Reads a path, or says in the error what is wrong with it.
  init(_ source: String) throws(PathTemplateError) {
    self.source = source
    let template: ArgumentTemplate
    do throws(TemplateError) {
      template = try ArgumentTemplate(source)
    } catch {
      throw PathTemplateError(message: error.message)
    }
    arguments = template.arguments
    guard source.hasPrefix("/") else {
      throw PathTemplateError(
        message: "“\(source)” does not begin with “/”; write what follows the base URL"
      )
    }
    var inQuery = false
    for piece in template.pieces {
      guard case .text(let text) = piece else {
        if inQuery { query.append(piece) } else { segments[segments.count - 1].append(piece) }
        continue
      }
      try Self.check(text, in: source)
      var path = Substring(text)
      if !inQuery, let mark = path.firstIndex(of: "?") {
        inQuery = true
        query.append(.text(String(path[path.index(after: mark)...])))
        path = path[..<mark]
      } else if inQuery {
        query.append(piece)
        path = ""
      }
      for (index, part) in path.split(separator: "/", omittingEmptySubsequences: false).enumerated()
      {
        if index > 0 { segments.append([]) }
        if !part.isEmpty { segments[segments.count - 1].append(.text(String(part))) }
      }
    }
    for segment in segments where segment == [.text(".")] || segment == [.text("..")] {
      throw PathTemplateError(
        message: "“\(source)” has a “.” or “..” for a segment; write the path it leads to"
      )
    }
  }

  private static func check(_ text: String, in source: String) throws(PathTemplateError) {
    let bytes = Array(text.utf8)
    for (index, byte) in bytes.enumerated() {
      if byte == UInt8(ascii: "%") {
        let digits = bytes[(index + 1)...].prefix(2)
        guard digits.count == 2, digits.allSatisfy(\.isHexDigit) else {
          throw PathTemplateError(
            message: "“\(source)” has a “%” without two hexadecimal digits; write “%25”"
          )
        }
      } else if !byte.mayStandInURL {
        let shown = text.unicodeScalars.first { !$0.isASCII || !UInt8($0.value).mayStandInURL }
        throw PathTemplateError(
          message:
            "“\(source)” has “\(shown.map(String.init) ?? "")”, which a URL cannot; percent-encode it"
        )
      }
    }
  }

  /// The path and query for these arguments.
  func filled(with arguments: JSONValue) throws(CallFailure) -> String {
    var result = ""
    for segment in segments.dropFirst() {
      result += "/"
      var raw = ""
      for piece in segment {
        switch piece {
        case .text(let text):
          raw += text
          result += text
        case .argument(let name):
          let value = try Self.segmentValue(of: name, in: arguments)
          raw += value
          result += percentEncoded(value)
        }
      }
      // Two arguments beside each other can make what neither is alone.
      if let name = segment.arguments.first, raw == "." || raw == ".." { throw Self.dots(name) }
    }
    guard !query.isEmpty else { return result }
    result += "?"
    for piece in query {
      switch piece {
      case .text(let text): result += text
      case .argument(let name): result += percentEncoded(try Self.scalar(name, in: arguments))
      }
    }
    return result
  }

  var hasQuery: Bool { !query.isEmpty }

  /// A value that stays in its segment even where a server decodes `%2F` before it looks for `..`.
  private static func segmentValue(
    of name: String,
    in arguments: JSONValue
  ) throws(CallFailure) -> String {
    let value = try scalar(name, in: arguments)
    guard !value.isEmpty else {
      throw CallFailure(
        .invalidArguments,
        "“\(name)” is empty, and the path needs it",
        pointer: argumentPointer(name)
      )
    }
    guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw CallFailure(
        .invalidArguments,
        "“\(name)” holds a control character, which a path cannot",
        pointer: argumentPointer(name)
      )
    }
    let parts = value.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }
    if parts.contains(".") || parts.contains("..") { throw dots(name) }
    return value
  }

  private static func scalar(_ name: String, in arguments: JSONValue) throws(CallFailure) -> String
  {
    switch arguments[name] {
    case .string, .integer, .double, .decimal, .bool: return arguments[name]?.plainText ?? ""
    case nil:
      throw CallFailure(
        .invalidArguments,
        "“\(name)” is missing, and the path needs it",
        pointer: argumentPointer(name)
      )
    case .null, .array, .object:
      throw CallFailure(
        .invalidArguments,
        "“\(name)” is \(arguments[name]?.typeName ?? "missing"); a path takes a string, a number or a boolean",
        pointer: argumentPointer(name)
      )
    }
  }

  private static func dots(_ name: String) -> CallFailure {
    CallFailure(
      .invalidArguments,
      "“\(name)” would lead out of its place in the path with “.” or “..”; give a plain name",
      pointer: argumentPointer(name)
    )
  }
}

struct PathTemplateError: Error {
  var message: String
}

extension [ArgumentTemplate.Piece] {
  fileprivate var arguments: [String] {
    compactMap { piece in
      if case .argument(let name) = piece { name } else { nil }
    }
  }
}

/// A text with everything but RFC 3986's unreserved characters percent-encoded.
func percentEncoded(_ text: String) -> String {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(text.utf8.count)
  for byte in text.utf8 {
    if byte.isUnreserved {
      bytes.append(byte)
    } else {
      bytes += [UInt8(ascii: "%"), hexDigit(byte >> 4), hexDigit(byte & 0xF)]
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? value + 48 : value + 55 }

extension UInt8 {
  fileprivate var isLetterOrDigit: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  fileprivate var isHexDigit: Bool {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  /// RFC 3986's unreserved characters.
  fileprivate var isUnreserved: Bool { isLetterOrDigit || "-._~".utf8.contains(self) }

  /// What may stand in a path or query: pchar, `/` and `?`; `%` is looked at by itself.
  fileprivate var mayStandInURL: Bool { isUnreserved || "!$&'()*+,;=:@/?".utf8.contains(self) }

  /// RFC 9110's tchar.
  var mayStandInHeaderName: Bool { isLetterOrDigit || "!#$%&'*+-.^_`|~".utf8.contains(self) }
}
