import Foundation
import JSONSchema
import Synchronization

/// How often each grant has served, and what has become of those that ended lately.
///
/// Which ones stand is in the catalogue, so that every shard knows it at once.
final class GrantBook: Sendable {
  /// A grant as it stands among the settings of a store.
  struct Entry: Sendable, Codable, Hashable {
    var grant: Grant
    var uses = 0
    var revoked: Switched?
    /// By function: since when it is void for it, and why; for good, whatever definition comes after.
    var void: [String: Voided]?

    struct Voided: Sendable, Codable, Hashable {
      var since: Date
      var cause: String
    }

    /// Since when it serves nothing any more, whatever its time; nil where it may.
    var end: Date? {
      if let revoked { return revoked.at }
      guard let void, !void.isEmpty, grant.definitions.keys.allSatisfy({ void[$0] != nil }) else {
        return nil
      }
      return void.values.map(\.since).max()
    }
  }

  private let entries = Mutex<[GrantID: Entry]>([:])

  /// Oldest first.
  var all: [Entry] {
    entries.withLock { $0.values.sorted { $0.grant.id < $1.grant.id } }
  }

  func entry(_ id: GrantID) -> Entry? { entries.withLock { $0[id] } }

  /// `store` is told what has to be kept of it, under the lock: later values come later.
  func put(_ entry: Entry, _ store: (Entry) -> Void) {
    entries.withLock { entries in
      entries[entry.grant.id] = entry
      store(entry)
    }
  }

  /// Whether one more call may be counted.
  func hasRoom(_ id: GrantID) -> Bool {
    entry(id).map { entry in entry.grant.limit.map { entry.uses < $0 } ?? true } ?? false
  }

  /// Counts one more call, unless it has served as many as it may.
  func take(_ id: GrantID, _ store: (Entry) -> Void) -> Bool {
    entries.withLock { entries in
      guard var entry = entries[id], entry.grant.limit.map({ entry.uses < $0 }) ?? true else {
        return false
      }
      entry.uses += 1
      entries[id] = entry
      store(entry)
      return true
    }
  }

  /// Counts one less, or again one that was given back by mistake.
  func correct(_ id: GrantID, by difference: Int, _ store: (Entry) -> Void) {
    entries.withLock { entries in
      guard var entry = entries[id] else { return }
      entry.uses = max(0, entry.uses + difference)
      entries[id] = entry
      store(entry)
    }
  }

  /// Notes who took it back; returns how it stands in the store from now on.
  func revoke(_ id: GrantID, _ revoked: Switched) -> Entry? {
    entries.withLock { entries in
      guard var entry = entries[id], entry.revoked == nil else { return nil }
      entry.revoked = revoked
      entries[id] = entry
      return entry
    }
  }

  /// Notes for which function it is void from now on; returns how it stands in the store from now on.
  func void(_ id: GrantID, for function: String, _ void: Entry.Voided) -> Entry? {
    entries.withLock { entries in
      guard var entry = entries[id], entry.void?[function] == nil else { return nil }
      entry.void = (entry.void ?? [:]).merging([function: void]) { old, _ in old }
      entries[id] = entry
      return entry
    }
  }

  /// Forgets what ended long ago, and says which those are.
  func forget(before time: Date) -> [GrantID] {
    entries.withLock { entries in
      let old = entries.values.filter {
        min($0.grant.until, $0.end ?? .distantFuture) < time
      }
      for entry in old { entries[entry.grant.id] = nil }
      return old.map(\.grant.id)
    }
  }
}
