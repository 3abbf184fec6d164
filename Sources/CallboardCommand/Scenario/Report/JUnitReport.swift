/// Results as JUnit XML: a test suite for each file, a test case for each scenario or row of it.
///
/// Valid XML 1.0 whatever the results hold: what functions and models wrote is escaped, and characters that XML does not
/// have are written as `\u{7}`.
struct JUnitReport {
  private var results: [ScenarioResult]

  init(_ results: [ScenarioResult]) { self.results = results }

  var xml: String {
    var files: [String] = []
    for result in results where !files.contains(result.file) { files.append(result.file) }
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites name=\"callboard\" \(Self.counts(of: results))>",
    ]
    for file in files {
      let own = results.filter { $0.file == file }
      lines.append("  <testsuite name=\"\(Self.attribute(file))\" \(Self.counts(of: own))>")
      lines += own.flatMap(Self.lines)
      lines.append("  </testsuite>")
    }
    lines.append("</testsuites>")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func counts(of results: [ScenarioResult]) -> String {
    let failures = results.count { $0.status == .failed }
    let errors = results.count { $0.status != .failed && $0.status != .done }
    let seconds = results.reduce(0) { $0 + $1.seconds }
    return
      "tests=\"\(results.count)\" failures=\"\(failures)\" errors=\"\(errors)\" time=\"\(time(seconds))\""
  }

  private static func time(_ seconds: Double) -> String {
    let milliseconds = Int((seconds * 1000).rounded())
    let rest = String(milliseconds % 1000)
    return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
  }

  private static func lines(of result: ScenarioResult) -> [String] {
    let name = attribute(result.name)
    let file = attribute(result.file)
    var lines = [
      "    <testcase name=\"\(name)\" classname=\"\(file)\" file=\"\(file)\" time=\"\(time(result.seconds))\">"
    ]
    let failed = result.checks.compactMap { check in check.came.map { (check.expected, $0) } }
    let body = failed.map { "expected  \($0.0)\ncame      \($0.1)" } + result.notes
    if result.status == .failed, let first = failed.first {
      lines.append(
        "      <failure type=\"expectation\" message=\"\(attribute("expected \(first.0), came \(first.1)"))\">\(text(body.joined(separator: "\n")))</failure>"
      )
    } else if result.status == .failed {
      lines.append(
        "      <failure type=\"failed\" message=\"\(attribute(result.notes.first ?? "it failed"))\">\(text(body.joined(separator: "\n")))</failure>"
      )
    } else if result.status != .done {
      let message = result.notes.first ?? "it ended with \(result.status.rawValue)"
      lines.append(
        "      <error type=\"exit \(result.status.rawValue)\" message=\"\(attribute(message))\">\(text(body.joined(separator: "\n")))</error>"
      )
    }
    let output =
      result.loads.map { "load  \($0.line)" } + result.conversations.map { "talk  \($0)" }
    if !output.isEmpty {
      lines.append("      <system-out>\(text(output.joined(separator: "\n")))</system-out>")
    }
    lines.append("    </testcase>")
    return lines
  }

  // MARK: - XML

  static func attribute(_ text: String) -> String {
    escaped(text) { scalar in
      switch scalar {
      case "\"": "&quot;"
      case "\n": "&#10;"
      case "\r": "&#13;"
      case "\t": "&#9;"
      default: nil
      }
    }
  }

  static func text(_ text: String) -> String {
    // A carriage return would be read as a line feed.
    escaped(text) { $0 == "\r" ? "&#13;" : nil }
  }

  private static func escaped(_ text: String, _ more: (Unicode.Scalar) -> String?) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if let own = more(scalar) {
        result += own
        continue
      }
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\t", "\n", "\r", "\u{20}"..."\u{7E}", "\u{A0}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}",
        "\u{10000}"..."\u{10FFFF}":
        result.unicodeScalars.append(scalar)
      // Also those that XML 1.0 has and asks to leave out: a terminal may obey them.
      default: result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      }
    }
    return result
  }
}
