import JSONSchema
import Testing

@testable import Callboard

struct KnownSecretsTests {
  let mark = Redactor.mark

  @Test func `a known secret is hidden in texts, names and whole numbers of a value`() {
    let known = KnownSecrets(["hunter2", "12345678", "1234"])
    let value: JSONValue = [
      "note": "my password is hunter2", "hunter2": 1, "list": ["ok", "hunter2"],
      "number": 12_345_678, "amount": 1234, "other": 5,
    ]
    let shown: JSONValue = [
      "note": .string("my password is \(mark)"), .init(mark): 1, "list": ["ok", .string(mark)],
      "number": .string(mark), "amount": 1234, "other": 5,
    ]
    #expect(known.hiding(in: value) == shown)
    #expect(known.hiding(in: ["note": "nothing"] as JSONValue) == nil)
    #expect(Redactor.restoring(shown, from: value, shown: shown) == value)
  }

  @Test(arguments: [
    #"{\"x\":\"q k+s/é\"}"#, "/x?auth=q%20k%2Bs%2F%C3%A9", "q+k%2Bs%2F%C3%A9",
    "q%20k%2bs%2f%c3%a9", "/q%20k%2Bs/%C3%A9", #"q k+s\/é"#, #"q k+s/\u00e9"#,
  ])
  func `a known secret is found as programs write it`(text: String) throws {
    let hidden = try #require(KnownSecrets(["q k+s/é"]).hiding(in: text))
    #expect(hidden.contains(mark) && !hidden.contains("k"))
  }

  @Test func `what is left of a secret where a text was cut is hidden`() {
    let known = KnownSecrets(["swordfish-1234"])
    #expect(known.hiding(inCut: "it was swordfi…") == "it was \(mark)…")
    #expect(known.hiding(inCut: "…fish-1234 was it") == "…\(mark) was it")
    #expect(known.hiding(inCut: "“x swordfish-123…”") == "“x \(mark)…”")
    #expect(known.hiding(inCut: "the sword… it") == "the \(mark)… it")
    #expect(known.hiding(inCut: "no swo…") == "no swo…")
  }

  @Test func `what was hidden in a text is known without its quotes and its coding`() {
    let redactor = Redactor()
    var payload = Payload([
      "body": #"{"password":"hunter2-json"}"#, "url": "https://x/?api_key=hunter%202",
      "header": "Authorization: Basic aHVudGVyMg==", "yaml": #"secret: "hunter2-yaml""#,
      "hint": "password: simple",
    ])
    payload.redact(redactor.redact(_:))
    let texts = KnownSecrets(of: [payload]).texts
    for secret in ["hunter2-json", "hunter 2", "hunter%202", "aHVudGVyMg==", "hunter2-yaml"] {
      #expect(texts.contains(secret), "\(secret) in \(texts)")
    }
    // A word after a name may be one of a sentence.
    #expect(!texts.contains("simple"))
  }

  @Test func `there is an end to what is known`() {
    let many = (0..<Limit.knownSecrets.value + 10).map { "secret-\($0)-word" }
    #expect(KnownSecrets(many).texts.count == Limit.knownSecrets.value)
  }
}
