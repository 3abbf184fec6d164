import Callboard
import CallboardControl
import Foundation
import Glibc
import JSONSchema

/// A console without its screen, as a process of its own: what the end-to-end tests run as other users.
///
/// `CallboardPeer SOCKET` attaches as a console does, and reads one JSON object a line:
/// `{"approve": CALL, "revision": N, "digest": "…", "after": microseconds}`, or
/// `{"flood": {"rate": 500, "seconds": 10, "calls": {"FUNCTION": {…}}}}`, where `$n` in the arguments is each call's number. One
/// line of JSON tells what came of each.
@main
struct AttachedPeer {
  let path: String
  let door: RemoteDoor

  static func main() async {
    do {
      guard let path = CommandLine.arguments.dropFirst().first else {
        throw Wrong(description: "SOCKET")
      }
      let peer = AttachedPeer(path: path, door: try RemoteDoor(to: path))
      say(["attached": true])
      while let line = readLine() { say(try await peer.answer(JSONValue(parsing: line))) }
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }

  private static func say(_ json: JSONValue) {
    FileHandle.standardOutput.write(Data((json.serialized() + "\n").utf8))
  }

  private func answer(_ asked: JSONValue) async throws -> JSONValue {
    if let flood = asked["flood"] { return try await Flood(flood, at: path).run() }
    guard let id = asked["approve"]?.stringValue.flatMap(CallID.init),
      let revision = asked["revision"]?.intValue, let digest = asked["digest"]?.stringValue
    else { throw Wrong(description: "what is to be done is not understood") }
    usleep(UInt32(asked["after"]?.intValue ?? 0))
    let ticket = door.send(
      .approve(id, Seen(revision: Int(revision), digest: digest)),
      by: door.welcome.you
    )
    let reply = await ticket.answered
    let isUnknown = if case .unknown = reply { true } else { false }
    return [
      "done": .bool(reply.isDone), "unknown": .bool(isUnknown), "message": .string(reply.message),
    ]
  }

  struct Wrong: Error, CustomStringConvertible {
    let description: String
  }
}

/// Calls at a steady rate over several connections, whether or not those before have ended.
struct Flood: Sendable {
  private let links: [Instance]
  private let calls: [(function: String, arguments: String)]
  private let rate: Double
  private let count: Int

  /// An instance reads 64 things at one time from a connection; calls that are held keep their places.
  private static let connections = 24

  init(_ json: JSONValue, at path: String) throws {
    guard let rate = json["rate"]?.doubleValue, let seconds = json["seconds"]?.doubleValue,
      let calls = json["calls"]?.objectValue, !calls.isEmpty
    else { throw AttachedPeer.Wrong(description: "a flood has rate, seconds and calls") }
    self.rate = rate
    count = Int(rate * seconds)
    self.calls = calls.map { ($0.0, $0.1.serialized()) }
    links = try (0..<Self.connections).map { _ in try Instance(at: path) }
  }

  /// How many were made, in which time, and how they ended.
  func run() async -> JSONValue {
    let clock = ContinuousClock()
    let start = clock.now
    var ends: [String: Int64] = [:]
    var sent = Duration.zero
    await withTaskGroup(of: String.self) { group in
      for number in 0..<count {
        let due = start + .seconds(Double(number) / rate)
        if due > clock.now { try? await Task.sleep(until: due, clock: clock) }
        group.addTask { await call(number) }
      }
      sent = clock.now - start
      for await end in group { ends[end, default: 0] += 1 }
    }
    for link in links { link.close() }
    var object = JSONObject()
    for (end, count) in ends.sorted(by: { $0.key < $1.key }) { object[end] = .integer(count) }
    return [
      "calls": .integer(Int64(count)), "sent_in": .double(sent / .seconds(1)),
      "ended_in": .double((clock.now - start) / .seconds(1)), "ends": .object(object),
    ]
  }

  private func call(_ number: Int) async -> String {
    let (function, arguments) = calls[number % calls.count]
    do {
      let text = arguments.replacing("$n", with: "\(number)")
      let ended = try await links[number % links.count].call(function, arguments: text) { _, _ in }
      return ended.state?.rawValue ?? "none"
    } catch {
      return "\(error)"
    }
  }
}
