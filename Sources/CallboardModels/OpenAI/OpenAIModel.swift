import AsyncHTTPClient
import Callboard
import Foundation
import JSONSchema
import NIOCore
import NIOHTTP1
import Synchronization

/// A model behind an OpenAI-compatible Chat Completions API.
///
/// A turn is asked for up to `retry.maxAttempts` times: again after 408, 409, 429, 5xx, lost connections, silence and
/// answers that were cut, never after other errors. A `Retry-After` of up to 120 s is the floor of the wait; a longer
/// one fails. All turns of a model share one allowance of other retries, so that a dead server is not stormed.
public final class OpenAIModel: Model {
  public let name: String
  private let url: String
  private let body: ChatRequestBody
  private let headers: HTTPHeaders
  private let timeouts: Timeouts
  private let retry: RetryPolicy
  private let clock: any EngineClock
  private let deadlines: DeadlineQueue
  private let connections: ModelConnections
  private let wording: FailureWording
  private let chance: Mutex<Chance>
  private let ends = Mutex(StreamEnds())

  /// Most bytes of one answer.
  private static let answerLimit = Limit.modelStream.value
  /// Most bytes of one event of it.
  private static let eventLimit = Limit.modelEvent.value

  private struct Chance {
    var generator: SeededGenerator
    var allowance = RetryAllowance()
  }

  /// 5 attempts, 0.5 s doubling up to 8 s less up to a quarter: openai-python's waits, and a bad minute survived.
  public static let defaultRetry = RetryPolicy(
    maxAttempts: 5,
    base: .milliseconds(500),
    cap: .seconds(8),
    jitter: .quarter
  )

  /// How long one attempt may take; connecting has its own limit in ``ModelConnections``.
  public struct Timeouts: Sendable, Hashable {
    /// To the first byte of an answer that is streamed, and between any two.
    public var silence: Duration
    /// One attempt altogether, 600 s as in openai-python; what it ended is not tried again.
    public var total: Duration

    public init(silence: Duration = .seconds(120), total: Duration = .seconds(600)) {
      self.silence = silence
      self.total = total
    }
  }

  /// - Parameters:
  ///   - name: Its name in the configuration.
  ///   - baseURL: Up to and without `/chat/completions`, such as `https://api.openai.com/v1`.
  ///   - model: The model's name on the wire.
  ///   - apiKey: Sent as a bearer token; never part of a message.
  ///   - headers: Added to each request; they win over callboard's own.
  ///   - stream: Whether answers are asked for in pieces, for screens.
  ///   - extra: Members added to the body of each request, such as `temperature`; they win.
  ///   - timeouts: Of each attempt.
  ///   - retry: ``defaultRetry`` unless said otherwise.
  ///   - clock: For waits, time-outs and dates in `Retry-After`.
  ///   - deadlines: Where waits and time-outs are kept.
  ///   - seed: Of the jitter.
  ///   - connections: The pool it shares with other models.
  public init(
    name: String,
    baseURL: String,
    model: String,
    apiKey: String? = nil,
    headers: [(String, String)] = [],
    stream: Bool = true,
    extra: JSONObject = JSONObject(),
    timeouts: Timeouts = Timeouts(),
    retry: RetryPolicy = defaultRetry,
    clock: any EngineClock,
    deadlines: DeadlineQueue,
    seed: UInt64,
    connections: ModelConnections
  ) {
    self.name = name
    let base = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
    url = base + "/chat/completions"
    // The old name of the field is the one that every other server knows.
    let isOpenAI = URLComponents(string: baseURL)?.host == "api.openai.com"
    body = ChatRequestBody(
      model: model,
      streams: stream,
      tokenLimitField: isOpenAI ? "max_completion_tokens" : "max_tokens",
      extra: extra
    )
    var all: HTTPHeaders = [
      "content-type": "application/json",
      "accept": stream ? "text/event-stream, application/json" : "application/json",
      "user-agent": "callboard",
    ]
    if let apiKey { all.add(name: "authorization", value: "Bearer \(apiKey)") }
    for (name, value) in headers { all.replaceOrAdd(name: name, value: value) }
    self.headers = all
    self.timeouts = timeouts
    self.retry = retry
    self.clock = clock
    self.deadlines = deadlines
    self.connections = connections
    wording = FailureWording(
      model: name,
      baseURL: base,
      secrets: [apiKey].compactMap { $0 } + headers.map(\.1)
    )
    chance = Mutex(Chance(generator: SeededGenerator(seed: seed)))
  }

