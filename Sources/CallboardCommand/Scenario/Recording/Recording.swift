import Callboard
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// A file of plays that were recorded: JSON Lines, which each say what they are by their one member.
struct Recording: Sendable {
  static let version = 1
  var plays: [RecordedPlay]

  private static let header: JSONValue = ["callboard_recording": .integer(Int64(version))]

  /// Reads a recording; says in which line it is none.
  init(file path: String) throws {
    let text: String
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      guard let read = String(data: data, encoding: .utf8) else {
        throw Failure(.fileIsWrong, "\(path) is no recording: it is no UTF-8 text.")
      }
      text = read
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.usage, "\(path) can't be read: \(error.localizedDescription)")
    }
    plays = []
    var isOpen = false
    var told: [Int: [Message]] = [:]
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where index < lines.count - 1 || !line.isEmpty {
      func wrong(_ what: String) -> Failure {
        Failure(.fileIsWrong, "\(path):\(index + 1): \(what)")
      }
      guard let value = try? JSONValue(parsing: String(line)) else {
        throw wrong(
          index == 0
            ? "this is no recording; make one with callboard run --record"
            : "this line is no JSON; the recording was cut or changed"
        )
      }
      if index == 0 {
        try Self.check(value, wrong)
        continue
      }
      guard let part = value.objectValue, part.count == 1,
        let (key, item) = part.first(where: { _ in true })
      else { throw wrong("this is no line of a recording") }
      switch key {
      case "play":
        guard !isOpen, let name = item["scenario"]?.stringValue,
          let seed = item["seed"]?.stringValue.flatMap({ UInt64($0) })
        else { throw wrong("this is no beginning of a play") }
        plays.append(RecordedPlay(scenario: name, seed: seed))
        isOpen = true
        told = [:]
      case _ where !isOpen: throw wrong("this stands in no play; its beginning is missing")
      case "turn":
        guard let turn = RecordedTurn(item, before: { told[$0] ?? [] }) else {
          throw wrong("this is no turn of a model")
        }
        told[turn.talk] = turn.messages
        plays[plays.count - 1].turns.append(turn)
      case "attempt":
        guard let attempt = RecordedAttempt(item) else {
          throw wrong("this is no attempt at a call")
        }
        plays[plays.count - 1].attempts.append(attempt)
      case "event":
        guard item["type"]?.stringValue != nil else { throw wrong("this is no event") }
        plays[plays.count - 1].events.append(item)
      case "end":
        let play = plays[plays.count - 1]
        guard item["turns"]?.intValue == play.turns.count,
          item["attempts"]?.intValue == play.attempts.count,
          item["events"]?.intValue == play.events.count
        else {
          throw wrong(
            "the play “\(play.scenario)” had more in it; the recording was cut or changed"
          )
        }
        isOpen = false
      default: throw wrong("“\(key)” is no line of a recording")
      }
    }
    if lines.allSatisfy(\.isEmpty) {
      throw Failure(.fileIsWrong, "\(path) is empty: it is no recording.")
    }
    if isOpen {
      let name = plays[plays.count - 1].scenario
      throw Failure(.fileIsWrong, "\(path) ends within the play “\(name)”; the recording was cut.")
    }
  }

  private static func check(_ value: JSONValue, _ wrong: (String) -> Failure) throws {
    guard let found = value["callboard_recording"]?.intValue else {
      throw wrong("this is no recording; make one with callboard run --record")
    }
    guard found == version else {
      throw wrong(
        "the recording has version \(found), and this callboard reads \(version); record it anew"
      )
    }
  }

  /// The play of a scenario: the first of its name that is left.
  mutating func take(_ scenario: Scenario) -> RecordedPlay? {
    guard let index = plays.firstIndex(where: { $0.scenario == scenario.name }) else { return nil }
    return plays.remove(at: index)
  }

  // MARK: - Writing

  static func text(of plays: [RecordedPlay]) -> [UInt8] {
    var bytes: [UInt8] = []
    func line(_ value: JSONValue) {
      value.write(into: &bytes)
      bytes.append(UInt8(ascii: "\n"))
    }
    line(header)
    for play in plays {
      line(["play": ["scenario": .string(play.scenario), "seed": .string(String(play.seed))]])
      var told: [Int: [Message]] = [:]
      for turn in play.turns {
        let before = told[turn.talk] ?? []
        let same = zip(before, turn.messages).prefix { $0 == $1 }.count
        line(["turn": turn.json(told: same)])
        told[turn.talk] = turn.messages
      }
      for attempt in play.attempts { line(["attempt": attempt.json]) }
      for event in play.events { line(["event": event]) }
      line([
        "end": [
          "turns": .integer(Int64(play.turns.count)),
          "attempts": .integer(Int64(play.attempts.count)),
          "events": .integer(Int64(play.events.count)),
        ]
      ])
    }
    return bytes
  }
}

/// Where plays are recorded to: a new file beside the one that is named, which takes its place once it is whole.
final class RecordingFile: Sendable {
  private let path: String
  private let draft: String
  private let descriptor: Int32

  /// Throws where it can't be written, or would take the place of something else than a recording.
  init(_ path: String) throws {
    // A link goes on leading where it leads.
    let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    var info = stat()
    let isThere = stat(path, &info) == 0
    if isThere, info.st_mode & S_IFMT != S_IFREG {
      throw Failure(.usage, "\(path) is no ordinary file. Name another with --record.")
    }
    if isThere, info.st_size > 0 {
      do { _ = try Recording(file: path) } catch {
        throw Failure(
          .usage,
          "\(path) is no whole recording, and would be overwritten. Name another with --record, or remove it."
        )
      }
    }
    self.path = path
    draft = path + ".\(getpid())"
    descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw Failure(
        .usage,
        "The recording \(path) can't be written: \(String(cString: strerror(errno))). Name another with --record."
      )
    }
  }

  /// Writes the plays, and gives the file its name.
  func finish(_ plays: [RecordedPlay]) throws {
    guard Output.write(Recording.text(of: plays), to: descriptor), fsync(descriptor) == 0,
      rename(draft, path) == 0
    else {
      let why = String(cString: strerror(errno))
      giveUp()
      throw Failure(
        .failed,
        "The recording \(path) can't be written: \(why). What was there before is as it was."
      )
    }
    close(descriptor)
  }

  /// Leaves what was there before.
  func giveUp() {
    unlink(draft)
    close(descriptor)
  }
}
