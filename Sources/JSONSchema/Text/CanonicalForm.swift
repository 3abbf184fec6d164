extension JSONValue {
  /// The one text for this value: RFC 8785, but a number that no double represents is written exactly.
  ///
  /// A double represents the number of its shortest text. So two values have the same canonical form exactly when
  /// they are equal, and integers beyond 2^53 keep every digit.
  public func canonical() -> String { String(decoding: canonicalBytes(), as: UTF8.self) }

  public func canonicalBytes() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    writeCanonical(into: &bytes)
    return bytes
  }

  private func writeCanonical(into bytes: inout [UInt8]) {
    switch self {
    case .null, .bool, .integer, .string: write(into: &bytes)
    case .double(let value):
      if value.magnitude < 9_007_199_254_740_992, value.rounded(.towardZero) == value {
        // -0 becomes 0 on the way.
        writeInteger(Int64(value), into: &bytes)
      } else if let number = ExactNumber(value) {
        number.writeECMAScript(into: &bytes)
      } else {
        write(into: &bytes)
      }
    case .decimal(let text):
      if let number = ExactNumber(text) {
        number.writeECMAScript(into: &bytes)
      } else {
        write(into: &bytes)
      }
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        item.writeCanonical(into: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      let order = object.entries.indices.sorted {
        precedesInUTF16(object.entries[$0].key, object.entries[$1].key)
      }
      for (index, place) in order.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        writeJSONString(object.entries[place].key, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        object.entries[place].value.writeCanonical(into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}

/// The order of RFC 8785: by UTF-16 code units.
///
/// It is that of the UTF-8 bytes, except that characters beyond the basic plane, which UTF-16 writes with surrogates,
/// come before U+E000 to U+FFFF.
private func precedesInUTF16(_ left: String, _ right: String) -> Bool {
  func rank(_ byte: UInt8) -> UInt8 {
    switch byte {
    case 0xF0...0xFF: byte - 2
    case 0xEE, 0xEF: byte + 16
    default: byte
    }
  }
  let answer = left.utf8.withContiguousStorageIfAvailable { left in
    right.utf8.withContiguousStorageIfAvailable { right in
      for place in 0..<min(left.count, right.count) where left[place] != right[place] {
        return rank(left[place]) < rank(right[place])
      }
      return left.count < right.count
    }
  }
  if let answer, let answer { return answer }
  return left.utf16.lexicographicallyPrecedes(right.utf16)
}

extension ExactNumber {
  /// Writes the digits as ECMAScript's `Number::toString` lays them out.
  fileprivate func writeECMAScript(into bytes: inout [UInt8]) {
    guard !digits.isEmpty else { return bytes.append(UInt8(ascii: "0")) }
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    let text = digits.map { $0 + UInt8(ascii: "0") }
    let zero = UInt8(ascii: "0")
    switch exponent {
    case 1...21 where text.count <= exponent:
      bytes.append(contentsOf: text)
      bytes.append(contentsOf: repeatElement(zero, count: exponent - text.count))
    case 1...21:
      bytes.append(contentsOf: text[..<exponent])
      bytes.append(UInt8(ascii: "."))
      bytes.append(contentsOf: text[exponent...])
    case -5...0:
      bytes.append(contentsOf: "0.".utf8)
      bytes.append(contentsOf: repeatElement(zero, count: -exponent))
      bytes.append(contentsOf: text)
    default:
      bytes.append(text[0])
      if text.count > 1 {
        bytes.append(UInt8(ascii: "."))
        bytes.append(contentsOf: text[1...])
      }
      bytes.append(contentsOf: exponent > 0 ? "e+".utf8 : "e-".utf8)
      bytes.append(contentsOf: String((exponent - 1).magnitude).utf8)
    }
  }
}
