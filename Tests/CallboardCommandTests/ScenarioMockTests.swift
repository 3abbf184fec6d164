import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

@Suite struct ScenarioMockTests {
  private func draws(_ latency: Latency, count: Int = 4000) -> [Double] {
    var generator = SeededGenerator(seed: 3)
    return (0..<count).map { _ in latency.draw(using: &generator) / .seconds(1) }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  @Test func `a fixed latency is always the same`() {
    #expect(Set(draws(Latency(distribution: .fixed(.milliseconds(150))))) == [0.15])
  }

  @Test func `a uniform latency fills its bounds and leaves them not`() {
    let values = draws(Latency(distribution: .uniform(from: .seconds(1), to: .seconds(3))))
    #expect(values.allSatisfy { (1..<3).contains($0) })
    #expect(abs(mean(values) - 2) < 0.05)
    #expect(values.contains { $0 < 1.1 } && values.contains { $0 > 2.9 })
  }

  @Test func `a normal latency has its mean and deviation, and is never below zero`() {
    let latency = Latency(
      distribution: .normal(mean: .seconds(10), deviation: .seconds(2))
    )
    let values = draws(latency)
    let average = mean(values)
    let deviation = mean(values.map { ($0 - average) * ($0 - average) }).squareRoot()
    #expect(abs(average - 10) < 0.2)
    #expect(abs(deviation - 2) < 0.2)
    let wide = draws(Latency(distribution: .normal(mean: .zero, deviation: .seconds(5))))
    #expect(wide.allSatisfy { $0 >= 0 })
  }

  @Test func `an exponential latency has its mean, and a bound cuts its tail`() {
    let values = draws(Latency(distribution: .exponential(mean: .seconds(2))))
    #expect(abs(mean(values) - 2) < 0.15)
    #expect(values.contains { $0 > 8 })
    let bounded = Latency(distribution: .exponential(mean: .seconds(2)), most: .seconds(4))
    #expect(draws(bounded).max() == 4)
  }

  @Test func `an answer is made from the arguments`() async throws {
    let result = try await Played.scenario(
      """
      functions:
        market.find:
          effect: read
          retry: { attempts: 2, base: 1s }
          answers:
            - { when: { properties: { zip: { const: "1" } }, required: [zip] }, value: { zip: "${args.zip}", by: "${caller}, ${attempt} of ${count}", n: "${args.missing ?? 7}", all: "${args}", text: "$${args.zip}" } }
            - { value: { zip: other, price: "${args.price}" } }
      do:
        - call: { name: one, function: market.find, with: { zip: "1" }, as: ada }
        - call: { name: other, function: market.find, with: { zip: "2", price: 250000 } }
        - call: { name: missing, function: market.find, with: { zip: "3" } }
      expect:
        calls:
          - { call: one, result: { const: { zip: "1", by: "ada, 1 of 1", n: 7, all: { zip: "1" }, text: "${args.zip}" } } }
          - { call: other, result: { const: { zip: other, price: 250000 } } }
          - { call: missing, state: failed, says: "${args.price} has no value" }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test func `a sequence gives one value after the other, and its last one stays`() async throws {
    let result = try await Played.scenario(
      """
      functions: { api.next: { effect: read, answers: [{ values: [1, 2] }, { value: 3 }] } }
      do:
        - call: { name: a, function: api.next }
        - call: { name: b, function: api.next }
        - call: { name: c, function: api.next }
        - call: { name: d, function: api.next }
      expect:
        calls:
          - { call: a, result: { const: 1 } }
          - { call: b, result: { const: 2 } }
          - { call: c, result: { const: 3 } }
          - { call: d, result: { const: 3 } }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  @Test
  func
    `over a function of the configuration a mock answers what it has answers for, and hands on the rest`()
    async throws
  {
    let scratch = try Scratch()
    let configuration = try scratch.file(
      "callboard.yaml",
      """
      providers:
        sh:
          type: program
          functions:
            - name: echo
              effect: read
              parameters: { type: object, properties: { n: { type: integer } }, required: [n] }
              run: [cat]
              retry: { attempts: 3, base: 10ms }
            - { name: other, effect: read, run: [echo, "1"] }
      approvals: [{ approval: never }]
      """
    )
    let result = try await Played.scenario(
      """
      config: \(configuration)
      functions:
        sh.echo:
          answers:
            - { when: { properties: { n: { const: 1 } } }, value: mocked }
            - { when: { properties: { n: { const: 2 } } }, times: 2, fail: { kind: server_error } }
            - { when: { properties: { n: { const: 2 } } }, pass: true }
      faults: [{ on: sh.other, times: 1, fail: { kind: client_error } }]
      do:
        - call: { name: mocked, function: sh.echo, with: { n: 1 } }
        - call: { name: late, function: sh.echo, with: { n: 2 } }
        - call: { name: real, function: sh.echo, with: { n: 3 } }
        - call: { name: invalid, function: sh.echo, with: { n: x } }
        - call: { name: struck, function: sh.other }
        - call: { name: other, function: sh.other }
      expect:
        calls:
          - { call: mocked, result: { const: mocked } }
          - { call: late, attempts: 3, result: { const: { n: 2 } } }
          - { call: real, result: { const: { n: 3 } } }
          - { call: invalid, state: rejected }
          - { call: struck, state: failed, failure: client_error }
          - { call: other, result: { const: 1 } }
      """
    )
    #expect(result.status == .done, "\(result.lines)")
  }

  // MARK: - Faults

  private func faults(
    _ list: String,
    _ expect: String,
    calls: Int = 6
  ) async throws -> ScenarioResult {
    let steps = (1...calls).map {
      "  - call: { name: c\($0), function: api.read, with: { n: \($0) } }"
    }
    return try await Played.scenario(
      """
      seed: 11
      functions:
        api.read:
          effect: read
          timeout: 2m
          retry: { attempts: 1 }
          breaker: { failures: 0, rate: 0 }
          answers: [{ value: { n: "${args.n}", text: some longer text } }]
        api.text: { effect: read, answers: [{ value: "Grüße aus Mitte" }] }
      faults:
        \(list)
      do:
      \(steps.joined(separator: "\n"))
        - call: { name: text, function: api.text }
      expect:
        \(expect)
      """
    )
  }

  @Test(arguments: [
    // From the second to the third attempt.
    (
      "- { on: api.read, attempts: { from: 2, to: 3 }, down: true }",
      "calls: [{ call: c1, state: succeeded }, { call: c2, failure: connection_failed, reach: not_sent, says: is down }, { call: c3, state: failed }, { call: c4, state: succeeded }, { call: text, state: succeeded }]"
    ),
    (
      "- { on: api.read, times: 2, fail: { kind: throttled, message: slow down } }",
      "calls: [{ call: c2, failure: throttled, says: slow down }, { call: c3, state: succeeded }]"
    ),
    (
      "- { when: { properties: { n: { const: 4 } }, required: [n] }, fail: { kind: client_error } }",
      "calls: [{ function: api.read, count: 1, failure: client_error }, { call: c4, state: failed }]"
    ),
    (
      "- { on: api.read, caller: nobody, fail: {} }",
      "calls: [{ function: api.read, count: 6, state: succeeded }]"
    ),
    // Each call takes a minute, so that the third and fourth begin within the window.
    (
      "- { on: api.read, delay: 1m }\n  - { on: api.read, during: { from: 2m, to: 4m }, fail: {} }",
      "{ calls: [{ call: c2, state: succeeded }, { call: c3, state: failed, time: { at_least: 59s, at_most: 61s } }, { call: c4, state: failed }, { call: c5, state: succeeded }], time: { at_least: 6m, at_most: 361s } }"
    ),
    (
      "- { on: api.read, hang: true, times: 1 }",
      "calls: [{ call: c1, failure: timeout, reach: maybe, time: 2m }, { call: c2, state: succeeded }]"
    ),
    (
      "- { truncate: { bytes: 10 } }",
      "calls: [{ call: c1, failure: invalid_result, says: 10 of }, { call: text, result: { const: Grüße au } }]"
    ),
    ("- { truncate: { share: 0.5 } }", "calls: [{ call: text, result: { maxLength: 9 } }]"),
    ("- { truncate: { share: 1 } }", "calls: [{ state: succeeded }]"),
  ])
  func `a fault strikes what it is meant for`(list: String, expect: String) async throws {
    let result = try await faults(list, expect)
    #expect(!result.checks.isEmpty)
    #expect(result.checks.allSatisfy { $0.came == nil }, "\(result.lines)")
  }

  @Test func `a probability strikes its share, the same calls for the same seed`() throws {
    let function = try #require(FunctionName("api.read"))
    func struck(seed: UInt64) -> [Int] {
      let faults = Faults(
        [Fault(probability: 0.25, effect: .hang)],
        seed: seed
      )
      let invocation = Invocation(
        call: CallID(UUIDv7(at: .now, sequence: 0, random: 1)),
        function: function,
        arguments: [:],
        idempotencyKey: "k"
      )
      return (1...2000).filter { count in
        if case .hang = faults.strike(invocation, count: count, at: .zero).effect {
          true
        } else {
          false
        }
      }
    }
    #expect(struck(seed: 1) == struck(seed: 1))
    #expect(struck(seed: 1) != struck(seed: 2))
    #expect(abs(struck(seed: 1).count - 500) < 70)
  }

  @Test(arguments: [
    ("functions: { a.b: { answers: [{ value: \"${arg.zip}\" }] } }", "did you mean args?"),
    ("functions: { a.b: { answers: [{ value: \"${args.zip\" }] } }", "has no “}”"),
    ("functions: { a.b: { answers: [{ pass: true }] } }", "which the configuration has not"),
    ("functions: { a.b: { answers: [{ value: 1, values: [2] }] } }", "keep one of them"),
    (
      "functions: { a.b: { answers: [{ after: { uniform: { from: 2s, to: 1s } } }] } }", "goes down"
    ),
    ("functions: { a.b: { answers: [{ after: {} }] } }", "draws nothing"),
    ("functions: { a.b: { answers: [{ after: { uniforn: {} } }] } }", "did you mean uniform?"),
    ("functions: { a.b: {} }\nfaults: [{ on: a.b }]", "does nothing"),
    ("functions: { a.b: {} }\nfaults: [{ hang: true, down: true }]", "keep one of them"),
    (
      "functions: { a.b: {} }\nfaults: [{ hang: true, during: { from: 2s, to: 1s } }]",
      "ends before it begins"
    ),
    ("functions: { a.b: {} }\nfaults: [{ hang: true, probability: 3 }]", "from 0 to 1"),
    ("functions: { a.b: {} }\nfaults: [{ delay: 5 }]", "write a duration"),
  ])
  func `what is wrong with mocks and faults is told before anything is played`(
    text: String,
    words: String
  ) throws {
    let told = try Played.fault(text + "\ndo: [{ call: { function: a.b } }]")
    #expect(told.contains(words), "\(told)")
    #expect(told.contains("scenario.yaml:"))
  }
}
