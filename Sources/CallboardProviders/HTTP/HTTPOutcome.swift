import AsyncHTTPClient
import Callboard
import Foundation
import JSONSchema
import NIOCore
import NIOHTTP1
import NIOPosix

/// Decides what an answer, or the lack of one, means for a call.
struct HTTPOutcome: Sendable {
  let route: HTTPRoute
  let host: String
  let attempt: Int
  let maxResultBytes: Int
  let discretion: Discretion

  /// What was asked of whom, without anything that an argument or a header holds.
  private var request: String {
    "\(route.method.rawValue) \(host)\(route.path.source.prefix { $0 != "?" })"
  }

  // MARK: - An answer

  func result(of answer: HTTPAnswer, now: Date) throws(CallFailure) -> JSONValue {
    guard (200..<300).contains(answer.status.code) else { throw failure(of: answer, now: now) }
    guard !answer.isCut else {
      throw CallFailure(
        .resultTooBig,
        "\(request) answered with more than the \(maxResultBytes) bytes a result may have",
        reach: .answered
      )
    }
    switch route.result {
    case .text: return .string(String(decoding: answer.body, as: UTF8.self))
    case .json: return try json(of: answer)
    case .pointer(let pointer):
      guard let value = try json(of: answer).value(at: pointer) else {
        throw CallFailure(
          .invalidResult,
          "\(request) answered without anything at “\(pointer)”",
          reach: .answered
        )
      }
      return value
    }
  }

  private func json(of answer: HTTPAnswer) throws(CallFailure) -> JSONValue {
    do throws(JSONTextProblem) {
      return try parseJSON(answer.body, discretion)
    } catch {
      let type = answer.headers.first(name: "Content-Type") ?? "no content type"
      throw CallFailure(
        .invalidResult,
        "\(request) answered \(answer.status.code) with \(type), not JSON: \(blotted(error.message))",
        reach: .answered
      )
    }
  }

  private func failure(of answer: HTTPAnswer, now: Date) -> CallFailure {
    let status = Int(answer.status.code)
    let wait = answer.headers.first(name: "Retry-After").flatMap { text in
      // By the server's own clock where it tells the time.
      retryAfter(text, now: answer.headers.first(name: "Date").flatMap(httpDate) ?? now)
    }
    let message = "\(request) answered \(statusText(answer.status))\(text(of: answer))"
    func failure(
      _ kind: CallFailure.Kind,
      _ reach: CallFailure.Reach,
      isRetryable: Bool
    ) -> CallFailure {
      CallFailure(kind, message, reach: reach, isRetryable: isRetryable, retryAfter: wait)
    }
    switch status {
    case 408: return failure(.timeout, .maybe, isRetryable: true)
    // The first attempt may be what it conflicts with, and may still be under way.
    case 409 where attempt > 1 && route.definition.effect != .read:
      return failure(.clientError, .maybe, isRetryable: true)
    case 429: return failure(.throttled, .answered, isRetryable: true)
    case 400..<500: return failure(.clientError, .answered, isRetryable: false)
    case 503 where wait != nil: return failure(.serverError, .answered, isRetryable: true)
    case 500..<600: return failure(.serverError, .maybe, isRetryable: true)
    // A redirect after a POST mostly says that it was done.
    default:
      return failure(
        .clientError,
        route.definition.effect == .read ? .answered : .maybe,
        isRetryable: false
      )
    }
  }

  private func statusText(_ status: HTTPResponseStatus) -> String {
    let reason = status.reasonPhrase
    let text =
      reason.isEmpty ? "\(status.code)" : "\(status.code) \(blotted(String(reason.prefix(80))))"
    return (300..<400).contains(status.code) ? "\(text), a redirect that is not followed" : text
  }

