import Callboard
import CallboardTerminal
import Foundation
import Glibc

/// Writes a view as text into a new file that only this user can read; the result is what to say about it.
func writeViewFile(_ lines: [String], to path: String) -> Result<SafeText, EditorFailure> {
  let home = ProcessInfo.processInfo.environment["HOME"]
  let full = path.hasPrefix("~/") ? (home.map { $0 + path.dropFirst() } ?? path) : path
  // A file that is there stays as it is, and a link is not followed.
  let file = open(full, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
  guard file >= 0 else {
    let why =
      errno == EEXIST
      ? "it is there already; choose another name" : String(cString: strerror(errno))
    return .failure(EditorFailure(message: "\(path): \(why)"))
  }
  defer { close(file) }
  var rest = Array((lines.joined(separator: "\n") + "\n").utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else {
      return .failure(EditorFailure(message: "\(path): \(String(cString: strerror(errno)))"))
    }
    rest = rest.dropFirst(count)
  }
  return .success(
    "written: \(untrusted: path, limit: 300), \(counted(lines.count, "line", "lines"))"
  )
}

extension Session {
  /// The whole view, not only the rows that fit: what `w` writes.
  func wholeView() -> [String] {
    let rows = model.place.isDocument ? 4000 : min(2000, sight.rows.total) + 16
    let tall = Session(
      door: door,
      model: model,
      size: (size.width, max(size.height, rows)),
      isUTF8: isUTF8
    )
    tall.model.notice = nil
    tall.model.prompt = nil
    tall.model.lists[model.screen]?.top = 0
    tall.model.scrolls[model.place] = nil
    tall.model.paneScroll = ConsoleModel.Scroll()
    var lines: [String] = []
    for line in tall.paint().lines() where !(line.isEmpty && lines.last?.isEmpty == true) {
      lines.append(line)
    }
    return lines
  }
}
