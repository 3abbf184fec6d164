extension TextReader {
  /// Four decimal numbers to 255 without leading zeros.
  mutating func ipv4() -> Bool {
    for place in 0..<4 {
      if place > 0, !take(".") { return false }
      var part = self
      let digits = skipDigits()
      guard (1...3).contains(digits), digits == 1 || part.next != UInt8(ascii: "0"),
        let value = part.number(digits: digits), value <= 255
      else { return false }
    }
    return true
  }

  /// The form of RFC 4291, without a zone.
  var isIPv6: Bool {
    var reader = self
    var groups = 0
    var hasGap = false
    if reader.next == UInt8(ascii: ":") {
      guard reader.peek(1) == UInt8(ascii: ":") else { return false }
      reader.skip(2)
      hasGap = true
      if reader.isAtEnd { return true }
    }
    while true {
      var address = reader
      if address.ipv4(), address.isAtEnd {
        groups += 2
        break
      }
      guard (1...4).contains(reader.skipHexDigits()) else { return false }
      groups += 1
      if reader.isAtEnd { break }
      guard reader.take(":") else { return false }
      if reader.take(":") {
        guard !hasGap else { return false }
        hasGap = true
        if reader.isAtEnd { break }
      }
    }
    return hasGap ? groups <= 7 : groups == 8
  }

  /// `Mailbox` of RFC 5321.
  func isEmail(international: Bool) -> Bool {
    guard let separator = lastPlace(of: UInt8(ascii: "@")) else { return false }
    var local = until(separator)
    guard (1...64).contains(local.count), local.localPart(international: international),
      local.isAtEnd
    else { return false }
    var domain = from(separator)
    domain.skip()
    guard domain.next == UInt8(ascii: "[") else {
      return domain.isHostname(international: international)
    }
    guard domain.last == UInt8(ascii: "]"), domain.count > 2,
      let end = domain.lastPlace(of: UInt8(ascii: "]"))
    else { return false }
    domain = domain.until(end)
    domain.skip()
    var address = domain
    if address.ipv4(), address.isAtEnd { return true }
    for letter in ["i", "p", "v"] as [Unicode.Scalar] where !domain.takeLetter(letter) {
      return false
    }
    return domain.take("6") && domain.take(":") && domain.isIPv6
  }

  private mutating func localPart(international: Bool) -> Bool {
    if take("\"") {
      while !isAtEnd {
        if take("\"") { return true }
        if take("\\") {
          guard (0x20...0x7E).contains(next) else { return false }
          skip()
          continue
        }
        guard (0x20...0x7E).contains(next) || (international && next >= 0x80) else { return false }
        skip()
      }
      return false
    }
    while true {
      let start = at
      while isAtomText(next) || (international && next >= 0x80) { skip() }
      guard at > start else { return false }
      if isAtEnd { return true }
      guard take(".") else { return false }
    }
  }

  private func isAtomText(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte)
      || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
  }

  /// Labels of RFC 1123; international ones as IDNA 2008 (RFC 5890 to 5893) allows them.
  func isHostname(international: Bool) -> Bool {
    if international {
      guard let scalars else { return false }
      return isInternationalHostname(scalars)
    }
    guard (1...253).contains(count) else { return false }
    var reader = self
    while true {
      let end = reader.firstPlace(of: UInt8(ascii: ".")) ?? reader.at + reader.count
      let label = reader.until(end)
      guard label.isLabel else { return false }
      reader.skip(label.count)
      if reader.isAtEnd { return true }
      reader.skip()
    }
  }

  private var isLabel: Bool {
    guard (1...63).contains(count), next != UInt8(ascii: "-"), last != UInt8(ascii: "-") else {
      return false
    }
    var reader = self
    while !reader.isAtEnd {
      guard isLetter(reader.next) || isDigit(reader.next) || reader.next == UInt8(ascii: "-") else {
        return false
      }
      reader.skip()
    }
    guard peek(2) == UInt8(ascii: "-"), peek(3) == UInt8(ascii: "-") else { return true }
    // Two hyphens there announce an encoded label, and only that.
    return scalars.map(isEncodedLabel) ?? false
  }
}
