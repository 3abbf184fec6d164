import Callboard
import JSONSchema

/// Folds the chunks of a streamed Chat Completion into one turn.
///
/// Liberal where servers differ: calls come with or without `index`, with an index that is always 0, with ids that are
/// missing, empty or repeated in every chunk, whole or in pieces, or as the legacy `function_call`. Strict about the
/// end: a stream that stops without `[DONE]` and without a finish reason was cut, and gives no turn.
struct ChatStreamFold {
  /// Most bytes of all events together.
  let limit: Int
  /// Most calls that one turn may ask for.
  static let callLimit = Limit.turnCalls.value

  private var text = ""
  private var refusal = ""
  private var calls: [OpenCall] = []
  private var finishReason: String?
  private var usage: TokenUsage?
  private(set) var isDone = false
  private var size = 0

  init(limit: Int) {
    self.limit = limit
  }

  private struct OpenCall {
    var index: Int?
    var id: String?
    var name = ""
    var arguments = ""
    /// Whether the delta that opened it carried the legacy form.
    var isLegacy = false
  }

  /// Whether everything that counts has come, so that a connection lost now costs nothing.
  var isComplete: Bool { isDone || finishReason != nil }

  /// Takes the next event, and gives back what a screen may show of it.
  mutating func add(_ event: ServerSentEvent) throws(ChatFoldError) -> [ModelDelta] {
    guard !isDone else { return [] }
    size += event.data.utf8.count
    guard size <= limit else { throw .broken("sent more than \(limit >> 20) MB") }
    let data = event.data.trimmed
    guard !data.isEmpty else { return [] }
    if data == "[DONE]" {
      isDone = true
      return []
    }
    let chunk: JSONValue
    do {
      chunk = try JSONValue(parsing: data, options: .lenient)
    } catch {
      if event.name == "error" { throw .reported(ReportedError(.string(data))) }
      throw .broken("sent an event that is not JSON (\(error))")
    }
    if event.name == "error" { throw .reported(ReportedError(chunk["error"] ?? chunk)) }
    return try add(chunk: chunk)
  }

  /// Takes one `chat.completion.chunk`, or a whole `chat.completion`.
  mutating func add(chunk: JSONValue) throws(ChatFoldError) -> [ModelDelta] {
    guard chunk.objectValue != nil else { throw .broken("sent a chunk that is no JSON object") }
    if let error = chunk["error"], !error.isNull { throw .reported(ReportedError(error)) }
    if let told = TokenUsage(chat: chunk["usage"]) { usage = told }
    guard let choice = Self.firstChoice(of: chunk["choices"]) else { return [] }
    var deltas: [ModelDelta] = []
    if let delta = choice["delta"]?.objectValue ?? choice["message"]?.objectValue {
      try add(.object(delta), telling: &deltas)
    }
    if let reason = choice["finish_reason"]?.stringValue, !reason.isEmpty { finishReason = reason }
    return deltas
  }

  /// Says that nothing is missing: the answer came in one piece.
  mutating func end() {
    isDone = true
  }

  /// The whole turn, once the stream has ended.
  func finish() throws(ChatFoldError) -> ModelTurn {
    guard isComplete else {
      throw .broken("ended its answer without a finish reason and without [DONE]: it was cut")
    }
    var taken: Set<String> = []
    var requested: [RequestedCall] = []
    // Some servers send one call in both forms: then the new one counts.
    let isDoubled = calls.contains(where: \.isLegacy) && !calls.allSatisfy(\.isLegacy)
    for call in calls where !(isDoubled && call.isLegacy) {
      guard !call.name.isEmpty else { throw .broken("asked for a call without a function's name") }
      let id = Self.unusedID(call.id, at: requested.count, taken: taken)
      taken.insert(id)
      let arguments = call.arguments.trimmed.isEmpty ? "{}" : call.arguments
      requested.append(RequestedCall(id: id, wireName: call.name, arguments: arguments))
    }
    let turn = ModelTurn(
      text: text.isEmpty ? nil : text,
      refusal: refusal.isEmpty ? nil : refusal,
      calls: requested,
      finishReason: finishReason,
      usage: usage
    )
    guard turn.finishReason != nil || turn.text != nil || turn.refusal != nil || !turn.calls.isEmpty
    else { throw .broken("ended its answer before it began") }
    return turn
  }

