import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// `callboard schema` from outside.
@Suite struct SchemaCommandTests {
  private let group = """
    [{"description":"numbers","schema":{"minimum":3},"tests":[
      {"description":"above","data":5,"valid":true},{"description":"below","data":1,"valid":false}]}]
    """

  @Test func `a line that is not JSON is answered with its number, and the run goes on`()
    async throws
  {
    let scratch = try Scratch()
    let schema = try scratch.file("schema.json", #"{"type":"integer"}"#)
    let ended = try await Program.run(["schema", "check", schema], input: "5\n{\n\n\"ä\"\n7")
    #expect(ended.status == 1)
    let verdicts = ended.output.split(separator: "\n").map(String.init)
    #expect(verdicts.count == 5, "\(ended)")
    #expect(verdicts.first == #"{"valid":true}"#)
    #expect(verdicts[1].hasPrefix(#"{"error":"line 2, column "#))
    #expect(verdicts[2].hasPrefix(#"{"error":"line 3, column "#))
    #expect(try JSONValue(parsing: verdicts[3])["errors"]?[0]?["keyword"]?.stringValue == "type")
    #expect(verdicts.last == #"{"valid":true}"#)
  }

  @Test(arguments: [
    ("2020-12", #"{"prefixItems":[{"type":"string"}]}"#, false),
    ("7", #"{"prefixItems":[{"type":"string"}]}"#, true),
    ("draft4", #"{"items":{"exclusiveMinimum":true,"minimum":1}}"#, false),
  ])
  func `a schema without $schema is of the draft that was said`(
    draft: String,
    schema: String,
    isValid: Bool
  ) async throws {
    let scratch = try Scratch()
    let file = try scratch.file("schema.json", schema)
    let ended = try await Program.run(["schema", "check", file, "--draft", draft], input: "[1]\n")
    #expect(ended.output.hasPrefix(#"{"valid":\#(isValid)"#), "\(ended)")
    #expect(ended.status == (isValid ? 0 : 1))
  }

  @Test(arguments: [("on", 1), ("off", 0)])
  func `formats are asserted unless that is switched off`(
    toggle: String,
    status: Int32
  )
    async throws
  {
    let scratch = try Scratch()
    let file = try scratch.file("schema.json", #"{"format":"date"}"#)
    let ended = try await Program.run(
      ["schema", "check", file, "--format-assertion", toggle],
      input: "\"yesterday\"\n"
    )
    #expect(ended.status == status, "\(ended)")
  }

  @Test(arguments: ["{", #"{"type":"dict"}"#, #"{"$ref":"http://example.com/x"}"#])
  func `a schema that is wrong ends with 65 and its name`(text: String) async throws {
    let scratch = try Scratch()
    let file = try scratch.file("schema.json", text)
    let ended = try await Program.run(["schema", "check", file], input: "1\n")
    #expect(ended.status == 65)
    #expect(ended.output == "")
    #expect(ended.error.contains(file), "\(ended.error)")
  }

  @Test(arguments: [
    (#"{"properties":{"a":{"title":5}}}"#, "/properties/a/title: expected a string, found 5"),
    (#"{"required":["a","a"]}"#, "/required: "), (#"{"minContains":-1}"#, "/minContains: "),
  ])
  func `a schema that its draft does not allow ends with 65 and the place`(
    text: String,
    place: String
  ) async throws {
    let scratch = try Scratch()
    let file = try scratch.file("schema.json", text)
    let ended = try await Program.run(["schema", "check", file], input: "1\n")
    #expect(ended.status == 65)
    #expect(ended.output == "")
    #expect(ended.error.contains("\(file): \(place)"), "\(ended.error)")
  }

  @Test func `a verdict comes in the standard's output forms where that is asked`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file("schema.json", #"{"items":{"type":"integer"}}"#)
    func verdicts(_ form: String) async throws -> [String] {
      let ended = try await Program.run(
        ["schema", "check", file, "--form", form],
        input: "[1]\n[1,\"a\"]\n{\n"
      )
      #expect(ended.status == 1)
      return ended.output.split(separator: "\n").map(String.init)
    }
    let flag = try await verdicts("flag")
    #expect(flag.prefix(2) == [#"{"valid":true}"#, #"{"valid":false}"#])
    #expect(flag.last?.hasPrefix(#"{"error":"line 3, column "#) == true)
    let basic = try await verdicts("basic")
    #expect(basic[0] == #"{"valid":true}"#)
    let errors = try JSONValue(parsing: basic[1])["errors"]
    #expect(
      errors?[0] == [
        "valid": false, "keywordLocation": "/items/type",
        "absoluteKeywordLocation": "#/items/type", "instanceLocation": "/1",
        "error": "expected an integer, found the string \"a\"",
      ]
    )
    let list = try await verdicts("list")
    #expect(try JSONValue(parsing: list[1])["errors"]?[0]?["path"] == "/1")
  }

  @Test(arguments: ["--draft 5", "--format-assertion maybe", "--form detailed"])
  func `an option that is none ends with 64`(options: String) async throws {
    let arguments = ["schema", "check", "x.json"] + options.split(separator: " ").map(String.init)
    #expect(try await Program.run(arguments).status == 64)
  }

  @Test func `a suite that passes says so by file and ends with 0`() async throws {
    let scratch = try Scratch()
    try scratch.folder("optional/format")
    _ = try scratch.file("a.json", group)
    _ = try scratch.file("optional/b.json", group)
    let ended = try await Program.run(["schema", "suite", scratch.path])
    #expect(ended.status == 0, "\(ended)")
    #expect(
      ended.output == """
        a.json           2 passed, 0 failed
        optional/b.json  2 passed, 0 failed
        total: 4 passed, 0 failed, in 2 files

        """
    )
  }

  @Test func `a failure names file, group, test, expected and found, in three forms`() async throws
  {
    let scratch = try Scratch()
    let wrong = group.replacingOccurrences(of: "true", with: "false")
    _ = try scratch.file("a.json", wrong)
    let text = try await Program.run(["schema", "suite", scratch.path])
    #expect(text.status == 1)
    #expect(
      text.output.contains("failed: a.json: numbers: above: expected invalid, found valid"),
      "\(text)"
    )
    let whole = try await Program.run(["schema", "suite", scratch.path, "--output", "json"])
    let json = try JSONValue(parsing: whole.output)
    #expect(json["total"] == ["files": 1, "passed": 1, "failed": 1])
    #expect(
      json["files"]?[0]?["failures"] == [
        ["group": "numbers", "test": "above", "expected": "invalid", "found": "valid"]
      ]
    )
    let lines = try await Program.run(["schema", "suite", scratch.path, "--output", "jsonl"])
    let parsed = try lines.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(parsed == [json["files"]?[0], ["total": json["total"] ?? .null]])
  }

  @Test func `the draft comes from the folder's name, and an option goes before it`() async throws {
    let scratch = try Scratch()
    try scratch.folder("draft7")
    let seven = """
      [{"description":"items","schema":{"prefixItems":[{"type":"string"}]},
        "tests":[{"description":"unknown in draft 7","data":[1],"valid":true}]}]
      """
    _ = try scratch.file("draft7/prefixItems.json", seven)
    let folder = scratch.path + "/draft7"
    #expect(try await Program.run(["schema", "suite", folder]).status == 0)
    #expect(try await Program.run(["schema", "suite", scratch.path]).status == 0)
    #expect(try await Program.run(["schema", "suite", folder, "--draft", "2020-12"]).status == 1)
  }

  @Test func `formats are asserted in optional/format only, unless the option says`() async throws {
    let scratch = try Scratch()
    try scratch.folder("optional/format")
    func file(_ isValid: Bool) -> String {
      """
      [{"description":"date","schema":{"format":"date"},
        "tests":[{"description":"no date","data":"yesterday","valid":\(isValid)}]}]
      """
    }
    _ = try scratch.file("format.json", file(true))
    _ = try scratch.file("optional/format/date.json", file(false))
    #expect(try await Program.run(["schema", "suite", scratch.path]).status == 0)
    for toggle in ["on", "off"] {
      let ended = try await Program.run(
        ["schema", "suite", scratch.path, "--format-assertion", toggle]
      )
      #expect(ended.output.contains("total: 1 passed, 1 failed"), "\(ended)")
    }
  }

  @Test func `remote documents are found where the suite looks for them`() async throws {
    let scratch = try Scratch()
    try scratch.folder("tests")
    try scratch.folder("elsewhere/nested")
    let remote = """
      [{"description":"remote","schema":{"$ref":"http://localhost:1234/nested/integer.json"},
        "tests":[{"description":"no integer","data":"a","valid":false},{"description":"one","data":1,"valid":true}]}]
      """
    _ = try scratch.file("tests/remote.json", remote)
    _ = try scratch.file("elsewhere/nested/integer.json", #"{"type":"integer"}"#)
    let folder = scratch.path + "/tests"
    let with = try await Program.run(
      ["schema", "suite", folder, "--remotes", scratch.path + "/elsewhere"]
    )
    #expect(with.status == 0, "\(with)")
    let without = try await Program.run(["schema", "suite", folder])
    #expect(without.status == 1)
    #expect(without.output.contains("found no verdict: the schema cannot be used"), "\(without)")
  }

  @Test(arguments: [
    (#"{"a":1}"#, "no array of test groups"), (#"[{"schema":{}}]"#, "/0 is no test group"),
    (#"[{"schema":{},"tests":[{"data":1}]}]"#, "/0/tests/0 is no test"), ("[", ":1:2: "),
  ])
  func `a file in another form ends with 65, and the sentence says where`(
    text: String,
    words: String
  ) async throws {
    let scratch = try Scratch()
    _ = try scratch.file("a.json", text)
    let ended = try await Program.run(["schema", "suite", scratch.path])
    #expect(ended.status == 65, "\(ended)")
    #expect(ended.error.contains("a.json"))
    #expect(ended.error.contains(words), "\(ended.error)")
  }

  @Test func `a folder that is missing, empty or a file ends with 65`() async throws {
    let scratch = try Scratch()
    let file = try scratch.file("a.txt", "")
    for path in [scratch.path + "/none", scratch.path, file] {
      let ended = try await Program.run(["schema", "suite", path])
      #expect(ended.status == 65, "\(ended)")
      #expect(ended.error.contains(path))
    }
  }

  @Test(.needs(sharedData: "json-schema"))
  func `of the published suite only what the documentation lists fails`() async throws {
    let folder = SharedData.folder("json-schema").path
    let ended = try await Program.run(["schema", "suite", folder, "--output", "json"])
    let json = try JSONValue(parsing: ended.output)
    let files = json["files"]?.arrayValue ?? []
    let failing = Set(files.filter { $0["failed"] != 0 }.compactMap { $0["file"]?.stringValue })
    #expect(
      failing.subtracting(["draft7/optional/content.json"]).allSatisfy {
        $0.hasSuffix("hostname.json")
      },
      "\(failing)"
    )
    #expect(json["total"]?["passed"]?.intValue ?? 0 > 2500, "\(ended.error)")
  }
}
