import Foundation
import JSONSchema

extension Call {
  /// The call as JSON text, which `Codable` reads; written by hand, because a store writes every call more than once.
  public func storedForm() throws -> [UInt8] {
    var writer = StoredFormWriter()
    try writer.write(self)
    return writer.bytes
  }

  fileprivate func writeAside(into bytes: inout [UInt8]) throws {
    guard let facts = try asideForm() else { return }
    bytes.append(contentsOf: #","aside":"#.utf8)
    facts.write(into: &bytes)
  }
}

/// Writes what every call, run or event has by hand, and by `Codable` what few have.
package struct StoredFormWriter {
  package internal(set) var bytes: [UInt8] = []
  /// Of the last date, because what happens to one thing often falls into one second.
  private var lastSecond: (second: Int64, text: [UInt8])?

  /// `capacity`: bytes that it has room for at first.
  package init(capacity: Int = 1536) { bytes.reserveCapacity(capacity) }

  mutating func write(_ call: Call) throws {
    put(#"{"origin":{"value":{"id":""#)
    put(call.id.uuid)
    put(#"","function":"#)
    put(string: call.function)
    put(#","caller":"#)
    put(call.caller)
    try put(#","conversation":"#, call.conversation) { $0.put(quoted: $1.uuid) }
    try put(#","turn":"#, call.turn) { $0.put(String($1)) }
    try put(#","modelCallID":"#, call.modelCallID) { $0.put(string: $1) }
    try put(#","link":"#, call.link) { try $0.put(encoding: $1) }
    try put(#","requestedBy":"#, call.requestedBy) { $0.put($1) }
    put(#","receivedAt":"#)
    put(call.receivedAt)
    put(#","idempotencyKey":"#)
    put(string: call.idempotencyKey)
    try put(#","step":"#, call.step) { $0.put($1) }
    put("}}")
    try call.writeAside(into: &bytes)
    put(#","state":"#)
    try put(call.state)
    put(#","revision":"#)
    put(String(call.revision))
    try put(#","proposed":"#, call.proposed) { $0.put($1) }
    try put(#","decided":"#, call.decided) { $0.put($1) }
    try put(#","definitionHash":"#, call.definitionHash) { $0.put(string: $1) }
    put(#","attempts":["#)
    for (index, attempt) in call.attempts.enumerated() { try put(attempt, isFirst: index == 0) }
    put(#"],"history":["#)
    for (index, step) in call.history.enumerated() { try put(step, isFirst: index == 0) }
    put("]")
    try put(#","outcome":"#, call.outcome) { try $0.put($1) }
    try put(#","endedAt":"#, call.endedAt) { $0.put($1) }
    try put(#","queuedAt":"#, call.queuedAt) { $0.put($1) }
    put("}")
  }

  mutating func put(_ principal: Principal) {
    put(#"{"name":"#)
    put(string: principal.name)
    if let uid = principal.uid { put(#","uid":\#(uid)"#) }
    put(#","roles":["#)
    for (index, role) in principal.roles.map(\.rawValue).sorted().enumerated() {
      put(index == 0 ? "\"" : ",\"")
      put(role)
      put("\"")
    }
    put(#"],"isShared":\#(principal.isShared)}"#)
  }

  private mutating func put(_ state: CallState) throws {
    switch state {
    case .received, .awaitingApproval, .succeeded, .failed, .rejected, .denied, .expired,
      .cancelled:
      put(#"{"\#(Self.name(of: state.word))":{}}"#)
    case .queued(let attempt, nil): put(#"{"queued":{"attempt":\#(attempt)}}"#)
    case .running(let attempt, nil): put(#"{"running":{"attempt":\#(attempt)}}"#)
    case .queued, .running, .approved, .stopping, .backingOff, .unknown: try put(encoding: state)
    }
  }

  /// As the case is called, which is not always its word.
  private static func name(of word: CallState.Word) -> String {
    word == .awaitingApproval ? "awaitingApproval" : word.rawValue
  }

  private mutating func put(_ attempt: Call.Attempt, isFirst: Bool) throws {
    put(isFirst ? #"{"number":"# : #",{"number":"#)
    put(String(attempt.number))
    put(#","startedAt":"#)
    put(attempt.startedAt)
    try put(#","endedAt":"#, attempt.endedAt) { $0.put($1) }
    try put(#","failure":"#, attempt.failure) { try $0.put(encoding: $1) }
    put("}")
  }

  private mutating func put(_ step: Call.Step, isFirst: Bool) throws {
    put(isFirst ? #"{"at":"# : #",{"at":"#)
    put(step.at)
    put(#","state":""#)
    put(step.state.rawValue)
    put("\"")
    try put(#","attempt":"#, step.attempt) { $0.put(String($1)) }
    put(#","cause":"#)
    put(string: step.cause)
    try put(#","by":"#, step.by) { $0.put(string: $1) }
    try put(#","grant":"#, step.grant) { $0.put(quoted: $1.uuid) }
    put("}")
  }

  private mutating func put(_ place: StepPlace) {
    put(#"{"run":""#)
    put(place.run.uuid)
    put(#"","step":"#)
    put(string: place.step)
    if let item = place.item {
      put(#","item":"#)
      put(number: item)
    }
    put("}")
  }

  private mutating func put(_ outcome: CallOutcome) throws {
    switch outcome {
    case .result(let payload, let source):
      put(#"{"result":{"_0":"#)
      put(payload)
      put(#","_1":""#)
      put(source.rawValue)
      put(#""}}"#)
    case .failure: try put(encoding: outcome)
    }
  }

  // MARK: - Pieces

  mutating func put<Value>(
    _ key: String,
    _ value: Value?,
    _ write: (inout StoredFormWriter, Value) throws -> Void
  ) throws {
    guard let value else { return }
    put(key)
    try write(&self, value)
  }

  mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func put(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func put(number: Int) {
    guard number >= 0 else { return put(String(number)) }
    var divisor = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  mutating func put(quoted text: String) {
    put("\"")
    put(text)
    put("\"")
  }

  mutating func put(quoted id: UUIDv7) {
    put("\"")
    put(id)
    put("\"")
  }

  mutating func put(_ id: UUIDv7) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
      id.write(into: buffer)
      bytes.append(contentsOf: buffer)
    }
  }

  mutating func put(string text: String) { JSONValue.string(text).write(into: &bytes) }

  mutating func put(_ payload: Payload) { payload.encoded.write(into: &bytes) }

  mutating func put(encoding value: some Encodable) throws {
    try JSONValue(encoding: value).write(into: &bytes)
  }

  /// Nine decimals, as many as a `Date` of our days can need.
  mutating func put(_ date: Date) {
    let seconds = date.timeIntervalSinceReferenceDate
    var whole = Int64(seconds.rounded(.down))
    var fraction = Int64(((seconds - seconds.rounded(.down)) * 1e9).rounded())
    if fraction == 1_000_000_000 {
      whole += 1
      fraction = 0
    }
    bytes.append(UInt8(ascii: "\""))
    put(second: whole + Int64(Date.timeIntervalBetween1970AndReferenceDate))
    bytes.append(UInt8(ascii: "."))
    bytes.append(number: fraction, digits: 9)
    bytes.append(UInt8(ascii: "Z"))
    bytes.append(UInt8(ascii: "\""))
  }

  /// As `ISOTime` writes it.
  mutating func put(milliseconds date: Date) {
    let milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded(.down))
    let fraction = ((milliseconds % 1000) + 1000) % 1000
    put(second: (milliseconds - fraction) / 1000)
    bytes.append(UInt8(ascii: "."))
    bytes.append(number: fraction, digits: 3)
    bytes.append(UInt8(ascii: "Z"))
  }

  private mutating func put(second: Int64) {
    if let lastSecond, lastSecond.second == second {
      bytes.append(contentsOf: lastSecond.text)
      return
    }
    let start = bytes.count
    ISOTime.write(second: second, into: &bytes)
    lastSecond = (second, Array(bytes[start...]))
  }
}
