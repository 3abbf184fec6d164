import Foundation

/// A function whose definition has changed and is not accepted, in a list.
public struct DefinitionRow: Sendable, Codable, Hashable, Identifiable {
  public var id: String { name }
  /// The function's.
  public var name: String
  public var provider: String
  public var effect: FunctionEffect
  public var since: Date
  /// Hash of the accepted definition, and of the one that is announced: what accepting it must name.
  public var from: String
  public var to: String
  /// What has changed, in a few words; not sanitised.
  public var summary: String
  /// Who has looked at it and left it held.
  public var declined: Switched?
  /// Calls that wait for approval under another definition.
  public var waiting: Int

  public init(
    name: String,
    provider: String,
    effect: FunctionEffect,
    since: Date,
    from: String,
    to: String,
    summary: String,
    declined: Switched? = nil,
    waiting: Int = 0
  ) {
    self.name = name
    self.provider = provider
    self.effect = effect
    self.since = since
    self.from = from
    self.to = to
    self.summary = summary
    self.declined = declined
    self.waiting = waiting
  }
}

/// What has changed of a function's definition, whole: what has to be read before it is accepted.
public struct DefinitionChange: Sendable, Codable, Hashable {
  public var row: DefinitionRow
  /// What binds first, then words for people.
  public var differences: [DefinitionDifference]
  /// Why the new definition can't be used at all.
  public var problem: String?

  public init(row: DefinitionRow, differences: [DefinitionDifference], problem: String? = nil) {
    self.row = row
    self.differences = differences
    self.problem = problem
  }
}
