import JSONSchema
import Testing

@testable import CallboardYAML

@Suite struct `Checking a file against a schema` {
  private let schema: JSONValue = [
    "type": "object",
    "additionalProperties": false,
    "properties": [
      "functions": [
        "type": "array",
        "items": [
          "type": "object",
          "additionalProperties": false,
          "required": ["name"],
          "properties": [
            "name": ["type": "string"],
            "effect": ["enum": ["read", "idempotent", "write"]],
            "retry": [
              "type": "object",
              "properties": [
                "max_attempts": [
                  "type": "integer", "minimum": 1, "hint": "use 1 to run once without retry",
                ]
              ],
            ],
          ],
        ],
      ],
      "key": ["type": "integer"],
    ],
  ]

  private func check(_ text: String, environment: [String: String] = [:]) throws -> [String] {
    let document = try YAMLDocument(text: text, file: "config/callboard.yaml")
      .expanding(environment: environment)
    return try document.check(against: Schema(schema)).map(\.description)
  }

  @Test func `a file that fits has nothing to say`() throws {
    #expect(try check("functions:\n  - name: a\n    effect: read\n") == [])
  }

  @Test func `a hint of the schema is the advice`() throws {
    let text = "functions:\n  - name: a\n    retry:\n      max_attempts: 0\n"
    #expect(
      try check(text) == [
        "config/callboard.yaml:4:21: functions[0].retry.max_attempts is 0; use 1 to run once without retry"
      ]
    )
  }

  @Test func `an unknown key is told at its own place with the nearest right word`() throws {
    #expect(
      try check("functions:\n  - name: a\n    efect: read\n") == [
        "config/callboard.yaml:3:5: functions[0]: “efect” is not known here; did you mean effect?"
      ]
    )
    #expect(
      try check("functoins: []\n") == [
        "config/callboard.yaml:1:1: “functoins” is not known here; did you mean functions?"
      ]
    )
    #expect(
      try check("functions:\n  - name: a\n    zzzzzzzz: read\n") == [
        "config/callboard.yaml:3:5: functions[0]: “zzzzzzzz” is not known here; known are name, effect, retry"
      ]
    )
  }

  @Test func `a wrong word names the nearest right one`() throws {
    let found = try check("functions:\n  - name: a\n    effect: wriet\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("config/callboard.yaml:3:13: functions[0].effect is ") == true)
    #expect(found.first?.hasSuffix("did you mean write?") == true)
  }

  @Test func `a missing key is told where it is missing`() throws {
    let found = try check("functions:\n  - effect: read\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("config/callboard.yaml:2:5: functions[0] lacks ") == true)
    #expect(found.first?.contains("name") == true)
  }

  @Test func `everything is told at once, in the order of the file`() throws {
    let found = try check("key: x\nfunctions:\n  - name: 5\n    efect: read\nfoo: 1\n")
    #expect(found.map { $0.split(separator: ":")[1] } == ["1", "3", "4", "5"])
  }

  @Test func `a value from the environment is not repeated`() throws {
    let found = try check("key: ${SECRET}\n", environment: ["SECRET": "hunter2"])
    #expect(found.count == 1)
    #expect(found.first?.contains("hunter2") == false)
    #expect(
      found.first?.hasPrefix(
        "config/callboard.yaml:1:6: key is something else, from the environment"
      ) == true
    )
  }

  @Test func `a part of a file is checked with its whole path`() throws {
    let document = try YAMLDocument(text: "a:\n  b: {key: x}\n", file: "f.yaml")
    let found = try document.check(against: Schema(schema), at: JSONPointer(tokens: ["a", "b"]))
    #expect(found.map(\.position) == [Diagnostic.Position(line: 2, column: 12)])
    #expect(found.first?.message.hasPrefix("a.b.key is ") == true)
  }
}

@Suite struct `Durations in words` {
  @Test(arguments: [
    ("250ms", 250), ("1.5s", 1500), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000),
    ("0", 0), ("0s", 0),
    ("1h30m", 5_400_000), ("1m0.5s", 60_500), ("1.5d", 129_600_000), ("0.001s", 1),
    ("36500d", 3_153_600_000_000),
  ])
  func `a duration is read exactly`(text: String, milliseconds: Int64) throws {
    #expect(try Duration(callboard: text) == .milliseconds(milliseconds))
  }

  @Test(arguments: [
    "", "5", "m", "5 m", "-5s", "1e3s", "5min", "1s1m", "1s1s", "1.s", ".5s", "1.2345s", "36501d",
    "99999999999999d",
    "٣s", "5S", "1,5s",
  ])
  func `anything else is refused with a sentence`(text: String) {
    do {
      let duration = try Duration(callboard: text)
      Issue.record("\(text) was read as \(duration)")
    } catch {
      #expect("\(error)".hasPrefix("“\(text)” "))
      #expect("\(error)".hasSuffix("; write a duration such as 250ms, 1.5s, 5m, 2h or 1d"))
    }
  }

  @Test(arguments: [0, 1, 250, 999, 1000, 1500, 60_000, 61_010, 5_400_000, 86_400_000, 90_061_001])
  func `what is written reads back`(milliseconds: Int64) throws {
    let duration = Duration.milliseconds(milliseconds)
    #expect(try Duration(callboard: duration.callboardText) == duration)
  }
}
