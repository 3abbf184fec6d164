import Callboard
import CallboardSQLite
import Foundation
import GRDB
import JSONSchema

/// What a store holds after everything has ended, beside what its processes did and said.
struct Proof {
  private var calls: [String: Call] = [:]
  private var conversations: [Conversation] = []
  private let acts: [[String]]
  private let heard: [[String]]
  private(set) var events = 0

  /// Throws what is not as it has to be.
  init(of path: String, ledgers folder: Folder) throws {
    acts = folder.lines(of: "acts")
    heard = folder.lines(of: "heard")
    let database = try DatabaseQueue(path: path)
    try database.read { database in
      for record in try Data.fetchAll(database, sql: "SELECT record FROM calls") {
        let call = try JSONValue(parsing: record, options: .lenient).decode(as: Call.self)
        calls[call.id.description] = call
      }
      conversations = try Data.fetchAll(database, sql: "SELECT record FROM conversations").map {
        try JSONValue(parsing: $0, options: .lenient).decode(as: Conversation.self)
      }
      events = try Self.chain(database)
    }
    try database.close()
    try nothingLives()
    try decisions()
    try outcomes()
    try executions()
  }

  /// Recomputes the audit chain of a store, and counts its events.
  static func events(of path: String) throws -> Int {
    let database = try DatabaseQueue(path: path)
    defer { try? database.close() }
    return try database.read(chain)
  }

  /// One line of what was looked at.
  var summary: String {
    let decided = heard.count { $0.first == "decision" }
    let told = heard.count { $0.first == "outcome" }
    return
      "\(calls.count) calls, \(conversations.count) conversations, \(acts.count) executions, "
      + "\(decided) decisions, \(told) outcomes, \(events) events"
  }

  private static func chain(_ database: Database) throws -> Int {
    let stream = try String.fetchOne(
      database,
      sql: "SELECT CAST(value AS TEXT) FROM facts WHERE name = 'stream'"
    )
    guard let stream else { throw Unproved("the audit log has no stream") }
    var hash = AuditChain.start(of: stream)
    var sequence = 0
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT seq, count, lines, hash FROM events ORDER BY seq"
    )
    while let row = try rows.next() {
      let (last, count, lines): (Int, Int, Data) = (row[0], row[1], row[2])
      guard last == sequence + count else {
        throw Unproved("after event \(sequence) comes an entry of \(count) that ends at \(last)")
      }
      let numbers = try lines.split(separator: UInt8(ascii: "\n")).map { line in
        try JSONValue(parsing: line, options: .lenient)["seq"]?.intValue
      }
      guard numbers == Array(sequence + 1...last) else {
        throw Unproved("the entry that ends at \(last) has the events \(numbers)")
      }
      hash = AuditChain.link(Array(lines), count: count, after: hash)
      guard Data(hash) == row[3] as Data else {
        throw Unproved("the chain breaks at event \(last)")
      }
      sequence = last
    }
    let head = try Data.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'head'")
    guard let head, Array(head.prefix(32)) == hash else {
      throw Unproved("the head is another one")
    }
    return sequence
  }

  private func nothingLives() throws {
    for call in calls.values where !call.state.isEnded {
      throw Unproved("\(call.function) \(call.id) is \(call.state)")
    }
    for talk in conversations where talk.state != .finished {
      throw Unproved("conversation \(talk.id) is \(talk.state)")
    }
  }

  private func stored(_ id: String, _ what: String) throws -> Call {
    guard let call = calls[id] else { throw Unproved("\(what) of \(id), which is not stored") }
    return call
  }

  /// No decision that was acknowledged is lost.
  private func decisions() throws {
    for words in heard where words.first == "decision" && words.count == 4 {
      let (word, id, revision) = (words[1], words[2], Int(words[3]))
      let call = try stored(id, "a decision")
      let history = call.history
      let stands =
        switch word {
        case "approve":
          call.approval?.approvals.contains { $0.revision == revision && $0.by.name == "maria" }
        case "deny": call.state == .denied
        case "cancel": call.state == .cancelled
        case "settle":
          history.last?.by == "maria" && history.last?.cause.hasPrefix("settled") == true
        case "again": history.contains { $0.by == "maria" && $0.cause.hasPrefix("run again") }
        default: false
        }
      guard stands == true else {
        throw Unproved("\(word) of \(call.function) \(id) is lost: it is \(call.state)")
      }
    }
  }

  /// Every outcome that was acknowledged is the stored one.
  private func outcomes() throws {
    for words in heard where words.first == "outcome" && words.count == 4 {
      let (function, id, told) = (words[1], words[2], words[3])
      // What may be repeated is told before it is on disk: then it comes again, or is over with who asked.
      let mayBeForgotten = function == "c.look" || function == "c.put"
      guard let call = calls[id] else {
        if mayBeForgotten { continue }
        throw Unproved("the outcome of \(function) \(id) was told, and it is not stored")
      }
      guard let outcome = call.heard else { throw Unproved("\(id) has no outcome") }
      if mayBeForgotten, outcome.failure?.kind == .engineStopped { continue }
      let found = try JSONValue(encoding: outcome)
      guard try found == JSONValue(parsing: told) else {
        throw Unproved("the outcome of \(function) \(id) was \(told), and \(found) is stored")
      }
    }
  }

  /// No `write` is executed twice but where a person ran it again, and none without a stored intent.
  private func executions() throws {
    var writes: [String: [String]] = [:]
    for words in acts where words.first == "write" && words.count == 4 {
      let call = try stored(words[2], "an execution")
      guard call.idempotencyKey == words[1] else { throw Unproved("\(call.id) has another key") }
      guard !call.attempts.isEmpty else { throw Unproved("\(call.id) was executed unasked") }
      writes[words[1], default: []].append(words[2])
    }
    for (key, executed) in writes {
      guard Set(executed).count == executed.count else {
        throw Unproved("write \(key) was executed twice by one call: \(executed)")
      }
      let reruns = executed.filter { id in
        if case .settles = calls[id]?.link { calls[id]?.approval?.decidedAt != nil } else { false }
      }
      guard executed.count - reruns.count <= 1 else {
        throw Unproved("write \(key) was executed twice: \(executed)")
      }
    }
  }
}
