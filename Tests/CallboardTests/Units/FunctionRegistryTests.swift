import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct FunctionRegistryTests {
  func provider(
    _ namespace: String = "pay",
    _ names: [String] = ["send"],
    parameters: JSONValue = ["type": "object"],
    _ configure: @escaping @Sendable (inout FunctionDefinition) -> Void = { _ in }
  ) throws -> NativeProvider {
    try NativeProvider(
      namespace: namespace,
      names.map { NativeFunction($0, "", parameters: parameters, configure: configure) { _ in 1 } }
    )
  }

  func mistake(_ providers: [any FunctionProvider]) -> String? {
    do {
      _ = try FunctionRegistry(providers)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `a misspelt keyword is refused, and a note is not`() throws {
    let misspelt = try provider(
      parameters: ["type": "object", "properties": ["a": ["type": "number", "maximun": 5]]]
    )
    #expect(
      mistake([misspelt])
        == "functions.pay.send.parameters.properties.a.maximun: is no keyword of JSON Schema; did you mean maximum?"
    )
    let noted = try provider(
      parameters: ["type": "object", "x-owner": "bo", "properties": ["titel": ["unit": "EUR"]]]
    )
    #expect(mistake([noted]) == nil)
  }

  @Test func `a word and a format that check nothing are registered, and named with their places`()
    throws
  {
    let parameters: JSONValue = [
      "type": "object", "x-owner": "bo", "unit": "EUR",
      "properties": [
        "phone": ["type": "string", "format": "phone-number"],
        "at": ["anyOf": [["type": "string", "format": "date-tiem"]]],
        "mail": ["type": "string", "format": "email"],
        "format": ["type": "string", "enum": ["phone-number"]],
      ],
    ]
    let send = try provider(parameters: parameters) { $0.resultSchema = ["colour": "red"] }
    let notices = try FunctionRegistry([send]).notices
    #expect(
      notices.map(\.description) == [
        "functions.pay.send.parameters.unit: “unit” is no keyword of JSON Schema, so it checks nothing; a note is better called x-unit",
        "functions.pay.send.parameters.properties.phone.format: “phone-number” is no format that is known, so it checks nothing; say with pattern what it has to be",
        "functions.pay.send.parameters.properties.at.anyOf.0.format: “date-tiem” is no format that is known, so it checks nothing; did you mean date-time?",
        "functions.pay.send.result.colour: “colour” is no keyword of JSON Schema, so it checks nothing; a note is better called x-colour",
      ]
    )
    #expect(try FunctionRegistry([provider()]).notices.isEmpty)
  }

  @Test(arguments: ["divisibleBy": "multipleOf", "disallow": "not", "extends": "allOf"])
  func `a keyword of a draft that is not supported is refused`(old: String, new: String) throws {
    let send = try provider(parameters: ["properties": ["a": [old: 5]]])
    #expect(
      mistake([send])
        == "functions.pay.send.parameters.properties.a.\(old): is a keyword of a draft before 4, which is not supported; write \(new)"
    )
  }

  func name(_ text: String) throws -> FunctionName { try #require(FunctionName(text)) }

  @Test func `what is right registers`() throws {
    #expect(mistake([try provider(), try provider("search", ["find", "list"])]) == nil)
  }

  @Test func `two providers of one name`() throws {
    #expect(
      mistake([try provider(), try provider("pay", ["other"])])
        == "providers: two providers are called pay; rename one"
    )
  }

  @Test func `two functions of one name`() throws {
    #expect(
      mistake([try provider("pay", ["send", "send"])])
        == "functions.pay.send: two functions have this name; rename one"
    )
  }

  @Test func `a name that is none`() {
    #expect {
      try provider("pay", ["send money"])
    } throws: {
      "\($0)" == "functions.pay.send money: is not a name; use letters, digits, _ and -"
    }
  }

  @Test func `a schema that is none, with the place in it`() throws {
    let message = mistake([
      try provider(parameters: ["type": "object", "properties": ["a": ["type": "strin"]]])
    ])
    #expect(message?.hasPrefix("functions.pay.send.parameters: /properties/a/type") == true)
  }

  @Test func `a result schema that is none`() throws {
    let message = mistake([try provider { $0.resultSchema = ["minLength": -1] }])
    #expect(message?.hasPrefix("functions.pay.send.result: /minLength") == true)
  }

  @Test func `a function that may never run`() throws {
    #expect(
      mistake([try provider { $0.retry.maxAttempts = 0 }])
        == "functions.pay.send.retry.attempts: is 0; use 1 to run once without retry"
    )
    #expect(
      mistake([try provider { $0.timeout = .zero }])
        == "functions.pay.send.timeout: is not longer than 0"
    )
    #expect(
      mistake([try provider { $0.slots = 0 }])
        == "functions.pay.send.slots: is below 1: it could never run"
    )
  }

  @Test(arguments: [FunctionEffect.write, .idempotent])
  func `a cache for what changes something`(effect: FunctionEffect) throws {
    #expect(
      mistake([
        try provider {
          $0.effect = effect
          $0.cache = CachePolicy()
        }
      ])
        == "functions.pay.send.cache: only functions with effect read may be cached, and this one's is \(effect.rawValue)"
    )
  }

  @Test func `a stale answer without a cache`() throws {
    #expect(
      mistake([try provider { $0.fallback = .staleCache }])
        == "functions.pay.send.fallback: a stale answer needs a cache; add one"
    )
  }

  @Test func `a fallback that is not there, with the one that may be meant`() throws {
    let near = try name("pay.sned")
    let far = try name("weather.now")
    #expect(
      mistake([
        try provider("pay", ["send", "other"]) {
          if $0.name.name == "other" { $0.fallback = .function(near) }
        }
      ])
        == "functions.pay.other.fallback: there is no function pay.sned; did you mean pay.send?"
    )
    #expect(
      mistake([try provider { $0.fallback = .function(far) }])
        == "functions.pay.send.fallback: there is no function weather.now"
    )
  }

  @Test func `fallbacks in a ring, without what only leads into it`() throws {
    let next = [
      "pay.a": try name("pay.b"), "pay.b": try name("pay.c"), "pay.c": try name("pay.d"),
      "pay.d": try name("pay.b"),
    ]
    #expect(
      mistake([
        try provider("pay", ["a", "b", "c", "d"]) { definition in
          definition.fallback = next[definition.name.description].map { .function($0) }
        }
      ])
        == "functions.pay.b.fallback: fallbacks form a ring: pay.b → pay.c → pay.d → pay.b; break it"
    )
    let itself = try name("pay.send")
    #expect(
      mistake([try provider { $0.fallback = .function(itself) }])
        == "functions.pay.send.fallback: fallbacks form a ring: pay.send → pay.send; break it"
    )
  }

  @Test func `more functions than a model API takes`() throws {
    let names = (0..<129).map { "f\($0)" }
    let registry = try FunctionRegistry([try provider("pay", names)])
    let engine = Engine(registry: registry)
    #expect {
      try engine.offers(to: .caller("agent-1"))
    } throws: {
      "\($0)"
        == "129 functions are on and allowed for agent-1, and model APIs take at most 128: switch some off, or narrow "
        + "the access rules of agent-1"
    }
    let fewer = Engine(
      registry: try FunctionRegistry([try provider("pay", Array(names.dropLast()))])
    )
    #expect(try fewer.offers(to: .caller("agent-1")).count == 128)
  }

  @Test func `functions are found by their wire name and their own`() throws {
    let registry = try FunctionRegistry([try provider("pay", ["send", "list"])])
    let catalogue = Catalogue(
      functions: registry.functions,
      rules: ApprovalRules(),
      access: AccessPolicy(),
      deciding: DecidingPolicy(),
      held: nil,
      grants: [],
      sources: Catalogue.Sources(providers: [], secrets: [], secretValues: [])
    )
    #expect(catalogue.functions.map(\.name) == ["pay.list", "pay.send"])
    #expect(catalogue.named(onTheWire: "pay_send")?.name == "pay.send")
    #expect(catalogue.named(onTheWire: "pay.send")?.name == "pay.send")
    #expect(catalogue["pay_send"] == nil)
    #expect(catalogue.named(onTheWire: "pay") == nil)
    #expect(catalogue.nearestName(to: "pay.sent") == "pay.send")
  }
}
