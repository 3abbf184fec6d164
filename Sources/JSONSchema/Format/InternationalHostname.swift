/// Whether a text is a host name whose labels IDNA 2008 allows.
func isInternationalHostname(_ text: [Unicode.Scalar]) -> Bool {
  // The full stops that input methods of other scripts write.
  let stops: Set<Unicode.Scalar> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
  let labels = text.split(omittingEmptySubsequences: false) { stops.contains($0) }
  var length = labels.count - 1
  for label in labels {
    let label = Array(label)
    guard isInternationalLabel(label) else { return false }
    length += label.allSatisfy(\.isASCII) ? label.count : (punycode(label)?.count ?? 0) + 4
  }
  return length <= 253
}

/// Whether a label that starts with `xn--` decodes to one that IDNA 2008 allows and would be encoded as it is.
func isEncodedLabel(_ label: [Unicode.Scalar]) -> Bool {
  guard label.count > 4, label.allSatisfy(\.isASCII) else { return false }
  let lower = String(String.UnicodeScalarView(label)).lowercased()
  guard lower.hasPrefix("xn--"), !lower.hasSuffix("-") else { return false }
  let encoded = Array(lower.unicodeScalars.dropFirst(4))
  guard let decoded = punycodeDecoded(encoded), !decoded.allSatisfy(\.isASCII) else { return false }
  return punycode(decoded) == encoded && isUnicodeLabel(decoded)
}

private func isInternationalLabel(_ label: [Unicode.Scalar]) -> Bool {
  guard !label.isEmpty else { return false }
  guard label.allSatisfy(\.isASCII) else {
    guard let encoded = punycode(label), encoded.count <= 59 else { return false }
    return isUnicodeLabel(label)
  }
  guard label.count <= 63, label.first != "-", label.last != "-" else { return false }
  for scalar in label where !isLetterDigitHyphen(scalar) { return false }
  guard label.count > 3, label[2] == "-", label[3] == "-" else { return true }
  return isEncodedLabel(label)
}

private func isLetterDigitHyphen(_ scalar: Unicode.Scalar) -> Bool {
  scalar.isASCII
    && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-")
}

// MARK: IDNA 2008

/// A label with characters beyond ASCII, RFC 5891 section 4.2.
private func isUnicodeLabel(_ label: [Unicode.Scalar]) -> Bool {
  guard let first = label.first, first != "-", label.last != "-" else { return false }
  if label.count > 3, label[2] == "-", label[3] == "-" { return false }
  switch first.properties.generalCategory {
  case .nonspacingMark, .spacingMark, .enclosingMark: return false
  default: break
  }
  for (place, scalar) in label.enumerated() {
    guard let rule = contextRule(scalar) else {
      guard isProtocolValid(scalar) else { return false }
      continue
    }
    guard rule(label, place) else { return false }
  }
  return followsBidiRule(label)
}

private func isProtocolValid(_ scalar: Unicode.Scalar) -> Bool {
  // RFC 5892 section 2.6: exceptions to what the categories say.
  switch scalar.value {
  case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
  case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
  default: break
  }
  if scalar.isASCII { return isLetterDigitHyphen(scalar) && !scalar.properties.isUppercase }
  let properties = scalar.properties
  if properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint { return false }
  // Old Hangul letters are not allowed.
  switch scalar.value {
  case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB: return false
  default: break
  }
  // What compatibility normalization or case folding would change is unstable.
  let text = String(scalar)
  if properties.changesWhenCaseFolded || text.lowercased() != text { return false }
  switch scalar.value {
  case 0xFF00...0xFFEF, 0xFB00...0xFB06, 0x2100...0x214F, 0x2460...0x24FF: return false
  default: break
  }
  switch properties.generalCategory {
  case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark,
    .spacingMark, .decimalNumber:
    return true
  default: return false
  }
}

/// The rule of RFC 5892, appendix A, for a character that is allowed in some places only.
private func contextRule(_ scalar: Unicode.Scalar) -> (([Unicode.Scalar], Int) -> Bool)? {
  switch scalar.value {
  case 0x200C: return { isAfterVirama($0, $1) || partsLetters($0, $1) }
  case 0x200D: return isAfterVirama
  case 0xB7:
    return { label, place in
      place > 0 && place + 1 < label.count && label[place - 1] == "l" && label[place + 1] == "l"
    }
  case 0x375:
    return { label, place in place + 1 < label.count && isGreek(label[place + 1]) }
  case 0x5F3, 0x5F4:
    return { label, place in place > 0 && isHebrew(label[place - 1]) }
  case 0x30FB:
    return { label, _ in label.contains(where: isKanaOrHan) }
  case 0x660...0x669:
    return { label, _ in !label.contains { (0x6F0...0x6F9).contains($0.value) } }
  case 0x6F0...0x6F9:
    return { label, _ in !label.contains { (0x660...0x669).contains($0.value) } }
  default: return nil
  }
}

private func isAfterVirama(_ label: [Unicode.Scalar], _ place: Int) -> Bool {
  place > 0 && label[place - 1].properties.canonicalCombiningClass == .virama
}

/// Whether the letters on both sides would join.
private func partsLetters(_ label: [Unicode.Scalar], _ place: Int) -> Bool {
  let before = label[..<place].last { !JoiningLetters.isTransparent($0) }
  let after = label[(place + 1)...].first { !JoiningLetters.isTransparent($0) }
  guard let before, let after else { return false }
  return JoiningLetters.joinsNext(before) && JoiningLetters.joinsPrevious(after)
}

