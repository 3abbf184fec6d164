/// How roles look: the terminal's own 16 colours on its own background, and attributes.
public enum Theme: String, Sendable, Hashable, CaseIterable {
  case dark
  case light
  /// Attributes only.
  case mono
}

/// One of the eight colours a terminal always has when it has colours, as ANSI numbers them.
enum Colour: UInt8, CaseIterable {
  case red = 1
  case green = 2
  case yellow = 3
  case blue = 4
  case magenta = 5
  case cyan = 6
}

/// What is sent to the terminal for a style.
struct Look: Hashable {
  var colour: Colour?
  var bold = false
  var reverse = false
  var underline = false
  var dim = false
}

extension Theme {
  func look(of style: Style) -> Look {
    var look = look(of: style.role)
    look.bold = look.bold || style.bold
    look.reverse = look.reverse != style.reverse
    look.underline = look.underline || style.underline
    look.dim = look.dim || style.dim
    return look
  }

  private func look(of role: Role) -> Look {
    let coloured = self != .mono
    return switch role {
    case .plain, .value: Look()
    case .title: Look(bold: true)
    // Dim and not bright black, which is the background's colour in some palettes.
    case .faint, .remark, .border: Look(dim: true)
    case .good: Look(colour: coloured ? .green : nil)
    // Yellow cannot be read on white.
    case .warning: Look(colour: coloured ? (self == .light ? .magenta : .yellow) : nil, bold: true)
    case .bad: Look(colour: coloured ? .red : nil, bold: true)
    case .accent: Look(colour: coloured ? (self == .light ? .blue : .cyan) : nil)
    case .key: Look(colour: coloured ? (self == .light ? .blue : .cyan) : nil, bold: true)
    case .selected: Look(reverse: true)
    case .banner: Look(colour: coloured ? .red : nil, bold: true, reverse: true)
    }
  }
}

extension Look {
  /// The escape sequence that makes a terminal draw like this, from any state before.
  func sgr(colours: Bool) -> String {
    var codes = ["0"]
    if bold { codes.append("1") }
    if dim { codes.append("2") }
    if underline { codes.append("4") }
    if reverse { codes.append("7") }
    if colours, let colour { codes.append(String(30 + Int(colour.rawValue))) }
    return "\u{1B}[" + codes.joined(separator: ";") + "m"
  }
}
