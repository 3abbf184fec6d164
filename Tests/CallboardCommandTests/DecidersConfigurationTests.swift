import Callboard
import CallboardYAML
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// `deciders`, `check`, and what is wrong with them.
@Suite struct DecidersConfigurationTests {
  private func complaints(_ text: String) throws -> [String] {
    let document = try YAMLDocument(text: text, file: "callboard.yaml")
    do throws(Diagnostics) {
      _ = try ConfigurationFile.read(document, environment: [:])
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  private func read(_ text: String) throws -> Configuration {
    let document = try YAMLDocument(text: text, file: "callboard.yaml")
    return try ConfigurationFile.read(document, environment: [:])
  }

  private let bank = """
    providers:
      bank:
        type: program
        functions:
          - name: find
            effect: read
            parameters: { type: object, additionalProperties: false, required: [id], properties: { id: { type: string }, key: { type: string } } }
            run: [find]
          - name: send
            parameters: { type: object, additionalProperties: false, properties: { id: { type: string }, amount: { type: number } } }
            run: [send]

    """

  private func bank(check: String) -> String {
    bank.replacing("run: [send]", with: "run: [send]\n        outcome_check: \(check)")
  }

  @Test func `rules of deciders are read in their order`() throws {
    let configuration = try read(
      bank + """
        operators: { maria: { uid: 1 }, lead-1: { uid: 2 } }
        deciders:
          - function: bank.send
            when: { properties: { amount: { exclusiveMinimum: 1000 } }, required: [amount] }
            operators: ["lead-*"]
          - { acts: [grant], operators: [maria] }
        """
    )
    let rules = configuration.engine.deciding.rules
    #expect(rules.map { $0.operators.map(\.text) } == [["lead-*"], ["maria"]])
    #expect(rules.map(\.acts) == [nil, [.grant]])
    #expect(rules[0].when != nil)
    #expect(configuration.engine.operators?.map(\.name) == ["maria", "lead-1"])
    #expect(configuration.warnings.isEmpty)
  }

  @Test func `a rule that gives a right by mistake is an error, and one that names nobody is said`()
    throws
  {
    let loose = "deciders: [{ when: { properties: { amount: { maximum: 5 } } }, operators: [a] }]"
    #expect(
      try complaints(bank + loose).contains { $0.contains("also holds when amount is missing") }
    )
    let misspelt = try complaints(bank + "deciders: [{ acts: [aprove], operators: [a] }]")
    #expect(misspelt.contains { $0.contains("approve") }, "\(misspelt)")
    #expect(try complaints(bank + "deciders: [{ function: bank.send }]") != [])
    let warned = try read(
      bank + "operators: { maria: {} }\ndeciders: [{ function: bank.sent, operators: [mario] }]"
    ).warnings.map(\.description)
    #expect(
      warned.contains {
        $0.contains("“mario”, which is no operator who may decide; did you mean maria?")
      }
    )
    #expect(warned.contains { $0.contains("bank.sent") })
  }

  @Test(arguments: [
    (
      "operators: { maria: {}, lead: {} }\napprovals: [{ function: bank.send, approvers: 3 }]",
      "asks for 3 approvals of calls of bank.send, and only maria and lead may give one"
    ),
    (
      "operators: { maria: {}, lead: {} }\ndeciders: [{ function: bank.send, operators: [lead] }]\n"
        + "approvals: [{ function: bank.send, approvers: 2 }]",
      "asks for 2 approvals of calls of bank.send, and lead alone may give one"
    ),
    (
      "operators: { maria: { roles: [viewer] } }\napprovals: [{ function: bank.send }]",
      "asks for an approval of calls of bank.send, and nobody may give one"
    ),
    (
      "operators: { maria: { shared: true }, lead: { shared: true } }\n"
        + "approvals: [{ function: bank.send, approvers: 2 }]",
      "asks for 2 approvals of calls of bank.send, and maria and lead share their accounts"
    ),
    (
      "approvals: [{ function: bank.send, approvers: 2 }]",
      "whoever starts callboard alone may give one: they would wait until they expire; list people under operators"
    ),
  ])
  func `a rule that too few people can satisfy is said`(rules: String, words: String) throws {
    let warnings = try read(bank + rules).warnings.map(\.description)
    #expect(warnings.contains { $0.contains(words) }, "\(warnings)")
  }

  @Test(arguments: [
    "operators: { maria: {}, lead: {} }\napprovals: [{ function: bank.send, approvers: 2 }]",
    "operators: { maria: {}, desk: { shared: true } }\napprovals: [{ approvers: 2 }]",
    "operators: { maria: {} }\napprovals: [{ function: bank.find, approval: never }]",
  ])
  func `of a rule that enough people can satisfy nothing is said`(rules: String) throws {
    #expect(try read(bank + rules).warnings.isEmpty)
  }

  @Test func `a check is read with where its arguments come from`() throws {
    let configuration = try read(
      bank(check: "{ function: bank.find, with: { id: /id, key: { idempotency_key: true } } }")
    )
    let send = try #require(configuration.definitions.first { $0.name.name == "send" })
    let pointer = try JSONPointer(parsing: "/id")
    #expect(send.check?.function.description == "bank.find")
    #expect(send.check?.arguments == ["id": .argument(pointer), "key": .idempotencyKey])
  }

  @Test(arguments: [
    (
      "{ function: bank.fnd, with: { id: /id } }",
      "there is no function bank.fnd; did you mean bank.find?"
    ),
    ("{ function: bank.send, with: { id: /id } }", "a check must change nothing"),
    ("{ function: bank.find }", "bank.find needs id"),
    ("{ function: bank.find, with: { id: /idd } }", "did you mean /id?"),
    ("{ function: bank.find, with: { id: id } }", "write a JSON Pointer"),
    ("{ function: find, with: { id: /id } }", "which is no function name"),
  ])
  func `a check that can't look is an error with its place`(check: String, part: String) throws {
    let found = try complaints(bank(check: check))
    #expect(found.contains { $0.contains(part) && $0.contains("check") }, "\(found)")
  }
}
