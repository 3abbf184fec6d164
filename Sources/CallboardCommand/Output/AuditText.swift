import Callboard
import CallboardSQLite
import Foundation
import JSONSchema

/// What a verification found, for people and for programs.
enum AuditText {
  static func entries(_ number: Int) -> String { number == 1 ? "1 entry" : "\(number) entries" }

  /// `isFile`: of an export or archive, whose end only its store or a head that was kept can vouch for.
  static func text(_ report: AuditReport, isFile: Bool = false) -> String {
    var lines: [String] = []
    for checkpoint in report.checkpoints {
      lines.append(
        "archived up to event \(checkpoint.sequence) on \(ISOTime.text(of: checkpoint.time)): "
          + "\(entries(checkpoint.entries)) in \(checkpoint.file), hash \(checkpoint.hash)"
      )
    }
    if report.hasUncheckedCheckpoints {
      lines.append("what says so is signed; without the key (--key FILE) that was not checked")
    }
    if report.start > 0 {
      lines.append("verified from event \(report.start + 1) on; before it: see the archive")
    }
    if report.isWhole {
      let numbers = report.first.map { ", events \($0)–\(report.last)" } ?? ""
      lines.append(
        "the audit log is whole: \(entries(report.entries))\(numbers)"
          + report.stream.map { ", stream \($0)" }.orEmpty
          + String(format: ", in %.2f s", report.seconds)
      )
    } else {
      lines += report.faults.map(\.description)
      if report.unnamedFaults > 0 { lines.append("and \(report.unnamedFaults) more") }
      lines.append("THE AUDIT LOG IS NOT WHOLE: it is not what the engine wrote")
    }
    if let known = report.known {
      let place =
        known.entry == 0
        ? "what stands before the first entry" : "entry \(known.entry) (event \(known.event))"
      let come = "\(entries(known.since)) \(known.since == 1 ? "has" : "have") come since"
      lines.append("the head you gave is \(place); \(come)")
    }
    switch report.signature {
    case .genuine: lines.append("the head is signed with the store's key")
    case .unchecked:
      lines.append("the head is signed; without the key (--key FILE) that was not checked")
    case .none where isFile && report.known == nil:
      lines.append(
        "a file is not signed: --head HASH, with what audit archive said or audit verify says of its store, tells whether it is the one"
      )
    case .none where isFile: break
    case .none:
      lines.append("the head is not signed: whoever can write the file can rewrite the log")
    case .wrong: break
    }
    lines.append("head \(report.head)")
    if report.isWhole {
      lines.append(
        "keep it elsewhere, and verify later with --head: whoever rewrites the log can't rewrite that"
      )
    }
    return lines.joined(separator: "\n")
  }

  static func json(_ report: AuditReport) -> JSONValue {
    var object: JSONObject = [
      "whole": .bool(report.isWhole), "entries": number(report.entries),
      "events": number(report.events), "first": report.first.map(number) ?? .null,
      "last": number(report.last), "head": .string(report.head.description),
      "signature": .string(report.signature.rawValue), "start": number(report.start),
      "stream": report.stream.map(JSONValue.string) ?? .null, "seconds": .double(report.seconds),
    ]
    if let known = report.known {
      object["known_head"] = [
        "entry": number(known.entry), "event": number(known.event), "since": number(known.since),
      ]
    }
    object["checkpoints"] = .array(report.checkpoints.map(json))
    object["faults"] = .array(
      report.faults.map { fault in
        var part: JSONObject = ["kind": .string(fault.kind.rawValue)]
        if let events = fault.events {
          part["first"] = number(events.lowerBound)
          part["last"] = number(events.upperBound)
        }
        part["message"] = .string(fault.description)
        return .object(part)
      }
    )
    if report.unnamedFaults > 0 { object["more_faults"] = number(report.unnamedFaults) }
    return .object(object)
  }

  static func json(_ checkpoint: AuditCheckpoint) -> JSONValue {
    [
      "last": number(checkpoint.sequence), "hash": .string(checkpoint.hash.description),
      "time": .string(ISOTime.text(of: checkpoint.time)), "file": .string(checkpoint.file),
      "entries": number(checkpoint.entries),
    ]
  }

  static func number(_ number: Int) -> JSONValue { .integer(Int64(number)) }
}

extension Optional where Wrapped == String {
  fileprivate var orEmpty: String { self ?? "" }
}
