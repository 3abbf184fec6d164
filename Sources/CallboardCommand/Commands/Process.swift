import Callboard
import Foundation
import Glibc

/// What the process tells of itself.
extension Entry {
  static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// The person behind this process, by user id.
  static func person(in people: People) -> Principal {
    let uid = getuid()
    let name = getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "user \(uid)"
    return people.principal(uid: uid, login: name)
  }

  /// All of standard input.
  static func standardInput() throws -> String {
    guard let data = try? FileHandle.standardInput.readToEnd() ?? Data(),
      let text = String(validating: data, as: UTF8.self)
    else { throw Failure(.fileIsWrong, "Standard input is not UTF-8 text.") }
    return text
  }

  static func text(ofFile path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(
        .fileIsWrong,
        "\(path): there is no such file, or it can't be read; check the path."
      )
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Failure(.fileIsWrong, "\(path): the file is not UTF-8; save it as UTF-8.")
    }
    return text
  }
}
