import Callboard
import GRDB
import Glibc

extension StoreFault {
  /// What is wrong with a file that is written, in words that say what to do.
  init(_ error: any Error, at path: String) { self.init(error, at: path, doing: "written") }

  /// The same of a file that is read.
  init(reading error: any Error, at path: String) { self.init(error, at: path, doing: "read") }

  private init(_ error: any Error, at path: String, doing: String) {
    if let fault = error as? StoreFault {
      self = fault
      return
    }
    guard let error = error as? DatabaseError else {
      self.init(
        doing == "read"
          ? "\(path) is damaged: a record in it can't be read (\(error)); run callboard store check"
          : "\(path) can't be \(doing): \(error)"
      )
      return
    }
    switch error.resultCode {
    case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_FULL:
      // SQLite says so of the file only, not of what it makes beside it.
      if Self.isFull(at: path) {
        self.init("the disk is full: \(path) can't grow; make room there")
        return
      }
    default: break
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
      self.init(
        "\(path) can't be \(doing): the disk reports an error (\(error.extendedResultCode))"
      )
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init("\(path) is locked by another program; end it")
    case .SQLITE_CONSTRAINT:
      self.init(
        "another program has written into \(path) since this one opened it; end it, and start callboard anew"
      )
    default:
      self.init("\(path) can't be \(doing): \(error.message ?? "\(error.resultCode)")")
    }
  }

  private static func isFull(at path: String) -> Bool {
    var info = statvfs()
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return statvfs(folder.isEmpty ? "/" : folder, &info) == 0 && info.f_bavail == 0
      && info.f_blocks > 0
  }
}
