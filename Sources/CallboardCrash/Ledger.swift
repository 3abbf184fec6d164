import Foundation
import Glibc

/// A file that keeps each line from the moment it is noted, also when the process is killed right after.
final class Ledger: Sendable {
  private let descriptor: Int32

  init(_ path: String) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0, "\(path) can't be opened")
  }

  /// One write(2) a line, so that lines of several threads don't mix.
  func note(_ words: String...) {
    let line = Array((words.joined(separator: " ") + "\n").utf8)
    let written = write(descriptor, line, line.count)
    precondition(written == line.count, "a line was not noted")
  }
}