  public func respond(
    to request: ModelRequest,
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async throws(ModelFailure) -> ModelTurn {
    let bytes = try body.json(for: request).serializedBytes()
    var attempt = 1
    var doubted: ModelTurn?
    while true {
      switch await exchange(bytes, onDelta: onDelta) {
      case .success(let turn):
        chance.withLock { $0.allowance.earn() }
        return turn
      case .failure(let failure):
        doubted = failure.doubted ?? doubted
        guard let delay = delay(after: attempt, failure) else {
          // A turn that lacks nothing but the mark of its end is better than none.
          if let doubted, failure.kind != .cancelled { return doubted }
          throw wording.failure(failure, attempts: attempt)
        }
        onDelta(.startedOver(wording.failure(failure, attempts: 1), wait: delay))
        do {
          try await clock.sleep(for: delay, on: deadlines)
        } catch {
          throw wording.failure(.cancelled, attempts: attempt)
        }
        attempt += 1
      }
    }
  }

  private func delay(after attempt: Int, _ failure: AttemptFailure) -> Duration? {
    guard failure.isRetryable else { return nil }
    let asked = CallFailure(.serverError, failure.message, retryAfter: failure.retryAfter)
    return chance.withLock { chance in
      guard let delay = retry.delay(after: attempt, failure: asked, using: &chance.generator) else {
        return nil
      }
      // A server that says when it will answer is not dead: attempts and the turn's time bound such waits.
      guard failure.retryAfter == nil else { return delay }
      return chance.allowance.spend() ? delay : nil
    }
  }

  /// One attempt, on a task of its own so that a deadline can cut it off.
  private func exchange(
    _ bytes: [UInt8],
    onDelta: @escaping @Sendable (ModelDelta) -> Void
  ) async -> Result<ModelTurn, AttemptFailure> {
    // Without a stream nothing comes until all is written.
    let silence = body.streams ? timeouts.silence : nil
    let watch = AttemptWatch(silence: silence, clock: clock, deadlines: deadlines)
    let attempt = Task {
      do throws(AttemptFailure) {
        return Result<ModelTurn, AttemptFailure>.success(
          try await self.converse(bytes, watch: watch, onDelta: onDelta)
        )
      } catch {
        return .failure(error)
      }
    }
    watch.start(total: timeouts.total) { attempt.cancel() }
    let result = await withTaskCancellationHandler {
      await attempt.value
    } onCancel: {
      attempt.cancel()
    }
    watch.stop()
    if case .success = result { return result }
    if Task.isCancelled { return .failure(.cancelled) }
    guard case .failure(let failure) = result, let verdict = watch.verdict else { return result }
    let kind: ModelFailure.Kind = verdict.hasBegun ? .brokenAnswer : .unreachable
    switch verdict.reason {
    case .silent:
      let what = verdict.hasBegun ? "fell silent in the middle of its answer" : "did not answer"
      return .failure(
        AttemptFailure(
          kind: kind,
          message: "\(what) for \(timeouts.silence.formattedSeconds)",
          isRetryable: true,
          doubted: failure.doubted
        )
      )
    case .long:
      return .failure(
        AttemptFailure(
          kind: kind,
          message:
            "took longer than \(timeouts.total.formattedSeconds); ask for less, or raise its total time-out",
          isRetryable: false,
          doubted: failure.doubted
        )
      )
    }
  }

  private func converse(
    _ bytes: [UInt8],
    watch: AttemptWatch,
    onDelta: (ModelDelta) -> Void
  ) async throws(AttemptFailure) -> ModelTurn {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers = headers
    request.body = .bytes(ByteBuffer(bytes: bytes))
    let response: HTTPClientResponse
    do {
      response = try await connections.client.execute(request, deadline: .distantFuture)
    } catch {
      throw TransportError.failure(error, hasBegun: false)
    }
    watch.sign()
    guard (200..<300).contains(Int(response.status.code)) else {
      let text = await Self.text(of: response.body, atMost: 64 << 10)
      throw .answered(
        Int(response.status.code),
        headers: response.headers,
        body: text,
        now: clock.now
      )
    }
    let type = response.headers.first(name: "content-type")?.lowercased() ?? ""
    let isStream = type.contains("event-stream") || !type.contains("json") && body.streams
    return isStream
      ? try await fold(response.body, watch: watch, onDelta: onDelta)
      : try await whole(response.body, watch: watch, onDelta: onDelta)
  }

  private func fold(
    _ body: HTTPClientResponse.Body,
    watch: AttemptWatch,
    onDelta: (ModelDelta) -> Void
  ) async throws(AttemptFailure) -> ModelTurn {
    var parser = EventStreamParser(limit: Self.eventLimit)
    var fold = ChatStreamFold(limit: Self.answerLimit)
    func take(_ event: ServerSentEvent) throws(ChatFoldError) {
      for delta in try fold.add(event) { onDelta(delta) }
    }
    do {
      for try await piece in body {
        watch.sign()
        let wasDone = fold.isDone
        try parser.feed(piece.readableBytesView, take)
        // Read to the end, so that the connection can be used again; but some servers never close.
        if fold.isDone, !wasDone { watch.expectEnd(within: .seconds(1)) }
      }
      try parser.finish(take)
    } catch let error as EventStreamError<ChatFoldError> {
      switch error {
      case .tooLarge(let limit):
        throw .folding(.broken("sent an event of more than \(limit >> 20) MB"))
      case .receiver(let error): throw .folding(error)
      }
    } catch {
      guard fold.isComplete else { throw TransportError.failure(error, hasBegun: true) }
    }
    // A cut that shows as a clean end is told from silence by the watch. What a person stopped says nothing of the server.
    if Task.isCancelled, !fold.isComplete || !fold.isDone && watch.verdict == nil {
      throw .cancelled
    }
    let turn: ModelTurn
    do throws(ChatFoldError) {
      turn = try fold.finish()
    } catch {
      throw .folding(error)
    }
    switch ends.withLock({ $0.judge(isMarked: fold.isDone) }) {
    case .whole: return turn
    case .doubtful:
      throw AttemptFailure(
        kind: .brokenAnswer,
        message: "ended its answer without [DONE]: it may have been cut",
        isRetryable: true,
        doubted: turn
      )
    case .cut:
      throw .folding(.broken("ended its answer without [DONE], which it sent before: it was cut"))
    }
  }

  private func whole(
    _ body: HTTPClientResponse.Body,
    watch: AttemptWatch,
    onDelta: (ModelDelta) -> Void
  ) async throws(AttemptFailure) -> ModelTurn {
    var bytes: [UInt8] = []
    do {
      for try await piece in body {
        watch.sign()
        bytes.append(contentsOf: piece.readableBytesView)
        guard bytes.count <= Self.answerLimit else {
          throw AttemptFailure.folding(
            .broken("sent more than \(Self.answerLimit >> 20) MB")
          )
        }
      }
    } catch let failure as AttemptFailure {
      throw failure
    } catch {
      throw TransportError.failure(error, hasBegun: true)
    }
    if Task.isCancelled { throw .cancelled }
    do throws(ChatFoldError) {
      guard let answer = try? JSONValue(parsing: bytes, options: .lenient) else {
        throw .broken("sent an answer that is not JSON")
      }
      var fold = ChatStreamFold(limit: Self.answerLimit)
      for delta in try fold.add(chunk: answer) { onDelta(delta) }
      fold.end()
      return try fold.finish()
    } catch {
      throw .folding(error)
    }
  }

  /// The beginning of a body, for a message; what cannot be read is left out.
  private static func text(of body: HTTPClientResponse.Body, atMost limit: Int) async -> String {
    var bytes: [UInt8] = []
    do {
      for try await piece in body {
        bytes.append(contentsOf: piece.readableBytesView.prefix(limit - bytes.count))
        if bytes.count >= limit { break }
      }
    } catch {
      // The status alone says enough.
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// How many retries that the server did not ask for all turns of a model together may make: 20 at once, then one for every five turns that came.
struct RetryAllowance {
  private var fifths = 100

  mutating func earn() {
    fifths = min(100, fifths + 1)
  }

  mutating func spend() -> Bool {
    guard fifths >= 5 else { return false }
    fifths -= 5
    return true
  }
}

/// Turns the errors of the HTTP client into sentences.
enum TransportError {
  static func failure(_ error: any Error, hasBegun: Bool) -> AttemptFailure {
    if error is CancellationError { return .cancelled }
    guard !hasBegun else {
      return AttemptFailure(
        kind: .brokenAnswer,
        message: "lost the connection in the middle of its answer (\(reason(error)))",
        isRetryable: true
      )
    }
    let isOurs = [HTTPClientError.invalidURL, .emptyHost, .emptyScheme].contains {
      $0 == error as? HTTPClientError
    }
    return AttemptFailure(
      kind: .unreachable,
      message: isOurs
        ? "has no usable url; write one such as https://api.openai.com/v1"
        : "cannot be reached (\(reason(error))); check url, the network and that it runs",
      isRetryable: !isOurs
    )
  }

  private static func reason(_ error: any Error) -> String {
    switch error as? HTTPClientError {
    case .connectTimeout?: return "no connection in time"
    case .remoteConnectionClosed?: return "it closed the connection"
    case .some(let known): return known.shortDescription
    case nil: break
    }
    // Errors of connecting print every address they tried; the system's own words are at the end of each.
    let text = String(describing: error)
    for word in [
      "Connection refused", "Connection reset by peer", "No route to host",
      "Network is unreachable",
    ]
    where text.contains(word) {
      return word.lowercased()
    }
    return text
  }
}

/// Puts a failure into one sentence that names the model and keeps its secrets.
struct FailureWording: Sendable {
  var model: String
  var baseURL: String
  var secrets: [String]

  func failure(_ failure: AttemptFailure, attempts: Int) -> ModelFailure {
    let tries = attempts > 1 ? "; gave up after \(attempts) attempts" : ""
    return ModelFailure(
      failure.kind,
      "model \(model) at \(place) \(clean(failure.message))\(tries)"
    )
  }

  /// The address without user, password and query.
  private var place: String {
    guard var parts = URLComponents(string: baseURL) else { return "its url" }
    parts.user = nil
    parts.password = nil
    parts.query = nil
    parts.fragment = nil
    return parts.string ?? "its url"
  }

  /// What a server said is cut to a line's length, and must neither move a cursor nor echo a key.
  private func clean(_ text: String) -> String {
    // Before it is cut: of a secret that was cut in two, nobody finds the rest.
    var text = Redactor().redact(said: text)
    for secret in secrets where secret.count >= 4 {
      text = text.replacingOccurrences(of: secret, with: "[secret]")
    }
    let words = text.unicodeScalars.split { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate,
        .privateUse, .unassigned:
        true
      case _: false
      }
    }
    .map { String($0) }
    .joined(separator: " ")
    return words.count <= 500 ? words : words.prefix(500) + "…"
  }
}

extension Duration {
  /// `120 s`, `0.5 s`.
  fileprivate var formattedSeconds: String {
    let (seconds, attoseconds) = components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    if milliseconds == 0 { return "\(seconds) s" }
    return "\(Double(seconds) + Double(milliseconds) / 1000) s"
  }
}