  private func text(of answer: HTTPAnswer) -> String {
    let type = answer.headers.first(name: "Content-Type")?.lowercased() ?? ""
    guard !type.hasPrefix("text/html") else { return " with a page of HTML" }
    let text = String(decoding: answer.body, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines
    )
    guard !text.isEmpty else { return "" }
    guard answer.isCut else { return ": \(blotted(text))" }
    // With the sign of the cut, before which the beginning of a secret may stand.
    return ": \(discretion.hiding(blotted(text) + "…"))"
  }

  /// The server's words without the header values that it may repeat in them.
  private func blotted(_ text: String) -> String {
    var text = text
    for secret in route.secrets { text = text.replacing(secret, with: "…") }
    return text
  }

  // MARK: - No answer

  /// What an error of the client means; `reach` is how far the request had got as far as is known.
  func failure(of error: any Error, reach: CallFailure.Reach) -> CallFailure {
    func failed(
      _ kind: CallFailure.Kind,
      _ what: String,
      _ reach: CallFailure.Reach,
      isRetryable: Bool = true
    ) -> CallFailure {
      CallFailure(kind, "\(request): \(what)", reach: reach, isRetryable: isRetryable)
    }
    switch error {
    case is CancellationError, HTTPClientError.cancelled as HTTPClientError:
      return failed(.cancelled, "stopped before there was an answer", reach, isRetryable: false)
    case HTTPClientError.readTimeout as HTTPClientError,
      HTTPClientError.writeTimeout as HTTPClientError,
      HTTPClientError.deadlineExceeded as HTTPClientError:
      return failed(.timeout, "no answer in time", reach)
    case HTTPClientError.connectTimeout as HTTPClientError,
      HTTPClientError.getConnectionFromPoolTimeout as HTTPClientError:
      return failed(.connectionFailed, "no connection to \(host) in time", .notSent)
    case HTTPClientError.tlsHandshakeTimeout as HTTPClientError:
      return failed(.connectionFailed, "\(host) did not agree on TLS in time", .notSent)
    case HTTPClientError.alreadyShutdown as HTTPClientError:
      return failed(.stopping, "the HTTP client is shut down", .notSent, isRetryable: false)
    case HTTPClientError.remoteConnectionClosed as HTTPClientError:
      return failed(.connectionFailed, "\(host) closed the connection without an answer", reach)
    case let error as NIOConnectionError:
      return failed(.connectionFailed, reason(error), .notSent)
    case let error as IOError where error.errnoCode == ECONNREFUSED:
      return failed(.connectionFailed, "\(host) refused the connection", .notSent)
    case let error as IOError:
      return failed(
        .connectionFailed,
        "the connection to \(host) failed: \(systemText(error.errnoCode))",
        reach
      )
    case is HTTPParserError:
      return failed(.connectionFailed, "\(host) answered something that is not HTTP", .maybe)
    case is HTTPClientError:
      return failed(.connectionFailed, "\(error)", reach)
    default:
      let isHandshake = isTLSHandshakeError(error)
      let what = isHandshake ? "TLS with \(host) failed" : "the connection to \(host) failed"
      return failed(.connectionFailed, "\(what): \(error)", isHandshake ? .notSent : reach)
    }
  }

  private func reason(_ error: NIOConnectionError) -> String {
    guard let first = error.connectionErrors.first else {
      return "the name “\(error.host)” could not be resolved"
    }
    guard let cause = first.error as? IOError else {
      return "no connection to \(host): \(first.error)"
    }
    guard cause.errnoCode != ECONNREFUSED else { return "\(host) refused the connection" }
    return "no connection to \(host): \(systemText(cause.errnoCode))"
  }

  /// Errors of NIOSSL that can only come before there is a connection.
  ///
  /// That package is no dependency of this one, so they are known by name; one that is not known counts as any other cut connection.
  private func isTLSHandshakeError(_ error: any Error) -> Bool {
    switch String(describing: type(of: error)) {
    case "NIOSSLExtraError": true
    case "NIOSSLError": "\(error)".hasPrefix("handshakeFailed")
    default: false
    }
  }
}
