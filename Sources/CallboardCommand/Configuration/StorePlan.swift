import Callboard
import CallboardSQLite
import Foundation
import Glibc

/// Where a configuration keeps calls and events.
enum StorePlan: Sendable {
  /// Nothing was said: the console keeps them in a file of its own, commands that make one call in memory.
  case unsaid
  case memory
  case file(File)

  /// A file, and how long it keeps things.
  struct File: Sendable {
    var path: String
    /// Where the key is that its secrets are sealed with.
    var key: KeyFile.Place
    var retention = SQLiteStore.Retention()
  }

  /// The file that is meant; nil: memory.
  ///
  /// A console that was told nothing keeps a file in the user's state folder.
  func file(named name: String, environment: [String: String], ofConsole: Bool) -> File? {
    switch self {
    case .memory: return nil
    case .file(let file): return file
    case .unsaid:
      guard ofConsole else { return nil }
      let path = Self.stateFolder(environment) + "/" + Self.fileName(of: name) + ".db"
      return File(path: path, key: .beside(store: path))
    }
  }

  /// `$XDG_STATE_HOME/callboard`, by the XDG Base Directory Specification.
  static func stateFolder(_ environment: [String: String]) -> String {
    let base =
      environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
      ?? (environment["HOME"] ?? "") + "/.local/state"
    return base + "/callboard"
  }

  private static func fileName(of name: String) -> String {
    let safe = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    return String(safe.prefix(64))
  }
}

extension Configuration {
  /// The file of its store; nil: memory.
  func storeFile(ofConsole: Bool) -> StorePlan.File? {
    store.file(named: engine.name, environment: Entry.environment, ofConsole: ofConsole)
  }
}

/// A store that was opened, with what seals its secrets.
struct OpenedStore: Sendable {
  var store: any Store
  var sealer: Sealer?

  static var memory: OpenedStore { OpenedStore(store: InMemoryStore(), sealer: nil) }

  /// Throws a ``Failure`` with a sentence where the file or its key can't be used.
  static func open(_ file: StorePlan.File, environment: [String: String]) throws -> OpenedStore {
    let folder = (file.path as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(
        atPath: folder.isEmpty ? "." : folder,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    } catch {
      throw Failure(
        .unreachable,
        "The store's folder \(folder) can't be made: \(error.localizedDescription)"
      )
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    let isNew = (attributes?[.size] as? Int ?? 0) == 0
    do {
      let key = try KeyFile.key(at: file.key, storeIsNew: isNew, environment: environment)
      let store = try SQLiteStore(file.path, retention: file.retention, key: key)
      return OpenedStore(store: store, sealer: Sealer(key))
    } catch let problem as KeyProblem {
      // What is no store of callboard's has no key that could be put back.
      if !isNew, let wrong = refusal(of: file.path) {
        throw Failure(.unreachable, "The store can't be opened: \(wrong)")
      }
      throw Failure(.unreachable, "The store can't be opened: \(problem)")
    } catch let problem as StoreProblem {
      throw Failure(.unreachable, "The store can't be opened: \(problem)")
    }
  }

  private static func refusal(of path: String) -> StoreProblem? {
    do {
      _ = try StoreReader(path)
      return nil
    } catch {
      return error
    }
  }

  /// So long an instance that is about to start waits for a command that holds the file and ends by itself.
  static let patience = Duration.seconds(5)

  /// The same for an instance: a `call` that found none has an engine of its own for a moment, and is waited for.
  static func openForInstance(
    _ file: StorePlan.File,
    environment: [String: String]
  ) throws -> OpenedStore {
    let clock = ContinuousClock()
    let end = clock.now + patience
    var told: StoreHolder?
    while true {
      do {
        return try open(file, environment: environment)
      } catch {
        guard clock.now < end, let holder = StoreHolder(of: file.path), holder.endsByItself else {
          throw error
        }
        if holder != told {
          Output.error.row(
            "callboard: \(file.path) is held by \(holder.words), which ends by itself: waiting up to \(patience.words) for it"
          )
          told = holder
        }
        usleep(20_000)
      }
    }
  }

  /// Writes what is in line; returns what was in the way where something of it is lost.
  func close() -> StoreFault? { (store as? SQLiteStore)?.close() }
}
