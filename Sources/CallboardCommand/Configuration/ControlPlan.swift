import Callboard
import CallboardControl
import CallboardYAML
import Foundation
import Glibc
import JSONSchema

/// Where a configuration's instance listens for commands and consoles.
struct ControlPlan: Sendable {
  /// Whether it listens at all.
  var isOn = true
  /// nil: the place of its own that a configuration has.
  var socket: String?
  var group: String?
  /// The configuration's file, which the place is named after.
  var file = ""

  /// The path of the socket; nil: there is none.
  func path(named name: String, environment: [String: String]) -> String? {
    guard isOn else { return nil }
    if let socket { return socket }
    let runtime = environment["XDG_RUNTIME_DIR"].flatMap { $0.isEmpty ? nil : $0 }
    let folder = runtime.map { $0 + "/callboard" } ?? StorePlan.stateFolder(environment)
    let safe = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    return "\(folder)/\(String(safe.prefix(24)))-\(Self.mark(of: file)).sock"
  }

  /// Tells configurations apart that have the same name.
  private static func mark(of file: String) -> String {
    let path = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
    // FNV-1a: the same in every process.
    let hash = path.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return String(String(hash, radix: 16).suffix(8))
  }
}

extension ConfigurationReader {
  func control(_ value: JSONValue?) -> ControlPlan {
    ControlPlan(
      isOn: value?.stringValue != "none",
      socket: value?["socket"]?.stringValue.map(resolved),
      group: value?["group"]?.stringValue,
      file: document.file
    )
  }
}

extension Configuration {
  /// The path of its control socket; nil: it has none.
  var socketPath: String? {
    control.path(named: engine.name, environment: Entry.environment)
  }

  /// Takes the control socket for an instance that is about to start; nil: it has none.
  ///
  /// Where it is not required, a place that was not asked for and can't be used is only warned of.
  func controlSocket(isRequired: Bool) throws(Failure) -> ControlSocket? {
    guard let path = socketPath else { return nil }
    if control.socket == nil {
      // Where it can't be made, making the socket says why.
      try? FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    }
    do throws(SocketProblem) {
      return try ControlSocket(path, group: control.group)
    } catch {
      if !isRequired, control.socket == nil, !error.isTaken {
        Output.error.row("warning: nobody can attach to this console: \(error)")
        return nil
      }
      throw Failure(.unreachable, error.description)
    }
  }
}

extension People {
  /// The person at the other end of a control socket.
  ///
  /// Where no operators are listed, only whoever started the instance has rights.
  func principal(of peer: Peer) -> Principal {
    if operators == nil, peer.uid != getuid() {
      return Principal(name: peer.login, uid: peer.uid, roles: [])
    }
    return principal(uid: peer.uid, login: peer.login)
  }
}
