import Callboard
import GRDB

/// Why a store can't be opened or read, in a sentence.
public struct StoreProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// What a script has to know of it.
  public enum Kind: Sendable, Hashable {
    /// It is not there, is held, or can't be read or written.
    case unreachable
    /// There is something else than a store that this version can use.
    case wrongFile
    /// It is a store, and damaged.
    case damaged
  }

  public let kind: Kind
  public let description: String

  init(_ description: String) { self.init(.unreachable, description) }

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// What an error of SQLite or of the system means for a file.
  public init(_ error: any Error, at path: String) {
    if let problem = error as? StoreProblem {
      self = problem
      return
    }
    let fault = StoreFault(error, at: path)
    guard let error = error as? DatabaseError else {
      self.init(fault.description)
      return
    }
    switch error.resultCode {
    case .SQLITE_NOTADB:
      self.init(.wrongFile, "\(path) is no SQLite database; name a file that callboard has made")
    case .SQLITE_CORRUPT: self.init(.damaged, fault.description)
    default: self.init(fault.description)
    }
  }
}
