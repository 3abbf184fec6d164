import Foundation

extension ShiftReport {
  /// A grant that somebody gave, or took back.
  public struct GrantStep: Sendable, Codable, Hashable {
    public var grant: GrantID?
    public var isGiven: Bool
    public var by: String
    public var at: Date
    public var function: String
    /// Who gave it, where it is taken back.
    public var giver: String?
    /// What it covers, in words.
    public var covers: String
    /// Its end, where it is given.
    public var until: Date?

    public init(
      grant: GrantID?,
      isGiven: Bool,
      by: String,
      at: Date,
      function: String,
      giver: String?,
      covers: String,
      until: Date?
    ) {
      self.grant = grant
      self.isGiven = isGiven
      self.by = by
      self.at = at
      self.function = function
      self.giver = giver
      self.covers = covers
      self.until = until
    }
  }
}

extension ShiftReport.GrantStep {
  /// As the event tells of it: what it covers, its end and its giver stand in the cause, as people read it there.
  init(_ event: EngineEvent, isGiven: Bool) {
    let function = event.function ?? "?"
    let cause = event.cause ?? ""
    let parts = cause.dropping(GrantWords.gives).components(separatedBy: GrantWords.end)
    self.init(
      grant: event.grant,
      isGiven: isGiven,
      by: event.by ?? "callboard",
      at: event.time,
      function: function,
      giver: isGiven ? nil : cause.components(separatedBy: GrantWords.giver).last,
      covers: isGiven
        ? parts.dropLast(parts.count > 1 ? 1 : 0).joined(separator: GrantWords.end)
        : "calls of \(function)",
      until: isGiven ? parts.last.flatMap(ISOTime.date(of:)) : nil
    )
  }
}

/// The words by which the events of grants are written and read.
enum GrantWords {
  static let gives = "grants "
  static let end = ", until "
  static let giver = ", given by "

  static func given(_ draft: GrantDraft, until: Date) -> String {
    gives + draft.words + end + ISOTime.text(of: until)
  }

  static func takenBack(_ grant: Grant) -> String {
    "takes back \(grant.id.short)" + giver + grant.by.name
  }
}

extension String {
  fileprivate func dropping(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
