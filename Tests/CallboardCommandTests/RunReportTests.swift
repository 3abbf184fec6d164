import Foundation
import FoundationXML
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct RunReportTests {
  /// What an XML parser makes of a report.
  private final class Reading: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var texts: [String: String] = [:]
    private var open: [String] = []

    func parser(
      _ parser: XMLParser,
      didStartElement name: String,
      namespaceURI: String?,
      qualifiedName: String?,
      attributes: [String: String]
    ) {
      elements.append((name, attributes))
      open.append(name)
    }

    func parser(
      _ parser: XMLParser,
      didEndElement name: String,
      namespaceURI: String?,
      qualifiedName: String?
    ) {
      open.removeLast()
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
      if let name = open.last { texts[name, default: ""] += text }
    }

    func all(_ name: String) -> [[String: String]] {
      elements.filter { $0.name == name }.map(\.attributes)
    }
  }

  private func read(_ xml: String) throws -> Reading {
    let reading = Reading()
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = reading
    #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")\n\(xml)")
    return reading
  }

  private func result(
    _ name: String,
    file: String = "a.yaml",
    came: String? = nil,
    statuses: [CallboardCommand.ExitStatus] = []
  ) -> ScenarioResult {
    var result = ScenarioResult(
      name: name,
      file: file,
      seconds: 1.2345,
      calls: 1,
      checks: [.init(expected: "state succeeded", came: came)],
      conversations: ["hunt: finished"]
    )
    result.statuses = statuses
    return result
  }

  @Test func `each file is a suite and each scenario a case, with what was expected and what came`()
    throws
  {
    let xml = JUnitReport([
      result("one"), result("two", came: "state was failed", statuses: [.failed]),
      result("three", file: "b.yaml", statuses: [.outcomeUnknown]),
    ]).xml
    let read = try read(xml)
    #expect(
      read.all("testsuites") == [
        ["name": "callboard", "tests": "3", "failures": "1", "errors": "1", "time": "3.704"]
      ]
    )
    #expect(read.all("testsuite").map { $0["name"] } == ["a.yaml", "b.yaml"])
    #expect(read.all("testcase").map { $0["name"] } == ["one", "two", "three"])
    #expect(read.all("testcase").map { $0["classname"] } == ["a.yaml", "a.yaml", "b.yaml"])
    #expect(
      read.all("failure").map { $0["message"] } == [
        "expected state succeeded, came state was failed"
      ]
    )
    #expect(read.texts["failure"] == "expected  state succeeded\ncame      state was failed")
    #expect(read.all("error").map { $0["type"] } == ["exit 74"])
    #expect(read.texts["system-out"]?.contains("hunt: finished") == true)
  }

  @Test(arguments: [
    "<b>&amp;\"'</b>", "]]>", "\u{0}\u{7}\u{1B}[31m\u{7F}\u{85}", "\u{FFFE}\u{FFFF}", "a\r\n\tb",
    "<?xml?><!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;", "📞 \u{202E}abc",
  ])
  func `whatever functions wrote, the report is valid XML and says it`(text: String) throws {
    var hostile = result(text, file: text, came: text, statuses: [.failed])
    hostile.notes = [text]
    hostile.conversations = [text]
    let read = try read(JUnitReport([hostile]).xml)
    #expect(read.all("testcase").count == 1)
    var visible = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x9, 0xA, 0xD, 0x20...0x7E, 0xA0...0xFFFD, 0x10000...0x10FFFF:
        visible.unicodeScalars.append(scalar)
      default: visible += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      }
    }
    #expect(read.all("testcase").first?["name"] == visible)
    #expect(read.texts["failure"]?.contains(visible) == true, "\(read.texts)")
  }

  // MARK: - The command

  private let fine =
    "functions: { a.b: { answers: [{ value: 1 }] } }\ndo: [{ call: { function: a.b } }]\nexpect: { calls: [{ state: succeeded }] }\n"

  private func folder() throws -> Scratch {
    let scratch = try Scratch()
    try scratch.folder("more")
    _ = try scratch.file("b.yaml", "name: b\n" + fine)
    _ = try scratch.file("a.yaml", "name: a\n" + fine.replacing("succeeded", with: "failed"))
    _ = try scratch.file("more/c.yml", "name: c\neach: [{ name: x }, { name: y }]\n" + fine)
    _ = try scratch.file("rows.yaml", "- { name: x }\n")
    _ = try scratch.file("notes.txt", "no scenario")
    return scratch
  }

  @Test func `a folder is played whole, in order, and the report is written though one fails`()
    async throws
  {
    let scratch = try folder()
    let ended = try await Program.run(
      ["run", ".", "--jobs", "3", "--output", "jsonl", "--junit", "report.xml"],
      folder: scratch.path
    )
    #expect(ended.status == 1)
    let names = try ended.output.split(separator: "\n").map {
      try JSONValue(parsing: String($0))["scenario"]?.stringValue
    }
    #expect(names == ["a", "b", "c [x]", "c [y]"])
    #expect(ended.error.contains("1 of 4 scenarios did not go as expected."))
    let xml = try String(contentsOfFile: scratch.path + "/report.xml", encoding: .utf8)
    #expect(try read(xml).all("testcase").count == 4)
    #expect(try read(xml).all("failure").count == 1)
  }

  @Test func `files are found by name, folder and pattern, none twice`() throws {
    let scratch = try folder()
    func found(_ arguments: [String]) throws -> [String] {
      try ScenarioFiles.find(arguments.map { scratch.path + "/" + $0 })
        .map { String($0.dropFirst(scratch.path.count + 1)) }
    }
    #expect(try found(["b.yaml", "a.yaml"]) == ["b.yaml", "a.yaml"])
    #expect(try found(["*.yaml"]) == ["a.yaml", "b.yaml", "rows.yaml"])
    #expect(try found(["a.yaml", "more", "[ab].yaml"]) == ["a.yaml", "more/c.yml", "b.yaml"])
    #expect(throws: Failure.self) { try found(["*.toml"]) }
  }

  @Test func `one that can't be played does not end the others`() async throws {
    let scratch = try folder()
    _ = try scratch.file(
      "a.yaml",
      "name: a\ntimeout: 50ms\nclock: real\nfunctions: { a.b: { timeout: 1h, answers: [{ hang: true }] } }\ndo: [{ call: { function: a.b } }]\n"
    )
    let ended = try await Program.run(
      ["run", "a.yaml", "b.yaml", "--jobs", "1"],
      folder: scratch.path
    )
    #expect(ended.status == 75 || ended.status == 74, "\(ended)")
    #expect(ended.output.contains("ok      b"))
  }

  @Test func `a report that can't be written is told`() async throws {
    let scratch = try folder()
    let ended = try await Program.run(
      ["run", "b.yaml", "--junit", "no/such/report.xml"],
      folder: scratch.path
    )
    #expect(ended.status == 1)
    #expect(ended.error.contains("no/such/report.xml can't be written"))
  }

  @Test(arguments: [["--jobs", "0"], ["--jobs", "2", "--events", "e.jsonl"]])
  func `wrong usage is told`(arguments: [String]) async throws {
    let scratch = try folder()
    let ended = try await Program.run(["run", "b.yaml"] + arguments, folder: scratch.path)
    #expect(ended.status == 64)
    #expect(ended.error.contains("--jobs"))
  }
}
