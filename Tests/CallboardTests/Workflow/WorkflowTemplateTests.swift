import JSONSchema
import Testing

@testable import Callboard

struct WorkflowTemplateTests {
  private let context: JSONObject = [
    "input": ["zip": "02134", "n": 3, "deep": ["a b": [10, 20]], "none": nil],
    "market": ["median": 425000],
  ]

  private func value(_ source: JSONValue) throws -> JSONValue {
    var mistakes: [WorkflowMistake] = []
    let template = WorkflowTemplate(source, at: JSONPointer(), &mistakes)
    #expect(mistakes.isEmpty)
    return try template.value(in: context)
  }

  private func mistake(_ text: String) -> WorkflowMistake? {
    var mistakes: [WorkflowMistake] = []
    _ = WorkflowTemplate(.string(text), at: JSONPointer(), &mistakes)
    return mistakes.first
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("${input.n}", 3),
      ("n is ${input.n}, zip ${input.zip}", "n is 3, zip 02134"),
      ("${ market.median ?? input.n }", 425000), ("${market.mean ?? input.n}", 3),
      ("${input.none ?? 'x'}", "x"), ("${market.mean ?? -1.5}", -1.5), ("${a ?? true}", true),
      ("${a ?? null}", nil), ("${a ?? []}", []), ("${a ?? {}}", [:]), ("${input.none}", nil),
      (#"${input.deep["a b"][1]}"#, 20), ("$${input.n}", "${input.n}"),
      ("100 $ and }", "100 $ and }"),
      ("${input.deep}!", #"{"a b":[10,20]}!"#), ("${a ?? 'it is } here'}", "it is } here"),
    ] as [(String, JSONValue)]
  )
  func `a text stands for what it refers to`(_ text: String, _ expected: JSONValue) throws {
    #expect(try value(.string(text)) == expected)
  }

  @Test func `objects and arrays are filled in, and their keys are not`() throws {
    #expect(
      try value(["${input.n}": ["${input.n}", 1, nil], "b": ["c": "${input.zip}"]])
        == ["${input.n}": [3, 1, nil], "b": ["c": "02134"]]
    )
  }

  @Test(arguments: ["${market.mean}", "x ${other.a}", "${input.deep[5]}", "${input.zip.a}"])
  func `what has no value is said`(_ text: String) throws {
    let error = #expect(throws: WorkflowTemplate.Missing.self) { try value(.string(text)) }
    #expect(error?.sentence.contains("has no value") == true)
  }

  @Test(arguments: [
    ("ab ${input.n", 3, "has no “}”"), ("${}", 2, "nothing is referred to"),
    ("${a.}", 4, "a name has to follow the dot"), ("${a[x]}", 4, "a number from 0"),
    ("${a b}", 4, "can't stand here"), ("${a ?? 1 ?? b}", 12, "nothing may follow"),
    ("${a ?? 'x}", 7, "has no closing"), ("${a[0}", 5, "has no “]”"), ("${1x}", 2, "is no number"),
  ])
  func `what can't be read is told with its place`(
    _ text: String,
    _ offset: Int,
    _ message: String
  ) throws {
    let found = try #require(mistake(text))
    #expect(found.offset == offset)
    #expect(found.message.contains(message), "\(found.message)")
  }
}
