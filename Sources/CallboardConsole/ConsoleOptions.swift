import CallboardTerminal
import Foundation

/// How a console is set up.
public struct ConsoleOptions: Sendable {
  /// Binds no key that acts; so does a principal who may not decide.
  public var isReadOnly: Bool
  public var theme: Theme
  /// One line for somebody who sees this for the first time: what is on the screen and how to begin.
  public var hint: String?
  /// Keys by action, such as `["approve": "A", "hold": "F9"]`; actions that are not named keep theirs.
  public var keys: [String: String]
  /// Times are shown in this zone.
  public var timeZone: TimeZone
  /// Whether the engine ends with this console, so that leaving it ends its calls.
  public var endsEngine: Bool
  /// The editor for arguments, as a command line; nil: `$VISUAL`, `$EDITOR`, else `vi`.
  public var editor: String?

  public init(
    isReadOnly: Bool = false,
    theme: Theme = .dark,
    hint: String? = nil,
    keys: [String: String] = [:],
    timeZone: TimeZone = .current,
    endsEngine: Bool = true,
    editor: String? = nil
  ) {
    self.isReadOnly = isReadOnly
    self.theme = theme
    self.hint = hint
    self.keys = keys
    self.timeZone = timeZone
    self.endsEngine = endsEngine
    self.editor = editor
  }
}
