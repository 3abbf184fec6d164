import Callboard
import Foundation
import JSONSchema
import NIOHTTP1

/// Why one attempt at a turn failed, and whether another may go better.
struct AttemptFailure: Error, Sendable, Hashable {
  var kind: ModelFailure.Kind
  /// The rest of a sentence that begins with the model: `answered 429: slow down`.
  var message: String
  var isRetryable: Bool
  /// Seconds that the server asked to wait.
  var retryAfter: Double?
  /// The turn it would have been, where nothing is missing but `[DONE]`.
  var doubted: ModelTurn?

  static let cancelled = Self(kind: .cancelled, message: "was stopped", isRetryable: false)

  /// Longer waits than this are not honoured but failed, so that a conversation does not hang on a server's word.
  ///
  /// The bound that openai-python has.
  static let longestWait = 120.0

  /// What an answer with an error status means.
  static func answered(
    _ status: Int,
    headers: HTTPHeaders,
    body: String,
    now: Date
  ) -> Self {
    let reported = (try? JSONValue(parsing: body, options: .lenient)).map(ReportedError.init)
    let words = reported?.message ?? body
    let said = words.trimmed.isEmpty ? "" : ": \(words)"
    switch status {
    case 401, 403:
      return Self(
        kind: .unauthorised,
        message: "answered \(status)\(said); check the API key and what it may do",
        isRetryable: false
      )
    case 300..<400:
      let target = headers.first(name: "location").map { " to \($0)" } ?? ""
      return Self(
        kind: .badRequest,
        message: "answered \(status), a redirection\(target); correct url",
        isRetryable: false
      )
    case 404:
      return Self(
        kind: .badRequest,
        message: "answered 404\(said); check url and the model's name",
        isRetryable: false
      )
    case 408, 409, 429, 500...:
      let kind: ModelFailure.Kind = status == 429 ? .throttled : .serverError
      // A quota that is spent comes as 429 too, but does not come back by waiting.
      if reported?.code == "insufficient_quota" || headers.first(name: "x-should-retry") == "false"
      {
        return Self(kind: kind, message: "answered \(status)\(said)", isRetryable: false)
      }
      let asked = RetryAfter.seconds(in: headers, now: now)
      if let asked, asked > longestWait {
        return Self(
          kind: kind,
          message:
            "answered \(status) and asked to wait \(Int(asked.rounded(.up))) s, longer than the \(Int(longestWait)) s "
            + "that callboard waits\(said); try again later",
          isRetryable: false
        )
      }
      return Self(
        kind: kind,
        message: "answered \(status)\(said)",
        isRetryable: true,
        retryAfter: asked
      )
    default:
      return Self(kind: .badRequest, message: "answered \(status)\(said)", isRetryable: false)
    }
  }

  /// What an error in the middle of a stream means.
  static func reported(_ error: ReportedError) -> Self {
    let words = [error.type, error.code].compactMap { $0 }.joined(separator: " ")
    let message = "broke off its answer with an error: \(error.message)"
    func matches(_ status: Range<Int>, _ stems: String...) -> Bool {
      error.status.map(status.contains) ?? false || stems.contains { words.contains($0) }
    }
    if matches(429..<430, "rate_limit", "quota") {
      return Self(kind: .throttled, message: message, isRetryable: !words.contains("quota"))
    }
    if matches(401..<404, "authentication", "permission", "invalid_api_key") {
      return Self(kind: .unauthorised, message: message, isRetryable: false)
    }
    if matches(400..<401, "invalid_request", "context_length", "content_filter") {
      return Self(kind: .badRequest, message: message, isRetryable: false)
    }
    return Self(kind: .serverError, message: message, isRetryable: true)
  }

  static func folding(_ error: ChatFoldError) -> Self {
    switch error {
    case .broken(let what): Self(kind: .brokenAnswer, message: what, isRetryable: true)
    case .excessive(let what): Self(kind: .brokenAnswer, message: what, isRetryable: false)
    case .reported(let error): reported(error)
    }
  }
}

/// How long a server asked to wait before the next attempt.
enum RetryAfter {
  /// Seconds from `retry-after-ms`, else from `retry-after` as seconds or as a date; nil where there is none that is
  /// above 0.
  static func seconds(in headers: HTTPHeaders, now: Date) -> Double? {
    func number(_ name: String) -> Double? {
      headers.first(name: name).flatMap { Double($0.trimmed) }
    }
    let seconds =
      number("retry-after-ms").map { $0 / 1000 } ?? number("retry-after")
      ?? headers.first(name: "retry-after").flatMap(date).map { $0.timeIntervalSince(now) }
    guard let seconds, seconds.isFinite, seconds > 0 else { return nil }
    return seconds
  }

  /// An HTTP date in its one form that servers may send: `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func date(_ text: String) -> Date? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]), let year = Int(parts[3]),
      let month = months.firstIndex(of: parts[2])
    else { return nil }
    let time = parts[4].split(separator: ":").compactMap { Int($0) }
    guard time.count == 3 else { return nil }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let components = DateComponents(
      year: year,
      month: month + 1,
      day: day,
      hour: time[0],
      minute: time[1],
      second: time[2]
    )
    return calendar.date(from: components)
  }

  private static let months: [Substring] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}
