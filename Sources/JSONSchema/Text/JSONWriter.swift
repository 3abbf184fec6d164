extension JSONValue {
  /// The value as JSON text, members in their order; `pretty` indents by two spaces.
  ///
  /// Infinities and NaN, which JSON does not have, are written as null.
  public func serialized(pretty: Bool = false) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    if pretty {
      writePretty(into: &bytes, indent: 0)
    } else {
      write(into: &bytes)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  public func serializedBytes() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    write(into: &bytes)
    return bytes
  }

  /// Appends the value's JSON text as UTF-8.
  public func write(into bytes: inout [UInt8]) {
    switch self {
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        item.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      for index in object.entries.indices {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        writeJSONString(object.entries[index].key, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        object.entries[index].value.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    case .null, .bool, .integer, .double, .decimal, .string:
      writeScalar(into: &bytes)
    }
  }

  private func writePretty(into bytes: inout [UInt8], indent: Int) {
    func newLine(_ indent: Int) {
      bytes.append(UInt8(ascii: "\n"))
      bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }
    switch self {
    case .array(let items) where !items.isEmpty:
      bytes.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        newLine(indent + 2)
        item.writePretty(into: &bytes, indent: indent + 2)
      }
      newLine(indent)
      bytes.append(UInt8(ascii: "]"))
    case .object(let object) where !object.isEmpty:
      bytes.append(UInt8(ascii: "{"))
      for (index, entry) in object.entries.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        newLine(indent + 2)
        writeJSONString(entry.key, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        entry.value.writePretty(into: &bytes, indent: indent + 2)
      }
      newLine(indent)
      bytes.append(UInt8(ascii: "}"))
    case .null, .bool, .integer, .double, .decimal, .string, .array, .object:
      write(into: &bytes)
    }
  }

  private func writeScalar(into bytes: inout [UInt8]) {
    switch self {
    case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): writeInteger(value, into: &bytes)
    case .double(let value):
      bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
    case .decimal(let text):
      // Only made by hand can this be anything but a number; then it must not break the text around it.
      if ExactNumber(text) == nil {
        writeJSONString(text, into: &bytes)
      } else {
        bytes.append(contentsOf: text.utf8)
      }
    case .string(let text): writeJSONString(text, into: &bytes)
    case .null, .array, .object: bytes.append(contentsOf: "null".utf8)
    }
  }
}

func writeInteger(_ value: Int64, into bytes: inout [UInt8]) {
  if value < 0 { bytes.append(UInt8(ascii: "-")) }
  // The digits come last first; 64 bits have at most 20.
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
    var rest = value.magnitude
    var start = 20
    repeat {
      start -= 1
      digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
  }
}

/// Appends a string in quotes, escaping only what JSON demands, as RFC 8785 writes it.
func writeJSONString(_ text: String, into bytes: inout [UInt8]) {
  bytes.append(UInt8(ascii: "\""))
  let written: Void? = text.utf8.withContiguousStorageIfAvailable { writeEscaped($0, into: &bytes) }
  if written == nil {
    Array(text.utf8).withUnsafeBufferPointer { writeEscaped($0, into: &bytes) }
  }
  bytes.append(UInt8(ascii: "\""))
}

private func writeEscaped(_ text: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8]) {
  var plain = 0
  var index = -1
  while true {
    index = firstEscaped(text, from: index + 1)
    guard index < text.count else { break }
    let byte = text[index]
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[plain..<index]))
    plain = index + 1
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
      let low = byte & 0x0F
      bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
  }
  bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[plain...]))
}

/// The first byte that a string cannot hold as it is, eight at a time.
private func firstEscaped(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
  var at = start
  if let base = UnsafeRawPointer(text.baseAddress) {
    while at &+ 8 <= text.count {
      let mask = endsOfPlainText(
        base.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
      )
      if mask != 0 { return at &+ mask.trailingZeroBitCount / 8 }
      at &+= 8
    }
  }
  while at < text.count {
    let byte = text[at]
    if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
    at += 1
  }
  return at
}