  /// The model's id, or one made up where it gave none or gave it twice: answers are told apart by it.
  private static func unusedID(_ id: String?, at position: Int, taken: Set<String>) -> String {
    if let id, !taken.contains(id) { return id }
    var number = position + 1
    while taken.contains("call_\(number)") { number += 1 }
    return "call_\(number)"
  }

  private static func firstChoice(of choices: JSONValue?) -> JSONValue? {
    guard let choices = choices?.arrayValue else { return nil }
    return choices.first { $0["index"]?.intValue ?? 0 == 0 }
  }

  private mutating func add(
    _ delta: JSONValue,
    telling deltas: inout [ModelDelta]
  ) throws(ChatFoldError) {
    for reasoning in [delta["reasoning_content"], delta["reasoning"]] {
      // Some servers send the same words under both names.
      guard let words = reasoning?.stringValue, !words.isEmpty else { continue }
      deltas.append(.reasoning(words))
      break
    }
    add(content: delta["content"], telling: &deltas)
    if let words = delta["refusal"]?.stringValue { refusal += words }
    let hasCalls = delta["tool_calls"]?.arrayValue?.isEmpty == false
    if !hasCalls, let function = delta["function_call"], function.objectValue != nil {
      try add(legacy: function, telling: &deltas)
    }
    switch delta["tool_calls"] {
    case .array(let items)?:
      for item in items where item.objectValue != nil { try add(call: item, telling: &deltas) }
    case let item? where item.objectValue != nil:
      try add(call: item, telling: &deltas)
    case nil, _?: break
    }
  }

  private mutating func add(content: JSONValue?, telling deltas: inout [ModelDelta]) {
    switch content {
    case .string(let words)?:
      tell(words, to: &deltas)
    case .array(let parts)?:
      for part in parts {
        if let words = part["refusal"]?.stringValue { refusal += words }
        if let words = part["text"]?.stringValue ?? part.stringValue { tell(words, to: &deltas) }
      }
    case nil, _?: break
    }
  }

  private mutating func tell(_ words: String, to deltas: inout [ModelDelta]) {
    guard !words.isEmpty else { return }
    text += words
    deltas.append(.text(words))
  }

  private mutating func add(
    legacy function: JSONValue,
    telling deltas: inout [ModelDelta]
  ) throws(ChatFoldError) {
    if let position = calls.firstIndex(where: { $0.isLegacy }) {
      extend(position, with: Piece(function), telling: &deltas)
    } else {
      extend(try open(OpenCall(isLegacy: true)), with: Piece(function), telling: &deltas)
    }
  }

  /// One element of `tool_calls`, without regard to how it was wrapped.
  private struct Piece {
    var index: Int?
    var id: String?
    var name: String?
    var arguments: String

    init(_ function: JSONValue?, index: Int? = nil, id: String? = nil) {
      self.index = index
      self.id = id
      name = function?["name"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
      arguments =
        switch function?["arguments"] ?? function?["input"] {
        case .string(let text)?: text
        case .object(let object)?: JSONValue.object(object).serialized()
        case nil, _?: ""
        }
    }
  }

