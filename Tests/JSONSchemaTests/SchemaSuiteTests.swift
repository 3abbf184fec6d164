import Foundation
import JSONSchema
import Testing

/// Runs the JSON Schema Test Suite.
@Suite struct SchemaSuiteTests {
  /// Tests that do not pass, with the reason.
  ///
  /// One that begins to pass must be taken off the list.
  static let notPassing: [String: String] = {
    var list: [String: String] = [:]
    let content = "content keywords are notes, as every draft since 2019-09 has it"
    let file = "draft7/optional/content.json"
    list[
      "\(file): validation of string-encoded content based on media type: an invalid JSON document"
    ] = content
    list[
      "\(file): validation of binary string-encoding: an invalid base64 string (% is not a valid character)"
    ] =
      content
    return list
  }()

  @Test func `the documentation lists the tests that do not pass, with their reasons`() throws {
    let place = "../../Sources/JSONSchema/JSONSchema.docc/JSONSchema.md"
    let text = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: place),
      encoding: .utf8
    )
    for (test, reason) in Self.notPassing {
      let name = try #require(test.split(separator: ": ").last)
      #expect(text.contains(name), "\(test)")
      #expect(text.contains(reason), "\(reason)")
    }
  }

  @Test(
    .needs(sharedData: "json-schema"),
    arguments: [("draft2020-12", SchemaDraft.draft202012), ("draft7", .draft7)]
  )
  func `the required tests of the drafts pass`(folder: String, draft: SchemaDraft) throws {
    let root = SharedData.folder("json-schema")
    let documents = try Self.remotes(root)
    var count = 0
    var listed: Set<String> = []
    for file in try SharedData.files(in: root.appending(path: folder)) {
      // Whether a format is asserted is for the optional tests; the required ones want a note only.
      let options = SchemaOptions(formatAssertion: false, defaultDraft: draft, documents: documents)
      count += try Self.run(
        file,
        name: "\(folder)/\(file.lastPathComponent)",
        options: options,
        listed: &listed
      )
    }
    #expect(listed.isEmpty, "every required test passes")
    #expect(count > 600)
  }

  @Test(
    .needs(sharedData: "json-schema"),
    arguments: [("draft2020-12", SchemaDraft.draft202012), ("draft7", .draft7)]
  )
  func `the optional tests of the drafts pass`(folder: String, draft: SchemaDraft) throws {
    let root = SharedData.folder("json-schema")
    let documents = try Self.remotes(root)
    var count = 0
    var listed: Set<String> = []
    for file in try SharedData.files(
      in: root.appending(path: "\(folder)/optional"),
      recursively: true
    ) {
      let isFormat = file.path.contains("/format/")
      let options = SchemaOptions(
        formatAssertion: isFormat,
        defaultDraft: draft,
        documents: documents
      )
      let name = "\(folder)/optional/\(isFormat ? "format/" : "")\(file.lastPathComponent)"
      count += try Self.run(file, name: name, options: options, listed: &listed)
    }
    #expect(
      listed == Set(Self.notPassing.keys.filter { $0.hasPrefix(folder) }),
      "the list names tests that exist"
    )
    #expect(count > 300)
  }

  /// Puts values of real schemas in the place of others at random: nothing may crash, a schema is compiled or refused
  /// with a sentence, and verdict and errors agree.
  @Test(.needs(sharedData: "json-schema"), arguments: 1...4)
  func `no schema crashes the compiler or the evaluation`(seed: UInt64) throws {
    let root = SharedData.folder("json-schema")
    var generator = SeededGenerator(seed: seed)
    var parts: [JSONValue] = []
    var schemas: [JSONValue] = []
    for file in try SharedData.files(in: root.appending(path: "draft2020-12")) {
      for group in try #require(SharedData.json(file).arrayValue) {
        schemas.append(group["schema"] ?? true)
        Self.collect(group["schema"] ?? true, into: &parts)
        for test in group["tests"]?.arrayValue ?? [] { parts.append(test["data"] ?? .null) }
      }
    }
    var compiled = 0
    for _ in 0..<1500 {
      var schema = schemas.randomElement(using: &generator) ?? true
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let part = parts.randomElement(using: &generator) ?? .null
        schema = Self.replacing(in: schema, by: part, using: &generator)
      }
      do {
        let schema = try Schema(schema)
        compiled += 1
        for _ in 0..<4 {
          let value = parts.randomElement(using: &generator) ?? .null
          #expect(schema.validate(value).isEmpty == schema.isValid(value))
          _ = schema.fillingDefaults(in: value)
        }
      } catch {
        #expect(!error.reason.isEmpty)
      }
    }
    #expect(compiled > 100)
  }

  private static func collect(_ value: JSONValue, into parts: inout [JSONValue]) {
    parts.append(value)
    for item in value.arrayValue ?? value.objectValue?.values ?? [] { collect(item, into: &parts) }
  }

  private static func replacing(
    in value: JSONValue,
    by part: JSONValue,
    using generator: inout SeededGenerator
  ) -> JSONValue {
    if case .object(var object) = value, let key = object.keys.randomElement(using: &generator),
      Int.random(in: 0..<5, using: &generator) > 0
    {
      object[key] = replacing(in: object[key] ?? .null, by: part, using: &generator)
      return .object(object)
    }
    if case .array(var items) = value, let place = items.indices.randomElement(using: &generator),
      Int.random(in: 0..<5, using: &generator) > 0
    {
      items[place] = replacing(in: items[place], by: part, using: &generator)
      return .array(items)
    }
    return part
  }

  private static func remotes(_ root: URL) throws -> [String: JSONValue] {
    let folder = root.appending(path: "remotes")
    var documents: [String: JSONValue] = [:]
    for file in try SharedData.files(in: folder, recursively: true) {
      let path = file.path.dropFirst(folder.path.count + 1)
      documents["http://localhost:1234/\(path)"] = try SharedData.json(file)
    }
    return documents
  }

  /// Runs the tests of one file and says how many there are; those on the list are put into `listed`.
  private static func run(
    _ file: URL,
    name: String,
    options: SchemaOptions,
    listed: inout Set<String>
  ) throws -> Int {
    var count = 0
    for group in try #require(SharedData.json(file).arrayValue) {
      let groupName = "\(name): \(group["description"]?.stringValue ?? "")"
      let compiled = Result { () throws(SchemaError) in
        try Schema(group["schema"] ?? true, options: options)
      }
      for test in group["tests"]?.arrayValue ?? [] {
        count += 1
        let testName = "\(groupName): \(test["description"]?.stringValue ?? "")"
        let data = test["data"] ?? .null
        let wanted = test["valid"]?.boolValue
        let verdict = try? compiled.get().isValid(data)
        if let reason = notPassing[testName] {
          listed.insert(testName)
          #expect(verdict != wanted, "\(testName) passes now; take it off the list (\(reason))")
          continue
        }
        #expect(verdict == wanted, "\(testName) \(compiled.failure.map { "\($0)" } ?? "")")
        if let schema = try? compiled.get(), let wanted {
          #expect(schema.validate(data).isEmpty == wanted, "errors of \(testName)")
          #expect(
            schema.validate(data, stopAtFirst: true).count == (wanted ? 0 : 1),
            "first error of \(testName)"
          )
        }
      }
    }
    return count
  }
}

extension Result {
  var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
