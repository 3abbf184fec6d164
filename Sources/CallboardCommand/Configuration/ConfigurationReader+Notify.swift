import Callboard
import CallboardProviders
import CallboardYAML
import JSONSchema

/// Whom a rule has called, and what reports sum up.
extension ConfigurationReader {
  /// One group, or a list of them: each `after` counts from the group before.
  mutating func notify(
    in value: JSONValue?,
    at pointer: JSONPointer,
    expires: Double
  ) -> [Notify] {
    guard let value else { return [] }
    let groups: [(JSONValue, JSONPointer)] =
      value.arrayValue.map { list in
        list.enumerated().map { ($1, pointer.appending($0)) }
      } ?? [(value, pointer)]
    var total = 0.0
    return groups.map { group, place in
      let after = seconds(group["after"], at: place.appending("after")) ?? 0
      if after <= 0 {
        report(
          place.appending("after"),
          "is 0; write how long a call may wait before somebody is called"
        )
      }
      total += after
      if total >= expires {
        warnings.append(
          document.diagnostic(
            at: place.appending("after"),
            "comes when an approval has expired already; only unknown outcomes wait so long"
          )
        )
      }
      let run = strings(group["run"])
      if run.first?.isEmpty ?? true {
        report(place.appending("run"), "is empty; write the program, then its arguments")
      }
      for problem in NoticeRunner.problems(run) {
        report(place.appending("run").appending(problem.item), problem.sentence)
      }
      return Notify(after: after, run: run)
    }
  }

  /// `report: { sums: { payments.send_wire: [amount by currency] } }`.
  mutating func reportSums(
    in value: JSONValue?,
    at pointer: JSONPointer
  ) -> [ReportSum] {
    var sums: [ReportSum] = []
    for (function, fields) in value?["sums"]?.objectValue ?? JSONObject() {
      let place = pointer.appending("sums").appending(function)
      for (index, field) in (fields.arrayValue ?? []).enumerated() {
        let words = (field.stringValue ?? "").split(separator: " ").map(String.init)
        guard words.count == 1 || words.count == 3 && words[1] == "by" else {
          report(
            place.appending(index),
            "is read as FIELD, or FIELD by FIELD, such as amount by currency"
          )
          continue
        }
        let sum = ReportSum(
          function: function,
          field: words[0],
          by: words.count == 3 ? words[2] : nil
        )
        checkField(sum.field, of: function, at: place.appending(index))
        if let by = sum.by { checkField(by, of: function, at: place.appending(index)) }
        sums.append(sum)
      }
      if parameters[function] == nil {
        let near = nearest(to: function, among: parameters.keys.sorted()).map {
          "; did you mean \($0)?"
        }
        warnings.append(document.diagnostic(at: place, "names no function\(near ?? "")"))
      }
    }
    return sums
  }

  private mutating func checkField(_ field: String, of function: String, at place: JSONPointer) {
    guard !field.hasPrefix("/"),
      let names = parameters[function]?["properties"]?.objectValue?.keys, !names.contains(field)
    else { return }
    let near = nearest(to: field, among: Array(names)).map { "; did you mean \($0)?" }
    report(place, "names \(field), which \(function) has no argument for\(near ?? "")")
  }
}