  private mutating func add(
    call delta: JSONValue,
    telling deltas: inout [ModelDelta]
  ) throws(ChatFoldError) {
    let piece = Piece(
      [delta["function"], delta["custom"]].lazy.compactMap { $0 }.first { $0.objectValue != nil },
      index: delta["index"]?.intValue,
      id: delta["id"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
    )
    if let position = continued(by: piece) {
      extend(position, with: piece, telling: &deltas)
    } else {
      let position = try open(OpenCall(index: piece.index, id: piece.id))
      extend(position, with: piece, telling: &deltas)
    }
  }

  /// The call that a piece goes on with, or nil when it begins a new one.
  private func continued(by piece: Piece) -> Int? {
    let sameIndex = piece.index.flatMap { index in calls.lastIndex { $0.index == index } }
    if let id = piece.id {
      if let known = calls.lastIndex(where: { $0.id == id }) {
        // The same id under another index, with a name of its own: a server that numbers by index only.
        let knownIndex = calls[known].index ?? piece.index
        let isOther = piece.name != nil && piece.index != nil && knownIndex != piece.index
        return isOther ? sameIndex : known
      }
      // A new id is a new call, unless the piece names nothing and says whose it is: some servers draw an id for
      // every chunk, and some send it late.
      guard let sameIndex, piece.name == nil || calls[sameIndex].name.isEmpty else { return nil }
      return sameIndex
    }
    guard piece.name != nil else { return sameIndex ?? calls.indices.last }
    // Without an id, a name continues a call that has none yet, or repeats the one whose arguments are still open.
    guard let candidate = piece.index == nil ? calls.indices.last : sameIndex else { return nil }
    let call = calls[candidate]
    if call.name.isEmpty || call.arguments.isEmpty && piece.index != nil { return candidate }
    return call.name == piece.name && !call.arguments.isEmpty && !isWhole(call.arguments)
      ? candidate : nil
  }

  private func isWhole(_ arguments: String) -> Bool {
    (try? JSONValue(parsing: arguments)) != nil
  }

  private mutating func open(_ call: OpenCall) throws(ChatFoldError) -> Int {
    guard calls.count < Self.callLimit else {
      throw .excessive("asked for more than \(Self.callLimit) calls in one turn")
    }
    calls.append(call)
    return calls.count - 1
  }

  private mutating func extend(
    _ position: Int,
    with piece: Piece,
    telling deltas: inout [ModelDelta]
  ) {
    if calls[position].id == nil { calls[position].id = piece.id }
    if calls[position].index == nil { calls[position].index = piece.index }
    if let name = piece.name {
      let known = calls[position].name
      if known.isEmpty {
        calls[position].name = name
        deltas.append(.callBegan(wireName: name))
      } else if known != name, calls[position].arguments.isEmpty {
        // Names come in pieces from servers that send every token as it falls.
        calls[position].name += name
      }
    }
    calls[position].arguments += piece.arguments
  }
}

/// Why chunks gave no turn.
enum ChatFoldError: Error {
  /// What the server did, as the rest of a sentence that begins with the model.
  case broken(String)
  /// It asked for more than is taken, and would be asked in vain again.
  case excessive(String)
  /// The server itself reported an error in the middle of its answer.
  case reported(ReportedError)
}

/// An error as servers of models word it: an object, or a text alone.
struct ReportedError: Sendable, Hashable {
  var message: String
  var code: String?
  var type: String?
  var status: Int?

  init(_ error: JSONValue) {
    // Some wrap the object once more, or in a list of one.
    let error = error[0] ?? error
    let inner = error["error"] ?? error
    func word(_ value: JSONValue?) -> String? {
      value.flatMap { $0.stringValue ?? $0.intValue.map(String.init) }
    }
    message =
      inner["message"]?.stringValue ?? inner["detail"]?.stringValue ?? inner.stringValue
      ?? inner["message"]?.serialized() ?? inner.serialized()
    code = word(inner["code"])
    type = word(inner["type"])
    status = inner["status"]?.intValue ?? inner["code"]?.intValue
  }
}

extension TokenUsage {
  /// The `usage` of a completion; nil where it is missing or null.
  init?(chat usage: JSONValue?) {
    guard let usage, usage.objectValue != nil else { return nil }
    let input = usage["prompt_tokens"]?.intValue
    let output = usage["completion_tokens"]?.intValue
    guard input != nil || output != nil else { return nil }
    self.init(input: max(0, input ?? 0), output: max(0, output ?? 0))
  }
}

extension String {
  /// Without white space at its ends.
  var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}