private func isGreek(_ scalar: Unicode.Scalar) -> Bool {
  (0x370...0x3FF).contains(scalar.value) || (0x1F00...0x1FFF).contains(scalar.value)
}

private func isHebrew(_ scalar: Unicode.Scalar) -> Bool { (0x591...0x5F4).contains(scalar.value) }

private func isKanaOrHan(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x3041...0x309F, 0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x3005, 0x3007,
    0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3134F:
    true
  default: false
  }
}

// MARK: Direction (RFC 5893)

/// The classes of the Unicode Bidirectional Algorithm, as far as characters of labels have them.
private enum Direction {
  case left
  case right
  case digit
  case arabicDigit
  case mark
  case neutral

  init(_ scalar: Unicode.Scalar) {
    switch (scalar.value, scalar.properties.generalCategory) {
    case (_, .nonspacingMark), (_, .enclosingMark): self = .mark
    case (0x30...0x39, _), (0x6F0...0x6F9, _): self = .digit
    case (0x660...0x669, _), (0x10D30...0x10D39, _): self = .arabicDigit
    case (0x2D, _), (0xB7, _), (0x375, _), (0x30FB, _), (0x200C...0x200D, _): self = .neutral
    case (0x590...0x8FF, _), (0xFB1D...0xFDFF, _), (0xFE70...0xFEFE, _), (0x10800...0x10FFF, _),
      (0x1E800...0x1EFFF, _):
      self = .right
    default: self = .left
    }
  }
}

/// Whether a label that has letters written from right to left has them alone, starts with one and ends with one or
/// with digits, which are of one kind.
private func followsBidiRule(_ label: [Unicode.Scalar]) -> Bool {
  let directions = label.map { Direction($0) }
  guard directions.contains(where: { $0 == .right || $0 == .arabicDigit }) else { return true }
  guard directions.first == .right, !directions.contains(.left),
    !directions.contains(.digit) || !directions.contains(.arabicDigit)
  else { return false }
  switch directions.last(where: { $0 != .mark }) {
  case .right, .digit, .arabicDigit: return true
  case .left, .mark, .neutral, nil: return false
  }
}

// MARK: Punycode (RFC 3492)

private func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
  var delta = isFirst ? delta / 700 : delta / 2
  delta += delta / points
  var k = 0
  while delta > 455 {
    delta /= 35
    k += 36
  }
  return k + 36 * delta / (delta + 38)
}

private func threshold(_ k: Int, bias: Int) -> Int { min(max(k - bias, 1), 26) }

private func punycode(_ label: [Unicode.Scalar]) -> [Unicode.Scalar]? {
  let basic = label.filter(\.isASCII)
  var output = basic
  if !basic.isEmpty { output.append("-") }
  var n = 128
  var delta = 0
  var bias = 72
  var handled = basic.count
  guard label.count < 1000 else { return nil }
  while handled < label.count {
    guard let next = label.lazy.map({ Int($0.value) }).filter({ $0 >= n }).min() else { return nil }
    delta += (next - n) * (handled + 1)
    n = next
    for scalar in label {
      if scalar.value < n { delta += 1 }
      guard scalar.value == n else { continue }
      var q = delta
      var k = 36
      while q >= threshold(k, bias: bias) {
        let t = threshold(k, bias: bias)
        output.append(punycodeDigit(t + (q - t) % (36 - t)))
        q = (q - t) / (36 - t)
        k += 36
      }
      output.append(punycodeDigit(q))
      bias = adapted(delta, points: handled + 1, isFirst: handled == basic.count)
      delta = 0
      handled += 1
    }
    delta += 1
    n += 1
  }
  return output
}

private func punycodeDigit(_ value: Int) -> Unicode.Scalar {
  Unicode.Scalar(UInt8(truncatingIfNeeded: value < 26 ? value + 0x61 : value - 26 + 0x30))
}

private func punycodeDecoded(_ text: [Unicode.Scalar]) -> [Unicode.Scalar]? {
  guard text.count < 1000 else { return nil }
  var output: [Unicode.Scalar] = []
  var rest = text[...]
  if let hyphen = text.lastIndex(of: "-") {
    output = Array(text[..<hyphen])
    rest = text[(hyphen + 1)...]
  }
  var n = 128
  var i = 0
  var bias = 72
  while !rest.isEmpty {
    let before = i
    var weight = 1
    var k = 36
    while true {
      guard let digit = rest.popFirst().flatMap(punycodeValue) else { return nil }
      i += digit * weight
      let t = threshold(k, bias: bias)
      if digit < t { break }
      weight *= 36 - t
      guard weight < 1 << 40, i < 1 << 40 else { return nil }
      k += 36
    }
    bias = adapted(i - before, points: output.count + 1, isFirst: before == 0)
    n += i / (output.count + 1)
    i %= output.count + 1
    guard n <= 0x10FFFF, let scalar = Unicode.Scalar(UInt32(n)) else { return nil }
    output.insert(scalar, at: i)
    i += 1
  }
  return output
}

private func punycodeValue(_ scalar: Unicode.Scalar) -> Int? {
  switch scalar {
  case "a"..."z": Int(scalar.value) - 0x61
  case "0"..."9": Int(scalar.value) - 0x30 + 26
  default: nil
  }
}
