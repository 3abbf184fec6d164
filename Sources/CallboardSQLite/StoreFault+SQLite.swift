import Callboard
import GRDB

extension StoreFault {
  /// What is wrong with a file, in words that say what to do.
  init(_ error: any Error, at path: String) {
    if let fault = error as? StoreFault {
      self = fault
      return
    }
    guard let error = error as? DatabaseError else {
      self.init("\(path) can't be written: \(error)")
      return
    }
    switch error.resultCode {
    case .SQLITE_FULL: self.init("the disk is full: \(path) can't grow; make room there")
    case .SQLITE_READONLY: self.init("\(path) is read-only; make it writable")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      self.init(
        "\(path) is damaged (\(error.message ?? "SQLite can't read it")); stop, keep a copy, and run callboard store check"
      )
    case .SQLITE_CANTOPEN, .SQLITE_PERM:
      self.init("\(path) can't be opened; see that its folder exists and may be written")
    case .SQLITE_IOERR:
      self.init("\(path) can't be written: the disk reports an error (\(error.extendedResultCode))")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init("\(path) is locked by another program; end it")
    default:
      self.init("\(path) can't be written: \(error.message ?? "\(error.resultCode)")")
    }
  }
}
