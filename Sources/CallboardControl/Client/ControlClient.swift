import Callboard
import Dispatch
import Foundation
import JSONSchema
import Synchronization

/// Why an instance was not reached, or did not answer.
public enum ControlProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// Nobody listens there: nothing was asked.
  case unreachable(String)
  /// An instance has its socket there, and the system does not let this user connect: nothing was asked, and nobody may
  /// act as if none were there.
  case forbidden(String)
  /// It does not let this peer in, or does not do what was asked; its own sentence.
  case refused(String)
  /// It went away before it answered: it is not known whether what was asked was done.
  case lost(String)
  /// It speaks of things that this program does not know.
  case notUnderstood(String)

  public var description: String {
    switch self {
    case .unreachable(let text), .forbidden(let text), .refused(let text), .lost(let text),
      .notUnderstood(let text):
      text
    }
  }
}

/// One connection to a running instance: asks, and hands answers to whoever asked.
///
/// It never asks twice: when the instance goes away, what was asked and not answered ends as ``ControlProblem/lost(_:)``.
final class ControlClient: Sendable {
  /// What comes without being asked for.
  enum News: Sendable {
    case changed
    /// Who this peer is there from now on.
    case you(Principal)
    case events([JSONValue], lost: Int)
    /// The connection has ended, and why.
    case ended(String)
  }

  typealias Handler = @Sendable (Result<Answer, ControlProblem>) -> Void

  private struct State {
    var handlers: [Int: Handler] = [:]
    var next = 0
    /// Why it ended; nil while it has not.
    var end: String?
    var farewell: String?
  }

  let path: String
  let welcome: Welcome
  private let channel: FrameChannel
  private let state = Mutex(State())

  static let greetingPatience = Duration.seconds(10)

  /// Connects and is let in; nothing is heard before ``start(_:)``.
  init(to path: String) throws(ControlProblem) {
    self.path = path
    let descriptor: Int32
    switch UnixSocket.connect(to: path) {
    case .success(let connected): descriptor = connected
    case .failure(let error): throw Self.unreachable(path, error)
    }
    channel = FrameChannel(descriptor, named: "callboard.attach.out")
    do throws(ControlProblem) {
      welcome = try Self.greet(channel, path)
    } catch {
      channel.cut()
      throw error
    }
  }

  /// Listens from now on; `onNews` is called on a thread of the connection's own.
  func start(_ onNews: @escaping @Sendable (News) -> Void) {
    let thread = Thread { [self] in listen(onNews) }
    thread.name = "callboard.attach.in"
    thread.start()
  }

  /// Hangs up.
  func close() { channel.cut() }

  private static func unreachable(_ path: String, _ error: SystemError) -> ControlProblem {
    switch error.number {
    case ENOENT:
      .unreachable("No instance listens on \(path); start one with `callboard serve`.")
    case ECONNREFUSED:
      .unreachable(
        "No instance listens on \(path): the one that did is gone. Start it with `callboard serve`."
      )
    case EACCES, EPERM:
      .forbidden(
        "An instance has its control socket at \(path), and user id \(geteuid()) may not connect to it. Run the command as "
          + "the user who runs the instance, or have that user name a group that you are in (control: { group: NAME }) and "
          + "list you under operators."
      )
    case ENAMETOOLONG:
      .unreachable(
        "The path of the socket is longer than \(UnixSocket.longestPath) bytes: \(path)"
      )
    default: .unreachable("The instance at \(path) can't be reached: \(error).")
    }
  }

  private static func greet(
    _ channel: FrameChannel,
    _ path: String
  ) throws(ControlProblem) -> Welcome {
    channel.post { ["callboard": .integer(Int64(ControlProtocol.version))] }
    let answer: JSONValue
    do throws(FrameChannel.Fault) {
      answer = try channel.read(limit: 1 << 20, within: greetingPatience)
    } catch {
      throw .unreachable(
        "What listens on \(path) does not answer as a callboard does; name another with --socket."
      )
    }
    if let why = answer["refused"]?.stringValue { throw .refused(why) }
    do {
      return try answer.decode(as: Welcome.self)
    } catch {
      throw .notUnderstood(
        "What listens on \(path) does not answer as this callboard does: \(error)"
      )
    }
  }

  // MARK: - Asking

  /// Asks; the handler gets each answer, and at last one that is the last, or why there is none.
  func ask(_ make: (Int) -> Ask, then handler: @escaping Handler) {
    let id = state.withLock { state -> Int? in
      guard state.end == nil else { return nil }
      state.next += 1
      state.handlers[state.next] = handler
      return state.next
    }
    guard let id else { return handler(.failure(notAsked)) }
    let ask = make(id)
    let isPosted = channel.post {
      (try? JSONValue(encoding: ask)) ?? .null
    }
    guard !isPosted else { return }
    if let handler = state.withLock({ $0.handlers.removeValue(forKey: id) }) {
      handler(.failure(notAsked))
    }
  }

  private var notAsked: ControlProblem {
    .unreachable("The instance at \(path) has gone away; nothing was sent.")
  }

  /// Asks and waits for the last answer; only on a thread that may block.
  func answer(_ make: (Int) -> Ask) throws(ControlProblem) -> Answer {
    let done = DispatchSemaphore(value: 0)
    let box = Mutex<Result<Answer, ControlProblem>?>(nil)
    ask(make) { result in
      if case .success(let answer) = result, !answer.isLast { return }
      box.withLock { $0 = result }
      done.signal()
    }
    done.wait()
    guard let result = box.withLock({ $0 }) else { throw notAsked }
    return try result.get()
  }

  // MARK: - Listening

  private func listen(_ onNews: @Sendable (News) -> Void) {
    var why = "it hung up"
    do throws(FrameChannel.Fault) {
      reading: while true {
        let frame = try channel.read(limit: ControlProtocol.answerLimit + (1 << 20))
        if let refused = frame["refused"]?.stringValue {
          why = "it said: \(refused)"
          break reading
        }
        guard let answer = try? frame.decode(as: Answer.self) else {
          why =
            "it said what this callboard does not understand; use the callboard that it was started with"
          break reading
        }
        switch answer {
        case .changed: onNews(.changed)
        case .you(let principal): onNews(.you(principal))
        case .events(let events, let lost): onNews(.events(events, lost: lost))
        case .goodbye(let farewell): why = farewell
        case .looked, .replied, .revealed, .notRevealed, .waits, .ended, .simulated, .nobody,
          .follows, .failed:
          hand(over: answer)
        }
      }
    } catch {
      switch error {
      case .closed: break
      case .outOfTime: why = "a message from it did not come to its end"
      case .tooLong, .notJSON: why = "it said what is no message"
      }
    }
    channel.cut()
    let open = state.withLock { state in
      state.end = why
      defer { state.handlers = [:] }
      return state.handlers.sorted { $0.key < $1.key }
    }
    for (_, handler) in open {
      handler(
        .failure(
          .lost(
            "The instance went away before it answered (\(why)): it is not known whether it was done. Look before you ask again."
          )
        )
      )
    }
    onNews(.ended(why))
  }

  private func hand(over answer: Answer) {
    guard let id = answer.id else { return }
    let handler = state.withLock { state in
      answer.isLast ? state.handlers.removeValue(forKey: id) : state.handlers[id]
    }
    if case .failed(_, let why) = answer {
      handler?(.failure(.refused(why)))
    } else {
      handler?(.success(answer))
    }
  }
}
