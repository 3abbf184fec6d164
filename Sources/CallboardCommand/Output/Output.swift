import Callboard
import Foundation
import Glibc
import Synchronization

/// Results on stdout, everything else on stderr; text from outside made safe where a person's terminal is.
///
/// A reader that has gone (`| head`) is no fault: what follows is dropped.
final class Output: Sendable {
  static let standard = Output(STDOUT_FILENO)
  static let error = Output(STDERR_FILENO)

  let isTerminal: Bool
  private let descriptor: Int32
  private let state = Mutex(State())

  private struct State {
    var isGone = false
    var fault: String?
    var hasProgress = false
  }

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1
  }

  /// Whether nothing more can be written: the reader has gone, or there is a ``fault``.
  var isGone: Bool { state.withLock { $0.isGone } }

  /// Why what was printed is not whole, such as a full disk; nil also where the reader has gone.
  var fault: String? { state.withLock { $0.fault } }

  /// One or more lines, which may hold text from outside.
  func line(_ text: String) {
    guard isTerminal else { return write(text + "\n") }
    write(SafeText.lines(untrusted: text, limit: .max).map(\.text).joined(separator: "\n") + "\n")
  }

  /// One line, whatever the text holds: a line break in text from outside is shown, and begins no line.
  ///
  /// Also where no terminal is: lines are read as callboard's own words there too.
  func row(_ text: String) { write(SafeText(untrusted: text, limit: .max).text + "\n") }

  /// Text that is safe already, as it is.
  func safe(_ text: String) { write(text) }

  /// A line that the next one replaces; only where there is a terminal.
  func progress(_ text: String) {
    guard isTerminal else { return }
    write("\r\u{1B}[K" + SafeText(untrusted: text, limit: 160).text, isProgress: true)
  }

  func endProgress() {
    guard state.withLock({ $0.hasProgress }) else { return }
    write("")
  }

  private func write(_ text: String, isProgress: Bool = false) {
    state.withLock { state in
      guard !state.isGone else { return }
      let erase = state.hasProgress && !isProgress ? "\r\u{1B}[K" : ""
      state.hasProgress = isProgress
      guard !Self.write(Array((erase + text).utf8), to: descriptor) else { return }
      let code = errno
      state.isGone = true
      if code != EPIPE { state.fault = String(cString: strerror(code)) }
    }
  }

  /// Writes all bytes; false when nobody reads any more or the disk is full.
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wait, 1, 1000)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}

/// How results are printed.
enum OutputFormat: String, Sendable, CaseIterable {
  case text
  case json
  case jsonl
}
