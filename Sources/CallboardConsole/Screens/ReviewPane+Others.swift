import Callboard
import CallboardTerminal
import Foundation

// Who else has a call before their eyes, and who was slower.
extension Painter {
  func addOthers(_ detail: CallDetail, to document: inout Document) {
    let others = detail.readers.filter { !$0.by.isSamePerson(as: model.principal) }
    if !others.isEmpty, detail.row.state.needsPerson {
      let names = others.map { reader -> SafeText in
        "\(untrusted: reader.by.name, limit: 60) is reading, \(moment.age(since: reader.since))"
      }
      document.text(names.joined(separator: " · "), .accent)
    }
    for word in detail.late {
      let who: SafeText =
        word.by.isSamePerson(as: model.principal)
        ? "you were" : "\(untrusted: word.by.name, limit: 60) was"
      document.text(
        "\(who) too late, \(untrusted: word.wanted, limit: 100), \(moment.age(since: word.at)) ago",
        .faint
      )
    }
  }
}
