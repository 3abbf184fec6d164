import ArgumentParser
import Callboard
import CallboardSQLite
import Foundation

/// Which store file a command is about, and the key of its audit log.
struct StoreOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The store's file; the one of the configuration if not given.",
      valueName: "file"
    )
  )
  var store: String?
  @Option(help: ArgumentHelp("The configuration that names the store.", valueName: "file"))
  var config: String?
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

  /// The key, where there is one.
  func masterKey() throws -> Sealer.MasterKey? {
    let place = try place()
    if case .beside = place, place.path.map(FileManager.default.fileExists(atPath:)) != true {
      return nil
    }
    do {
      return try KeyFile.key(at: place, storeIsNew: false, environment: Entry.environment)
    } catch {
      throw Failure(.fileIsWrong, error.description)
    }
  }

  private func place() throws -> KeyFile.Place {
    if let key { return .file(key) }
    if let store { return .beside(store: store) }
    return try configured().key
  }

  /// The file that the configuration names, or the console's own.
  fileprivate func configured() throws -> StorePlan.File {
    let path = try? config ?? ConfigurationFile.defaultPath(environment: Entry.environment)
    guard let path else {
      throw Failure(
        .usage,
        "Which store? Name its file with --store FILE, or the configuration that names it with --config FILE."
      )
    }
    let configuration = try ConfigurationFile.load(path, environment: Entry.environment)
    let file = configuration.storeFile(ofConsole: true)
    guard let file else {
      throw Failure(
        .usage,
        "The configuration keeps everything in memory (store: memory); name a store's file with --store FILE."
      )
    }
    return file
  }
}

/// The file of the store that is meant.
func storePath(_ options: StoreOption) throws -> String {
  try options.store ?? options.configured().path
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
