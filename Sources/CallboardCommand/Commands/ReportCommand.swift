import ArgumentParser
import Callboard
import CallboardSQLite
import CallboardYAML
import Foundation
import JSONSchema

/// `callboard report`: what happened in a shift, from a store's event log.
struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Say what happened in a shift.",
    discussion: """
      What is still open; what was decided, by whom, by which grant, by which rule, and what expired unanswered; what \
      was switched and by whom; outages; changed definitions; sums of the fields that the configuration names under \
      report; errors, new ones first. Works while an engine runs on the store. Times are in your time zone.
      """
  )

  @OptionGroup var source: StoreOption
  @Option(help: ArgumentHelp("From so long ago: 8h, 2d.", valueName: "duration"))
  var since = "8h"
  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func validate() throws {
    try output.refusingLines("report")
    _ = try seconds()
  }

  func run() async throws {
    let now = Date.now
    let start = now.addingTimeInterval(-(try seconds()))
    let reader = try source.open()
    let sums = try sums()
    let report = try Failure.onStoreProblem { () throws(StoreProblem) in
      try reader.report(since: start, until: now, sums: sums)
    }
    switch output {
    case .text:
      for (index, section) in report.sections(in: .current).enumerated() {
        if index > 0 { Output.standard.line("") }
        Output.standard.row(section.title)
        for line in section.lines { Output.standard.row("  " + line) }
      }
    case .json, .jsonl:
      Output.standard.line(try ReportJSON.value(of: report).serialized(pretty: true))
    }
  }

  private func seconds() throws -> Double {
    let seconds: Double
    do throws(DurationError) {
      seconds = try Duration(callboard: since) / .seconds(1)
    } catch {
      throw ValidationError("--since: \(error.description)")
    }
    guard seconds > 0 else { throw ValidationError("--since is 0; write such as 8h.") }
    return seconds
  }

  /// What the configuration has summed up; a store that is named alone has none.
  private func sums() throws -> [ReportSum] {
    let path = try? source.config ?? ConfigurationFile.defaultPath(environment: Entry.environment)
    guard let path, source.store == nil || source.config != nil else { return [] }
    return try ConfigurationFile.load(path, environment: Entry.environment).engine.reportSums
  }
}

/// A report for programs: names as elsewhere in callboard's JSON, times in UTC.
enum ReportJSON {
  static func value(of report: ShiftReport) throws -> JSONValue {
    snaked(try JSONValue(encoding: report))
  }

  /// `openLeft` as `open_left`.
  private static func snaked(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object):
      var result = JSONObject()
      for (name, member) in object {
        var text = ""
        for character in name {
          text += character.isUppercase ? "_" + character.lowercased() : String(character)
        }
        result[text] = snaked(member)
      }
      return .object(result)
    case .array(let items): return .array(items.map(snaked))
    case .null, .bool, .integer, .double, .decimal, .string: return value
    }
  }
}
