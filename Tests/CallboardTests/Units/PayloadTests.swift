import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct PayloadTests {
  let secret: JSONValue = ["password": "hunter2", "user": "bo"]

  func text(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  @Test func `before it is redacted nothing of it is encoded`() throws {
    #expect(try text([Payload(secret)]) == #"["«not redacted yet»"]"#)
  }

  @Test func `afterwards only what may be shown is encoded`() throws {
    var payload = Payload(secret)
    payload.redact(Redactor().redact(_:))
    #expect(payload.original == secret)
    #expect(payload.hasSecrets)
    let text = try text(payload)
    #expect(!text.contains("hunter2"))
    #expect(text.contains("bo"))
    #expect(payload.shown["password"] == .string(Redactor.mark))
  }

  @Test func `what has no secrets is shown as it is`() throws {
    var payload = Payload(["user": "bo"])
    payload.redact(Redactor().redact(_:))
    #expect(!payload.hasSecrets)
    #expect(try text(payload) == #"{"user":"bo"}"#)
  }

  @Test func `it is redacted once`() {
    var payload = Payload(secret)
    payload.redact(Redactor().redact(_:))
    let first = payload
    payload.redact { _ in "changed" }
    #expect(payload == first)
  }

  @Test func `without its original nothing brings the secret back`() throws {
    var payload = Payload(secret)
    payload.redact(Redactor().redact(_:))
    let kept = payload.withoutOriginal
    #expect(kept.original == kept.shown)
    #expect(!"\(kept)".contains("hunter2"))
    let read = try JSONDecoder().decode(Payload.self, from: JSONEncoder().encode(payload))
    #expect(read.original == payload.shown)
    #expect(read.isRedacted)
  }

  @Test func `a whole call is encoded without its secrets at every step of its road`() throws {
    var it = try Situation.running(.write)
    var call = it.call
    call.proposed = Payload(secret)
    call.decided = Payload(secret)
    it.call = call
    #expect(try !text(it.call).contains("hunter2"))
    try it.on(.attemptSucceeded(attempt: 1, secret))
    #expect(try !text(it.call).contains("hunter2"), "before commit")
    it.call.redact(Redactor(), nil)
    #expect(try !text(it.call).contains("hunter2"), "after commit")
    #expect(it.call.outcome?.value?.original == secret)
    #expect(!"\(it.call.withoutOriginals)".contains("hunter2"), "what stores and views get")
  }

  @Test func `arguments that were not JSON lose what is recognised as a secret`() {
    var call = Call(
      id: Situation.rerun,
      function: "f.a",
      caller: Situation.agent,
      receivedAt: Situation.start,
      idempotencyKey: "k",
      proposed: nil,
      unparsed: "{card: 4111 1111 1111 1111"
    )
    call.redact(Redactor(), nil)
    #expect(call.unparsed == "{card: \(Redactor.mark)")
  }
}
