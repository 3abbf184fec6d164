/// One place where an audit log is not as it was written, and what was done to it.
public struct AuditFault: Sendable, Hashable, CustomStringConvertible {
  /// What was done.
  public enum Kind: String, Sendable, CaseIterable {
    /// An entry's lines, count or hash are not what was written.
    case changed
    /// Entries between others are missing.
    case removed
    /// Entries stand where others stood.
    case reordered
    /// Entries are there that the engine did not write.
    case inserted
    /// The end is missing.
    case cutOff = "cut_off"
    /// Entries were made anew with all hashes after them.
    case rewritten
    /// What the file holds as the end of the log was changed.
    case head
    /// What the file holds of archived entries was changed.
    case checkpoint
  }

  public let kind: Kind
  /// Numbers of the events that it concerns, where it concerns some and not others.
  public internal(set) var events: ClosedRange<Int>?
  let detail: String

  public var description: String {
    guard let events else { return detail }
    let numbers =
      events.count == 1
      ? "event \(events.lowerBound)" : "events \(events.lowerBound)–\(events.upperBound)"
    let verb = events.count == 1 ? "was" : "were"
    return switch kind {
    case .changed: "\(numbers) \(verb) changed: \(detail)"
    case .removed: "\(numbers) \(verb) removed: \(detail)"
    case .reordered: "\(numbers) \(verb) moved: \(detail)"
    case .inserted: "\(numbers) \(verb) inserted: \(detail)"
    case .cutOff: "\(numbers) \(verb) cut off at the end: \(detail)"
    case .rewritten: "\(numbers) \(verb) rewritten: \(detail)"
    case .head, .checkpoint: detail
    }
  }
}
