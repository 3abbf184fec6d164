import ArgumentParser
import Callboard
import CallboardSQLite
import Foundation

/// Which store file a command is about, and the key of its audit log.
struct StoreOption: ParsableArguments {
  @Option(help: ArgumentHelp("The store's file.", valueName: "file"))
  var store: String?
  @Option(
    help: ArgumentHelp(
      "The file of the store's key, with which the end of the audit log is signed; FILE.key beside the store if not given.",
      valueName: "file"
    )
  )
  var key: String?

  func open() throws -> StoreReader {
    let path = try storePath(self)
    return try Failure.onStoreProblem { () throws(StoreProblem) in try StoreReader(path) }
  }

  /// The key, where there is one: 32 bytes, or 64 hexadecimal digits or base64 of them.
  func masterKey() throws -> Sealer.MasterKey? {
    let path = try key ?? storePath(self) + ".key"
    guard let data = FileManager.default.contents(atPath: path) else {
      guard key != nil else { return nil }
      throw Failure(.fileIsWrong, "The key file \(path) can't be read; check the path.")
    }
    guard let key = Self.key(in: data) else {
      throw Failure(
        .fileIsWrong,
        "\(path) holds no key: a key is 32 bytes, 64 hexadecimal digits, or base64 of 32 bytes."
      )
    }
    return key
  }

  private static func key(in data: Data) -> Sealer.MasterKey? {
    if data.count == 32 { return Sealer.MasterKey(data) }
    let text = String(decoding: data, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let digits = text.compactMap(\.hexDigitValue)
    if text.count == 64, digits.count == 64 {
      let bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
      return Sealer.MasterKey(bytes)
    }
    return Data(base64Encoded: text).flatMap { Sealer.MasterKey($0) }
  }
}

/// The file of the store that is meant.
func storePath(_ options: StoreOption) throws(Failure) -> String {
  guard let path = options.store else {
    throw Failure(.usage, "Which store? Name its file with --store FILE.")
  }
  return path
}

extension Failure {
  /// What a store says is in the way, with the number for the shell.
  static func onStoreProblem<Outcome>(
    _ body: () throws(StoreProblem) -> Outcome
  ) throws(Failure) -> Outcome {
    do {
      return try body()
    } catch {
      throw Failure(error)
    }
  }

  init(_ problem: StoreProblem) {
    let status: ExitStatus =
      switch problem.kind {
      case .unreachable: .unreachable
      case .wrongFile: .fileIsWrong
      case .damaged: .failed
      }
    self.init(status, problem.description)
  }
}

extension OutputFormat {
  /// For commands whose result is one thing.
  func refusingLines(_ command: String) throws {
    guard self == .jsonl else { return }
    throw ValidationError("\(command) prints one thing; use --output text or json.")
  }
}
