import Callboard
import CallboardYAML
import JSONSchema

/// Rules of approval and access, and the lint of their conditions.
extension ConfigurationReader {
  mutating func approvals(in value: JSONValue?, at pointer: JSONPointer) -> [ApprovalRules.Rule] {
    (value?.arrayValue ?? []).enumerated().map { index, value in
      let place = pointer.appending(index)
      var rule = ApprovalRules.Rule(
        function: pattern(value["function"]),
        effect: effect(value["effect"]),
        caller: pattern(value["caller"])
      )
      rule.asks = value["approval"]?.stringValue != "never"
      rule.when = condition(
        value["when"],
        at: place.appending("when"),
        function: rule.function,
        opens: !rule.asks
      )
      rule.label = value["label"]?.stringValue
      rule.approvers = value["approvers"]?.intValue ?? rule.approvers
      rule.expires = seconds(value["expires"], at: place.appending("expires")) ?? rule.expires
      rule.maxWait =
        seconds(value["max_wait"], at: place.appending("max_wait"))
        ?? max(rule.maxWait, rule.expires)
      rule.grace = seconds(value["grace"], at: place.appending("grace")) ?? rule.grace
      // Beside `never` too: a call that nobody was asked about may end unknown.
      rule.notify = notify(
        in: value["notify"],
        at: place.appending("notify"),
        expires: rule.expires
      )
      if !rule.asks {
        for key in ["approvers", "expires", "max_wait", "grace"] where value[key] != nil {
          report(
            place.appending(key),
            "stands beside approval: never, where it is never used; remove one of them"
          )
        }
      }
      if rule.expires <= 0 {
        report(place.appending("expires"), "is 0; nobody could decide in that time")
      }
      if rule.maxWait < rule.expires {
        report(place.appending("max_wait"), "is shorter than expires; make it at least as long")
      }
      return rule
    }
  }

  mutating func access(in value: JSONValue?, at pointer: JSONPointer) -> [AccessPolicy.Rule] {
    (value?.arrayValue ?? []).enumerated().map { index, value in
      let allows = value["allow"]?.boolValue ?? false
      return AccessPolicy.Rule(
        caller: pattern(value["caller"]),
        function: pattern(value["function"]),
        effect: effect(value["effect"]),
        when: condition(
          value["when"],
          at: pointer.appending(index).appending("when"),
          function: pattern(value["function"]),
          opens: allows
        ),
        allows: allows
      )
    }
  }

  func pattern(_ value: JSONValue?) -> NamePattern? { value?.stringValue.map { NamePattern($0) } }

  func effect(_ value: JSONValue?) -> FunctionEffect? {
    value?.stringValue.flatMap(FunctionEffect.init(rawValue:))
  }

  /// Compiles a condition over arguments, and finds what holds only because a key is missing or its value is of another
  /// type: an error where that lets something through, else a warning.
  mutating func condition(
    _ value: JSONValue?,
    at pointer: JSONPointer,
    function: NamePattern?,
    opens: Bool
  ) -> Schema? {
    guard let value else { return nil }
    guard let schema = checkSchema(value, at: pointer) else { return nil }
    let unknownKeywords = Schema.unknownKeywords(in: value)
    for unknown in unknownKeywords {
      let near = unknown.nearest.map { "; did you mean \($0)?" } ?? ", so it would be passed over"
      report(
        JSONPointer(tokens: pointer.tokens + unknown.pointer.tokens),
        "“\(unknown.keyword)” is no keyword of JSON Schema" + near
      )
    }
    for unknown in Schema.unknownFormats(in: value) {
      let near = unknown.nearest.map { "; did you mean \($0)?" } ?? ", so it would check nothing"
      report(
        JSONPointer(tokens: pointer.tokens + unknown.pointer.tokens),
        "“\(unknown.format)” is no format that is known" + near
      )
    }
    if opens {
      // A pattern may also match functions that only their server knows.
      let parameters = function.flatMap { self.parameters[$0.text] }
      let isTold = Set(unknownKeywords.map(\.keyword))
      for finding in OpeningLint.findings(of: value, parameters: parameters)
      where !isTold.contains(finding.keyword) {
        report(JSONPointer(tokens: pointer.tokens + finding.pointer.tokens), finding.sentence)
      }
    }
    for loose in ConditionLint.looseProperties(of: value) {
      let place = JSONPointer(tokens: pointer.tokens + loose.pointer.tokens)
      let sentence =
        "also holds when \(loose.name) is missing; add required: [\(loose.name)]"
        + (opens ? ", or calls without it pass unasked" : " if that is not meant")
      if opens {
        report(place, sentence)
      } else {
        warnings.append(document.diagnostic(at: place, sentence))
      }
    }
    return schema
  }
}
