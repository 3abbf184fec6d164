import Crypto
import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct ApprovalDigestTests {
  let digest = ApprovalDigest(key: SymmetricKey(data: Data(0..<32)))

  struct Bound {
    var caller = Principal.caller("agent-1")
    var conversation = ConversationID("01977a3e-0000-7000-8000-00000000002a")
    var function = "payments.send_wire"
    var definition = "c0ffee"
    var arguments: JSONValue = [
      "to": "DE02 1203", "amount": 1250.5, "note": "€uro \"quoted\"", "list": [3, nil, true],
    ]
    var rule = "rule 1: payments.*"
    var hasSecrets = false
  }

  func text(_ bound: Bound) -> String {
    digest(
      caller: bound.caller,
      conversation: bound.conversation,
      function: bound.function,
      definitionHash: bound.definition,
      arguments: bound.arguments,
      rule: bound.rule,
      hasSecrets: bound.hasSecrets
    )
  }

  // The expected values were computed with Python's hashlib and hmac over
  // json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False).

  @Test func `it is SHA-256 over the canonical form`() {
    #expect(text(Bound()) == "e2c64954ddfaca60c3bb877527448913b81b1a8d323b895998058e7e8d7cd5d7")
  }

  @Test func `where there is no conversation that is bound too`() {
    var bound = Bound()
    bound.conversation = nil
    #expect(text(bound) == "1b6c94040b65fb6fc2599eff3aeec3280e2fa145319932e32af1fe60d75b2530")
  }

  @Test func `with secrets it is an HMAC with the store's key`() {
    var bound = Bound()
    bound.hasSecrets = true
    #expect(text(bound) == "b81e1f7a8d040a613188f95fb8a6d16dcbba9ee4ad20a12badd06bb94ba5814a")
    let other = ApprovalDigest(key: SymmetricKey(size: .bits256))
    let again = other(
      caller: bound.caller,
      conversation: bound.conversation,
      function: bound.function,
      definitionHash: bound.definition,
      arguments: bound.arguments,
      rule: bound.rule,
      hasSecrets: true
    )
    #expect(again != text(bound), "another process has another key")
  }

  @Test func `each bound part changes it`() {
    let changes: [(inout Bound) -> Void] = [
      { $0.caller = .caller("agent-2") },
      { $0.conversation = nil },
      { $0.function = "payments.send_wires" },
      { $0.definition = "c0ffef" },
      { $0.arguments["amount"] = 1250.51 },
      { $0.arguments["extra"] = nil as JSONValue? ?? .null },
      { $0.rule = "rule 2: payments.*" },
    ]
    var seen: Set<String> = [text(Bound())]
    for change in changes {
      var bound = Bound()
      change(&bound)
      #expect(seen.insert(text(bound)).inserted)
    }
  }

  @Test func `the order of keys and the spelling of a number don't`() {
    var bound = Bound()
    bound.arguments = [
      "list": [3.0, nil, true], "note": "€uro \"quoted\"", "amount": 1250.50, "to": "DE02 1203",
    ]
    #expect(text(bound) == text(Bound()))
  }

  @Test func `digits that no double holds are bound`() throws {
    var one = Bound()
    var two = Bound()
    one.arguments = try JSONValue(parsing: #"{"amount":0.1000000000000000000001}"#)
    two.arguments = try JSONValue(parsing: #"{"amount":0.1}"#)
    #expect(text(one) != text(two))
  }

  @Test func `what waits with a secret nobody declared starts as it was approved`() async throws {
    let provider = try NativeProvider(
      namespace: "f",
      [NativeFunction("send", "", parameters: ["type": "object"]) { _ in ["ok": true] }]
    )
    let engine = Engine(
      EngineConfiguration(rules: ApprovalRules(), seed: 1),
      registry: try FunctionRegistry([provider])
    )
    let secrets: JSONValue = ["password": "hunter2", "card": "4111 1111 1111 1111"]
    let submission = await engine.submit("f.send", secrets, by: .caller("agent-1"))
    guard case .pending(let id) = submission, let call = engine.store.call(id),
      let approval = call.approval
    else {
      Issue.record("it should wait for a person")
      return
    }
    let seen = Seen(revision: call.revision, digest: approval.digest)
    let reply = await engine.perform(.approve(id, seen), by: .operator("maria"))
    #expect(reply.isDone)
    #expect(await engine.outcome(of: id)?.failure == nil)
  }
}
