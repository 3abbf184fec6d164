import ArgumentParser
import Callboard
import CallboardControl
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
      report; errors, new ones first. Where an instance of the configuration runs, it is asked, also where it keeps \
      everything in memory; else, or with --store, the store's file is read. Times are in your time zone.
      """
  )

  @OptionGroup var source: StoreOption
  @Option(
    help: ArgumentHelp(
      "The control socket of a running instance; the one of the configuration if not given.",
      valueName: "path"
    )
  )
  var socket: String?
  @Option(help: ArgumentHelp("From so long ago: 8h, 2d.", valueName: "duration"))
  var since = "8h"
  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func validate() throws {
    try output.refusingLines("report")
    _ = try seconds()
    if socket != nil, source.store != nil {
      throw ValidationError("--socket asks an instance, and --store a file; leave one of them out.")
    }
  }

  func run() async throws {
    let now = Date.now
    let start = now.addingTimeInterval(-(try seconds()))
    let report =
      if let running = try running() {
        try Failure.onControlProblem { () throws(ControlProblem) -> ShiftReport in
          StoreNotice.tell(try running.snapshot(of: .header).header)
          return try running.report(since: start, until: now)
        }
      } else {
        try reportOfFile(since: start, until: now)
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

  /// The instance that is meant, where it runs.
  private func running() throws -> Instance? {
    if let socket { return try Reached.named(socket) }
    guard source.store == nil, let configuration = try configuration() else { return nil }
    switch try Reached(in: configuration) {
    case .running(let instance): return instance
    case .none(let why):
      guard configuration.storeFile(ofConsole: true) == nil else { return nil }
      throw Failure(
        .unreachable,
        "\(why) The configuration keeps everything in memory (store: memory), so nothing is left of what ran before."
      )
    }
  }

  private func reportOfFile(since: Date, until: Date) throws -> ShiftReport {
    let reader = try source.open()
    let sums = try sums()
    return try Failure.onStoreProblem { () throws(StoreProblem) in
      try reader.report(since: since, until: until, sums: sums)
    }
  }

  /// The file that is named, or the one at hand; nil where there is none.
  private func configuration() throws -> Configuration? {
    let path = try? source.config ?? ConfigurationFile.defaultPath(environment: Entry.environment)
    return try path.map { try ConfigurationFile.load($0, environment: Entry.environment) }
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
    guard source.store == nil || source.config != nil else { return [] }
    return try configuration()?.engine.reportSums ?? []
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
