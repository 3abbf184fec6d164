import CallboardYAML
import Foundation
import JSONSchema

/// Finds and reads configuration files.
enum ConfigurationFile {
  /// The configuration of a file, or of the default one, with `${ENV}` filled in.
  static func load(_ path: String?, environment: [String: String]) throws -> Configuration {
    let path = try path ?? defaultPath(environment: environment)
    do {
      return try read(try YAMLDocument(file: path), environment: environment)
    } catch let wrong as Diagnostic {
      throw Failure(.fileIsWrong, wrong.description)
    } catch let wrong as Diagnostics {
      throw Failure(.fileIsWrong, wrong.description)
    }
  }

  static func read(
    _ document: YAMLDocument,
    environment: [String: String]
  ) throws(Diagnostics) -> Configuration {
    let folder = URL(fileURLWithPath: document.file).deletingLastPathComponent()
    let expanded = try document.expanding(environment: environment, except: isTemplate)
    return try ConfigurationReader.read(expanded, folder: folder)
  }

  /// Scripts and schemas have a `${…}` of their own, or none.
  static func isTemplate(_ pointer: JSONPointer) -> Bool {
    ["scripts", "workflows", "parameters", "when"].contains { pointer.tokens.contains($0) }
  }

  /// `./callboard.yaml`, else the user's.
  static func defaultPath(environment: [String: String]) throws -> String {
    let base =
      environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 }
      ?? (environment["HOME"] ?? "") + "/.config"
    let user = base + "/callboard/callboard.yaml"
    for path in ["callboard.yaml", user] where FileManager.default.fileExists(atPath: path) {
      return path
    }
    throw Failure(
      .usage,
      "There is no configuration: neither ./callboard.yaml nor \(user). Write one (`callboard config schema` says what "
        + "can stand in it), name one with --config, or look at `callboard demo`, which needs none."
    )
  }
}
