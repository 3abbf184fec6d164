import Foundation

extension ShiftReport {
  /// A grant that somebody gave or took back, or that another definition has made void.
  public struct GrantStep: Sendable, Codable, Hashable {
    public enum Kind: String, Sendable, Codable, Hashable {
      case given
      case takenBack = "taken_back"
      case void
    }

    public var grant: GrantID?
    public var kind: Kind
    public var by: String
    public var at: Date
    public var function: String
    /// Who gave it, where it is taken back or void.
    public var giver: String?
    /// What it covers, in words.
    public var covers: String
    /// Why it is void.
    public var cause: String?
    /// Its end, where it is given.
    public var until: Date?

    public init(
      grant: GrantID?,
      kind: Kind,
      by: String,
      at: Date,
      function: String,
      giver: String?,
      covers: String,
      cause: String?,
      until: Date?
    ) {
      self.grant = grant
      self.kind = kind
      self.by = by
      self.at = at
      self.function = function
      self.giver = giver
      self.covers = covers
      self.cause = cause
      self.until = until
    }
  }
}

extension ShiftReport.GrantStep {
  /// As the event tells of it: what it covers, its end and its giver stand in the cause, as people read it there.
  init(_ event: EngineEvent, _ kind: Kind) {
    let function = event.function ?? "?"
    let cause = event.cause ?? ""
    let parts = cause.dropping(GrantWords.gives).components(separatedBy: GrantWords.end)
    var step = Self(
      grant: event.grant,
      kind: kind,
      by: event.by ?? "callboard",
      at: event.time,
      function: function,
      giver: nil,
      covers: "calls of \(function)",
      cause: nil,
      until: nil
    )
    switch kind {
    case .given:
      step.covers = parts.dropLast(parts.count > 1 ? 1 : 0).joined(separator: GrantWords.end)
      step.until = parts.last.flatMap(ISOTime.date(of:))
    case .takenBack: step.giver = cause.components(separatedBy: GrantWords.giver).last
    case .void:
      let parts = cause.components(separatedBy: GrantWords.changed)
      step.giver = parts.first?.components(separatedBy: GrantWords.giver).last
      step.cause = parts.dropFirst().joined(separator: GrantWords.changed)
    }
    self = step
  }
}

/// The words by which the events of grants are written and read.
enum GrantWords {
  static let gives = "grants "
  static let end = ", until "
  static let giver = ", given by "
  static let changed = ", is void: the definition has changed: "

  static func given(_ draft: GrantDraft, until: Date) -> String {
    gives + draft.words + end + ISOTime.text(of: until)
  }

  static func takenBack(_ grant: Grant) -> String {
    "takes back \(grant.id.short)" + giver + grant.by.name
  }

  static func void(_ grant: Grant, _ cause: String) -> String {
    grant.id.short + giver + grant.by.name + changed + cause
  }
}

extension String {
  fileprivate func dropping(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
