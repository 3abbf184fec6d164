import JSONSchema

extension JSONValue {
  /// The value as YAML that reads back as the same value: blocks, and whatever could be mistaken in quotes.
  ///
  /// Every line begins with `indent` blanks; the last one ends with a line break.
  public func yaml(indent: Int = 0) -> String {
    var text = ""
    YAMLWriter.write(self, indent: indent, into: &text)
    return text
  }
}

private enum YAMLWriter {
  static func write(_ value: JSONValue, indent: Int, into text: inout String) {
    let blanks = String(repeating: " ", count: indent)
    switch value {
    case .object(let object) where !object.isEmpty:
      for (key, member) in object {
        text += blanks + scalar(key) + ":"
        under(member, indent: indent + 2, into: &text)
      }
    case .array(let items) where !items.isEmpty:
      for item in items {
        text += blanks + "-"
        guard case .object(let object) = item, !object.isEmpty else {
          under(item, indent: indent + 2, into: &text)
          continue
        }
        // The first member stands on the dash's line.
        var inner = ""
        write(item, indent: indent + 2, into: &inner)
        text += " " + inner.dropFirst(indent + 2)
      }
    case .null, .bool, .integer, .double, .decimal, .string, .array, .object:
      text += blanks + flow(value) + "\n"
    }
  }

  /// A value after its key or dash: on the same line where it is short, else in a block below.
  private static func under(_ value: JSONValue, indent: Int, into text: inout String) {
    if isBlock(value) {
      text += "\n"
      write(value, indent: indent, into: &text)
    } else {
      text += " " + flow(value) + "\n"
    }
  }

  private static func isBlock(_ value: JSONValue) -> Bool {
    switch value {
    case .object(let object): !object.isEmpty
    case .array(let items):
      items.contains { $0.objectValue != nil || $0.arrayValue != nil } || flow(value).count > 80
    case .null, .bool, .integer, .double, .decimal, .string: false
    }
  }

  private static func flow(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): scalar(text)
    case .array(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
    case .object, .null, .bool, .integer, .double, .decimal: value.serialized()
    }
  }

  /// Plain where nothing else can be read in it, in quotes otherwise.
  private static func scalar(_ text: String) -> String {
    if isPlain(text) { return text }
    var result = "\""
    for scalar in JSONValue.string(text).serialized().dropFirst().dropLast().unicodeScalars {
      switch scalar.value {
      case 0x7F...0xA0, 0xFEFF, 0x2028, 0x2029, 0xFFFE...0xFFFF:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, isLetter(first),
      last != UInt8(ascii: " "), text.utf8.count <= 1_000
    else { return false }
    let words = ["null", "true", "false", "yes", "no", "on", "off"]
    guard !words.contains(text.lowercased()) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: " "), UInt8(ascii: "_"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "("),
        UInt8(ascii: ")"), UInt8(ascii: "'"), UInt8(ascii: "+"), UInt8(ascii: ";"):
        true
      default: isLetter(byte)
      }
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }
}
