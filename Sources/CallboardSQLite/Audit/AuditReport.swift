import Callboard
import Foundation

/// What a verification of an audit log found.
public struct AuditReport: Sendable {
  /// Whether the code of the log's end says that an engine with the key wrote it.
  public enum Signature: String, Sendable {
    case genuine
    /// There is a code, and no key was given to check it with.
    case unchecked
    /// There is no code: the store has no key.
    case none
    case wrong
  }

  /// Where a head that was kept elsewhere was found.
  public struct KnownHead: Sendable, Hashable {
    /// Which entry it is, counted from the first that was verified; 0: what stands before the first.
    public var entry: Int
    /// Number of its last event.
    public var event: Int
    /// Entries that have come since.
    public var since: Int
  }

  /// The stream's name; nil where the file holds none.
  public var stream: String?
  /// Where the log was archived; verification begins behind the last one.
  public var checkpoints: [AuditCheckpoint] = []
  /// Some of these are signed, and no key was given to check that with.
  public var hasUncheckedCheckpoints = false
  /// Number of the last event before the first that was verified.
  public var start: Int
  public var entries: Int
  public var events: Int
  public var first: Int?
  public var last: Int
  /// Of the last entry: to keep elsewhere.
  public var head: AuditHash
  public var signature: Signature
  public var known: KnownHead?
  public var faults: [AuditFault]
  /// How many more there are than are named.
  public var unnamedFaults: Int
  public var seconds: Double = 0

  public var isWhole: Bool { faults.isEmpty }

  init(_ verifier: AuditVerifier, start: Int, stream: String?, signature: Signature) {
    self.stream = stream
    self.start = start
    entries = verifier.entries
    events = verifier.events
    first = verifier.firstEvent
    last = verifier.last
    head = AuditHash(verifier.hash)
    self.signature = signature
    known = verifier.found.map {
      KnownHead(entry: $0.entry, event: $0.event, since: verifier.entries - $0.entry)
    }
    faults = verifier.faults
    unnamedFaults = verifier.unnamed
  }
}
