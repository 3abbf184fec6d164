import Callboard
import CallboardYAML
import JSONSchema

/// Who may decide what, and by which function an unknown outcome is looked up.
extension ConfigurationReader {
  mutating func deciders(in value: JSONValue?, at pointer: JSONPointer) -> DecidingPolicy {
    DecidingPolicy(
      (value?.arrayValue ?? []).enumerated().map { index, value in
        let acts = value["acts"]?.arrayValue.map { acts in
          Set(acts.compactMap { $0.stringValue.flatMap(DecidingAct.init(rawValue:)) })
        }
        return DecidingPolicy.Rule(
          function: pattern(value["function"]),
          effect: effect(value["effect"]),
          caller: pattern(value["caller"]),
          // Each rule gives somebody a right, so its condition must hold for nothing that it was not written for.
          when: condition(
            value["when"],
            at: pointer.appending(index).appending("when"),
            function: pattern(value["function"]),
            opens: true
          ),
          acts: acts,
          operators: strings(value["operators"]).map { NamePattern($0) }
        )
      }
    )
  }

  /// A rule that names nobody who is listed is a slip of the pen.
  mutating func checkDeciders(
    in value: JSONValue?,
    at pointer: JSONPointer,
    operators: [Principal]?
  ) {
    guard let operators else { return }
    let names = operators.filter(\.mayDecide).map(\.name)
    for (index, rule) in (value?.arrayValue ?? []).enumerated() {
      for (place, name) in strings(rule["operators"]).enumerated()
      where !names.contains(where: { NamePattern(name).matches($0) }) {
        let near = nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        warnings.append(
          document.diagnostic(
            at: pointer.appending(index).appending("operators").appending(place),
            "is “\(name)”, which is no operator who may decide\(near)"
          )
        )
      }
    }
  }

  /// A rule that nobody can satisfy lets its calls wait until they expire: said, because people come and go.
  mutating func checkApprovers(_ configuration: Configuration) {
    let operators = configuration.people.operators
    let shortages = configuration.engine.rules.shortages(
      on: configuration.definitions,
      deciding: configuration.engine.deciding,
      people: operators ?? [.owner("whoever starts callboard", uid: 0)]
    )
    for shortage in shortages {
      let names = shortage.people.joined(separator: " and ")
      let who =
        switch shortage.people.count {
        case 0: "nobody may give one"
        case 1: "\(names) alone may give one"
        default: shortage.areShared ? "\(names) share their accounts" : "only \(names) may give one"
        }
      let many = shortage.approvers == 1 ? "an approval" : "\(shortage.approvers) approvals"
      let hint = operators == nil ? "; list people under operators" : ""
      warnings.append(
        document.diagnostic(
          at: JSONPointer(tokens: ["approvals", String(shortage.rule)]),
          "asks for \(many) of calls of \(shortage.function), and \(who): they would wait until they expire\(hint)"
        )
      )
    }
  }

  mutating func check(_ value: JSONValue?, at pointer: JSONPointer) -> OutcomeCheck? {
    guard let value else { return nil }
    let text = value["function"]?.stringValue ?? ""
    guard let function = FunctionName(text) else {
      report(
        pointer.appending("function"),
        "is “\(text)”, which is no function name; write namespace.name"
      )
      return nil
    }
    var arguments: [String: OutcomeCheck.Source] = [:]
    for (name, source) in value["with"]?.objectValue ?? JSONObject() {
      if let constant = source["value"] {
        arguments[name] = .value(constant)
      } else if source["idempotency_key"] != nil {
        arguments[name] = .idempotencyKey
      } else {
        let text = source.stringValue ?? ""
        guard let path = try? JSONPointer(parsing: text) else {
          report(
            pointer.appending("with").appending(name),
            "is “\(text)”, which is no JSON Pointer; write one such as /id"
          )
          continue
        }
        arguments[name] = .argument(path)
      }
    }
    return OutcomeCheck(function: function, arguments: arguments)
  }
}
