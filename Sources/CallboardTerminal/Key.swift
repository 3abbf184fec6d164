/// What a person pressed, or what the terminal said.
public enum Key: Sendable, Hashable {
  case character(Character)
  case enter
  case escape
  case tab
  case backTab
  case backspace
  case delete
  case insert
  case up
  case down
  case left
  case right
  case home
  case end
  case pageUp
  case pageDown
  /// A letter with Ctrl, in lower case, or one of `@ \ ] ^ _`.
  case control(Character)
  case function(Int)
  /// A whole bracketed paste; what is longer than the decoder's bound is cut.
  case paste(String)
  /// Bytes that are no key: cut by a slow line, or a key this program does not know. Never to be
  /// acted on.
  case brokenSequence
  /// The window has another size.
  case resize
  /// The terminal's answer to `CSI 5 n`: all before it has been drawn.
  case statusReport
  case focusIn
  case focusOut

  /// Whether it may be part of a text that is pasted.
  public var isTyped: Bool {
    switch self {
    case .character, .enter, .tab: true
    default: false
    }
  }
}
