/// What a piece of the screen is for; the theme decides how that looks.
public enum Role: UInt8, Sendable, Hashable, CaseIterable {
  case plain
  case title
  case faint
  case good
  case warning
  case bad
  case accent
  case key
  case selected
  case banner
  case border
  case value
  case remark
}

/// How a cell is drawn.
public struct Style: Sendable, Hashable {
  public var role: Role
  public var bold: Bool
  public var reverse: Bool
  public var underline: Bool
  public var dim: Bool

  public init(
    role: Role = .plain,
    bold: Bool = false,
    reverse: Bool = false,
    underline: Bool = false,
    dim: Bool = false
  ) {
    self.role = role
    self.bold = bold
    self.reverse = reverse
    self.underline = underline
    self.dim = dim
  }

  public init(
    _ role: Role,
    bold: Bool = false,
    reverse: Bool = false,
    underline: Bool = false,
    dim: Bool = false
  ) {
    self.init(role: role, bold: bold, reverse: reverse, underline: underline, dim: dim)
  }

  public static let plain = Style(.plain)
  public static let title = Style(.title)
  public static let faint = Style(.faint)
  public static let good = Style(.good)
  public static let warning = Style(.warning)
  public static let bad = Style(.bad)
  public static let accent = Style(.accent)
  public static let key = Style(.key)
  public static let selected = Style(.selected)
  public static let banner = Style(.banner)
  public static let border = Style(.border)
  public static let value = Style(.value)
  public static let remark = Style(.remark)
}

/// Where text stands in the room it is given.
public enum Alignment: Sendable, Hashable {
  case leading
  case trailing
  case centre
}
