extension TextReader {
  /// RFC 3986, or RFC 3987 for the international form.
  func isURI(reference: Bool, international: Bool) -> Bool {
    var reader = self
    if reader.scheme() {
      _ = reader.take(":")
    } else {
      guard reference else { return false }
      reader = self
    }
    let isRelative = reader.at == at
    if reader.next == UInt8(ascii: "/"), reader.peek(1) == UInt8(ascii: "/") {
      reader.skip(2)
      guard reader.authority(international) else { return false }
    } else if isRelative {
      // A colon in the first segment would make it a scheme.
      var segment = reader
      while !segment.isAtEnd, !"/?#".utf8.contains(segment.next) {
        if segment.next == UInt8(ascii: ":") { return false }
        segment.skip()
      }
    }
    reader.skipCharacters("/:@", international)
    if reader.take("?") { reader.skipCharacters("/:@?", international, isQuery: true) }
    if reader.take("#") { reader.skipCharacters("/:@?", international) }
    return reader.isAtEnd
  }

  /// Takes a scheme that a colon follows.
  private mutating func scheme() -> Bool {
    guard isLetter(next) else { return false }
    while isLetter(next) || isDigit(next) || "+-.".utf8.contains(next) { skip() }
    return next == UInt8(ascii: ":")
  }

  private mutating func authority(_ international: Bool) -> Bool {
    var end = at
    var user: Int?
    while end < at + count, !"/?#".utf8.contains(peek(end - at)) {
      if peek(end - at) == UInt8(ascii: "@") { user = end }
      end += 1
    }
    if let user {
      var information = until(user)
      information.skipCharacters(":", international)
      guard information.isAtEnd else { return false }
      skip(user + 1 - at)
    }
    var host = until(end)
    skip(end - at)
    if host.take("[") {
      guard let close = host.lastPlace(of: UInt8(ascii: "]")) else { return false }
      let literal = host.until(close)
      guard literal.isIPv6 || literal.isFutureAddress else { return false }
      host.skip(close + 1 - host.at)
    } else {
      host.skipCharacters("", international)
    }
    if host.take(":") { _ = host.skipDigits() }
    return host.isAtEnd
  }

  /// `IPvFuture`.
  private var isFutureAddress: Bool {
    var reader = self
    guard reader.takeLetter("v"), reader.skipHexDigits() > 0, reader.take("."), !reader.isAtEnd
    else { return false }
    while !reader.isAtEnd {
      guard
        isUnreserved(reader.next) || isSubDelimiter(reader.next) || reader.next == UInt8(ascii: ":")
      else { return false }
      reader.skip()
    }
    return true
  }

  /// Skips unreserved characters, sub-delimiters, percent escapes, and what else is given.
  private mutating func skipCharacters(
    _ others: StaticString,
    _ international: Bool,
    isQuery: Bool = false
  ) {
    let others = UnsafeBufferPointer(start: others.utf8Start, count: others.utf8CodeUnitCount)
    while !isAtEnd {
      if next == UInt8(ascii: "%") {
        guard isHexDigit(peek(1)), isHexDigit(peek(2)) else { return }
        skip(3)
      } else if isUnreserved(next) || isSubDelimiter(next) || others.contains(next) {
        skip()
      } else if international, next >= 0x80, let (scalar, length) = scalar(),
        isInternational(scalar) || (isQuery && isPrivate(scalar))
      {
        skip(length)
      } else {
        return
      }
    }
  }

  /// The character beyond ASCII that stands here.
  private func scalar() -> (scalar: Unicode.Scalar, length: Int)? {
    let length = next >= 0xF0 ? 4 : next >= 0xE0 ? 3 : 2
    guard count >= length, let scalar = until(at + length).scalars?.first else { return nil }
    return (scalar, length)
  }

  private func isUnreserved(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || "-._~".utf8.contains(byte)
  }

  private func isSubDelimiter(_ byte: UInt8) -> Bool { "!$&'()*+,;=".utf8.contains(byte) }

  /// `ucschar` of RFC 3987.
  private func isInternational(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xA0...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFEF: true
    case 0x10000...0xEFFFF:
      scalar.value & 0xFFFF <= 0xFFFD && !(0xE0000...0xE0FFF).contains(scalar.value)
    default: false
    }
  }

  private func isPrivate(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xE000...0xF8FF, 0xF0000...0xFFFFD, 0x100000...0x10FFFD: true
    default: false
    }
  }

  /// RFC 6570.
  var isURITemplate: Bool {
    var reader = self
    while !reader.isAtEnd {
      switch reader.next {
      case UInt8(ascii: "{"):
        reader.skip()
        guard reader.expression() else { return false }
      case UInt8(ascii: "%"):
        guard isHexDigit(reader.peek(1)), isHexDigit(reader.peek(2)) else { return false }
        reader.skip(3)
      case 0...0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
        UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"),
        UInt8(ascii: "}"):
        return false
      default: reader.skip()
      }
    }
    return true
  }

  /// What stands after `{`, and the closing brace.
  private mutating func expression() -> Bool {
    if "+#./;?&=,!@|".utf8.contains(next) { skip() }
    while true {
      guard variableName() else { return false }
      if take(":") {
        guard next != UInt8(ascii: "0"), (1...4).contains(skipDigits()) else { return false }
      } else {
        _ = take("*")
      }
      if take("}") { return true }
      guard take(",") else { return false }
    }
  }

  private mutating func variableName() -> Bool {
    var needsMore = true
    while true {
      if isLetter(next) || isDigit(next) || next == UInt8(ascii: "_") {
        skip()
        needsMore = false
      } else if next == UInt8(ascii: "%"), isHexDigit(peek(1)), isHexDigit(peek(2)) {
        skip(3)
        needsMore = false
      } else if next == UInt8(ascii: "."), !needsMore {
        skip()
        needsMore = true
      } else {
        return !needsMore
      }
    }
  }

  var isUUID: Bool {
    var reader = self
    for (place, length) in [8, 4, 4, 4, 12].enumerated() {
      if place > 0, !reader.take("-") { return false }
      for _ in 0..<length {
        guard isHexDigit(reader.next) else { return false }
        reader.skip()
      }
    }
    return reader.isAtEnd
  }

  /// RFC 6901.
  var isJSONPointer: Bool {
    guard isAtEnd || next == UInt8(ascii: "/") else { return false }
    var reader = self
    while let escape = reader.firstPlace(of: UInt8(ascii: "~")) {
      reader = reader.from(escape)
      guard reader.peek(1) == UInt8(ascii: "0") || reader.peek(1) == UInt8(ascii: "1") else {
        return false
      }
      reader.skip(2)
    }
    return true
  }

  /// The draft of relative JSON pointers: a number, then `#` or a pointer.
  var isRelativeJSONPointer: Bool {
    var reader = self
    let first = reader.next
    let digits = reader.skipDigits()
    guard digits > 0, digits == 1 || first != UInt8(ascii: "0") else { return false }
    if reader.take("#") { return reader.isAtEnd }
    return reader.isJSONPointer
  }
}
