import Foundation
import JSONSchema

/// Runs files in the form of the JSON Schema Test Suite: `[{description, schema, tests: [{description, data, valid}]}]`.
struct SchemaSuite {
  /// The draft of schemas that name none; nil: what the folders of a file say, else 2020-12.
  var draft: SchemaDraft?
  /// nil: only in `optional/format`, as the suite means it.
  var formatAssertion: Bool?
  /// By their URI.
  var documents: [String: JSONValue] = [:]

  /// Where the suite's schemas expect the files of its folder `remotes`.
  static let remoteBase = "http://localhost:1234/"

  struct FileResult {
    var name: String
    var passed = 0
    var failures: [FailedTest] = []

    var json: JSONObject {
      [
        "file": .string(name), "passed": .integer(Int64(passed)),
        "failed": .integer(Int64(failures.count)), "failures": .array(failures.map(\.json)),
      ]
    }
  }

  struct FailedTest {
    var group: String
    var test: String
    var isValidExpected: Bool
    /// What came instead, with the reason where the schema could not be used at all.
    var found: String

    var expected: String { isValidExpected ? "valid" : "invalid" }

    var json: JSONValue {
      [
        "group": .string(group), "test": .string(test), "expected": .string(expected),
        "found": .string(found),
      ]
    }
  }

  /// The draft that a folder of the suite is named after, such as `draft2019-09`; the innermost counts.
  static func draft(ofFile path: String) -> SchemaDraft? {
    let folders = path.split(separator: "/").dropLast()
    return folders.reversed().lazy.filter { $0.hasPrefix("draft") }
      .compactMap { SchemaDraft(named: String($0)) }.first
  }

  /// A folder of the suite whose tests are written for a revision that callboard does not know.
  static func isOfUnknownDraft(_ path: String) -> Bool {
    let folders = path.split(separator: "/").dropLast()
    return draft(ofFile: path) == nil
      && folders.contains { $0 == "draft3" || $0 == "draft-next" || $0 == "v1" }
  }

  /// The test files of a folder and those below it, by their paths within it, in order.
  static func files(in folder: String) throws(Failure) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else {
      throw Failure(.fileIsWrong, "\(folder): there is no such folder; check the path.")
    }
    guard isFolder.boolValue, let all = FileManager.default.enumerator(atPath: folder) else {
      throw Failure(
        .fileIsWrong,
        "\(folder) is no folder that can be read; name one with files of the JSON Schema Test Suite."
      )
    }
    return all.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }.sorted()
  }

  /// The documents of a folder under the addresses at which the suite's schemas look for them.
  static func remotes(in folder: String) throws(Failure) -> [String: JSONValue] {
    var documents: [String: JSONValue] = [:]
    for name in try files(in: folder) {
      documents[remoteBase + name] = try json(ofFile: folder + "/" + name)
    }
    return documents
  }

  /// Runs the file of this path within a folder.
  func run(_ name: String, in folder: String) throws(Failure) -> FileResult {
    let path = folder + "/" + name
    let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
    guard let groups = try Self.json(ofFile: path).arrayValue else {
      throw Self.wrong(path, JSONPointer(), "is no array of test groups")
    }
    let options = SchemaOptions(
      formatAssertion: formatAssertion ?? absolute.contains("/optional/format/"),
      defaultDraft: draft ?? Self.draft(ofFile: absolute) ?? .draft202012,
      documents: documents
    )
    var result = FileResult(name: name)
    for (index, group) in groups.enumerated() {
      try run(group, at: JSONPointer().appending(index), of: path, options, into: &result)
    }
    return result
  }

  private func run(
    _ group: JSONValue,
    at pointer: JSONPointer,
    of path: String,
    _ options: SchemaOptions,
    into result: inout FileResult
  ) throws(Failure) {
    guard let schema = group["schema"], let tests = group["tests"]?.arrayValue else {
      throw Self.wrong(path, pointer, "is no test group, which has a schema and tests")
    }
    let compiled = Result { () throws(SchemaError) in try Schema(schema, options: options) }
    for (index, test) in tests.enumerated() {
      guard let data = test["data"], let isValidExpected = test["valid"]?.boolValue else {
        let place = pointer.appending("tests").appending(index)
        throw Self.wrong(path, place, "is no test, which has data and valid")
      }
      let found: String
      switch compiled {
      case .success(let schema):
        let isValid = schema.isValid(data)
        if isValid == isValidExpected {
          result.passed += 1
          continue
        }
        let errors = schema.validate(data, stopAtFirst: true)
        found = isValid ? "valid" : "invalid: \(errors.first?.message ?? "")"
      case .failure(let error): found = "no verdict: the schema cannot be used: \(error)"
      }
      result.failures.append(
        FailedTest(
          group: group["description"]?.stringValue ?? "group \(pointer)",
          test: test["description"]?.stringValue ?? "test \(index)",
          isValidExpected: isValidExpected,
          found: found
        )
      )
    }
  }

  private static func json(ofFile path: String) throws(Failure) -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.fileIsWrong, "\(path): the file can't be read; check its permissions.")
    }
    do {
      return try JSONValue(parsing: [UInt8](data))
    } catch {
      throw Failure(.fileIsWrong, "\(path):\(error.line):\(error.column): \(error.reason)")
    }
  }

  private static func wrong(_ path: String, _ pointer: JSONPointer, _ what: String) -> Failure {
    let place = pointer.description.isEmpty ? "" : "\(pointer) "
    return Failure(
      .fileIsWrong,
      "\(path): \(place)\(what); the files of a suite are [{description, schema, tests: [{description, data, valid}]}]."
    )
  }
}

extension SchemaDraft {
  /// As people and the suite's folders name it: `7`, `draft7`, `draft-07`, `2020-12`.
  init?(named name: String) {
    var short = name[...]
    if short.hasPrefix("draft") { short = short.dropFirst(5) }
    if short.hasPrefix("-") { short = short.dropFirst() }
    switch short {
    case "2020-12": self = .draft202012
    case "2019-09": self = .draft201909
    case "7", "07": self = .draft7
    case "6", "06": self = .draft6
    case "4", "04": self = .draft4
    default: return nil
    }
  }
}
