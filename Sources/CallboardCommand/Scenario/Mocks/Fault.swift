import Callboard
import JSONSchema
import Synchronization

/// What goes wrong with functions, mocked or real, as a scenario says.
struct Fault: Sendable {
  var on: NamePattern?
  var caller: NamePattern?
  var when: Schema?
  /// Attempts at each function from one to another, counted from 1 over all calls.
  var attempts: ClosedRange<Int>?
  /// From one moment of the scenario up to and without another.
  var during: Range<Duration>?
  /// Of those that are meant, this share is hit, by the scenario's seed.
  var probability: Double?
  /// At most so many are hit.
  var times: Int?
  var effect: Effect

  enum Effect: Sendable {
    case delay(Latency)
    case fail(CallFailure)
    case hang
    case truncate(Cut)
  }

  /// How much of a result comes through.
  enum Cut: Sendable, Hashable {
    case bytes(Int)
    case share(Double)

    func count(of all: Int) -> Int {
      switch self {
      case .bytes(let count): min(max(0, count), all)
      case .share(let share): min(max(0, Int(Double(all) * share)), all)
      }
    }
  }

  /// Whether it is meant for an attempt, but for what probability and `times` say.
  func concerns(_ invocation: Invocation, count: Int, at time: Duration) -> Bool {
    guard on?.matches(invocation.function.description) ?? true,
      caller?.matches(invocation.caller) ?? true,
      attempts?.contains(count) ?? true,
      during?.contains(time) ?? true,
      when?.isValid(invocation.arguments) ?? true
    else { return false }
    return true
  }
}

/// The faults of a scenario, and how often each has struck.
final class Faults: Sendable {
  let all: [Fault]
  private let seed: UInt64
  private let struck: Mutex<[Int]>

  init(_ all: [Fault], seed: UInt64) {
    self.all = all
    self.seed = seed
    struck = Mutex(Array(repeating: 0, count: all.count))
  }

  /// What happens to one attempt: the delays of all that strike it, and of the rest the first.
  struct Stroke: Sendable {
    var delay = Duration.zero
    var effect: Fault.Effect?
  }

  /// What strikes the attempt that is the `count`th at its function.
  func strike(_ invocation: Invocation, count: Int, at time: Duration) -> Stroke {
    var stroke = Stroke()
    for (index, fault) in all.enumerated() where fault.concerns(invocation, count: count, at: time)
    {
      // By function and count, so that the order in which attempts begin changes nothing.
      var generator = SeededGenerator(
        seed: seed,
        UInt64(index),
        invocation.function.description.stableHash,
        UInt64(count)
      )
      if let probability = fault.probability,
        Latency.share(using: &generator) >= probability
      {
        continue
      }
      if case .delay = fault.effect {} else if stroke.effect != nil { continue }
      let isSpent = struck.withLock { struck in
        if let times = fault.times, struck[index] >= times { return true }
        struck[index] += 1
        return false
      }
      guard !isSpent else { continue }
      switch fault.effect {
      case .delay(let latency): stroke.delay += latency.draw(using: &generator)
      case .fail, .hang, .truncate: stroke.effect = fault.effect
      }
    }
    return stroke
  }

  /// A result of which only the beginning came through: as a text shorter, as anything else hardly ever readable.
  static func truncating(
    _ value: JSONValue,
    to cut: Fault.Cut,
    of function: FunctionName
  ) throws(CallFailure) -> JSONValue {
    if let text = value.stringValue {
      return .string(beginning(of: Array(text.utf8), cut))
    }
    let bytes = Array(value.serialized().utf8)
    let count = cut.count(of: bytes.count)
    guard count < bytes.count else { return value }
    if let readable = try? JSONValue(parsing: beginning(of: bytes, cut)) { return readable }
    throw CallFailure(
      .invalidResult,
      "The answer of \(function) is cut: \(count) of \(bytes.count) bytes came, which are no JSON.",
      reach: .answered
    )
  }
}

extension Faults {
  /// Without a character that is cut in the midst of its bytes.
  private static func beginning(of bytes: [UInt8], _ cut: Fault.Cut) -> String {
    var count = cut.count(of: bytes.count)
    while count > 0, count < bytes.count, bytes[count] & 0xC0 == 0x80 { count -= 1 }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}

extension String {
  /// FNV-1a: the same in every process.
  var stableHash: UInt64 {
    utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
