import Callboard
import CallboardYAML
import JSONSchema

/// A conversation written down: what a ``ScriptedModel`` says, asks for and waits for, and when.
///
/// Scripts stand under their names in a section of a YAML file:
///
/// ```yaml
/// scripts:
///   flat-hunt:
///     title: Flats under ${budget} in ${district}
///     system: You help people find a flat.
///     user: I look for a flat in ${district}, at most ${budget} euros.   # one opening message, or a list of them
///     vars:                                     # drawn once a conversation, in this order
///       district: { pick: [Mitte, Wedding, Pankow] }
///       budget: { between: [200000, 400000], step: 10000 }
///       memo: For ${district}                   # anything else stands for itself
///     after: 0.5s..2s                           # before each turn that says nothing else: fixed, or drawn from a range
///     over: 1s                                  # how long the words of a turn take
///     turns:
///       - say: Let me look in ${district}.
///         calls:
///           - function: properties.search
///             id: search                        # its result is then ${search…}
///             with: { district: "${district}", max_price: "${budget}" }
///       - choose:                               # the first branch whose `if` holds; none: the next turn
///           - if: { properties: { last: { required: [error] } } }
///             say: The search failed. I try once more.
///             goto: search-again
///           - if: { properties: { last: { properties: { items: { maxItems: 0 } } } } }
///             say: There is none.
///             end: true
///       - label: search-again
///         say: I found ${search.items.count ?? 'some'}. The first is ${search.items[0].address ?? 'not there'}.
///     on_message:                               # a message of a person while calls were out; a turn, or a list of branches
///       say: "Understood: ${message}"
/// ```
///
/// **A turn** is one answer of the model. `after`: the pause before it. `say`: its words, told one by one over `over`.
/// `calls`: what it asks for; `function`, `with` (arguments), `id` (a name for the result), or `raw` (the text of the
/// arguments, for broken ones). `fail: { kind, message, times }`: the model fails instead, the first `times` times it
/// is asked (always, without `times`). `usage: { input, output }`: tokens; estimated at four characters each if not
/// given. Then the next turn follows, or the one at `goto: label`, or none (`end: true`). `repeat: 3` takes the turn
/// three times, `repeat: { while: SCHEMA, at_most: 5 }` as long as a schema holds. A turn with `if` is passed over where
/// it does not hold. A turn of `goto` or `end` alone says nothing.
///
/// **`if` and `while`** are JSON Schemas over what came before: `results` (of the last turn's calls, in their order),
/// `last` (the last of them), `calls` (results by `id`), `message` (the person's last words), `vars`, `turn` (from 1) and
/// `round` (of a repeated turn, from 1). The result of a call that failed is an object with `error`. Templates see the same names, and `vars` and `calls` without their prefix.
///
/// **Templates**: see `${…}` above; the whole value `"${x}"` keeps the JSON type, `??` says what to use when there is
/// nothing, `$${` is a plain `${`. They work in `title`, `system`, `user`, `vars`, `say`, `with`, `raw` and `fail.message`.
///
/// **People.** When a person writes while the model has calls out, the next turn answers them first, by `on_message` or
/// with a plain acknowledgement, and then goes on. When the last turn asked for nothing, a person's message simply brings the
/// next turn. After the last turn every message gets `on_message`.
///
/// **Chance.** Everything drawn comes from the seed, the conversation's ordinal and the place in the script; where a conversation
/// stands is read from its messages. So the same seed tells the same story, and a restart goes on where it stopped.
public struct Script: Sendable {
  public let name: String
  /// Every function it may ask for, to be checked against those there are.
  public internal(set) var functions: [(name: FunctionName, at: JSONPointer)] = []

  var title: Template?
  var system: Template?
  var opening: [Template] = []
  var variables: [(name: String, draw: Draw)] = []
  var steps: [Step] = []
  var onMessage: [Turn] = []

  /// One entry of `turns`: the first turn whose condition holds is taken.
  struct Step: Sendable {
    var turns: [Turn]
  }

  /// One answer of the model.
  struct Turn: Sendable {
    var condition: Schema?
    var pause: Pause?
    var over: Duration?
    var say: Template?
    var calls: [ScriptedCall] = []
    var failure: Failure?
    var usage: TokenUsage?
    var next: Next = .following
    var repetition: Repetition?

    /// Whether it only leads elsewhere.
    var isJump: Bool { say == nil && calls.isEmpty && failure == nil }
  }

  struct ScriptedCall: Sendable {
    var function: FunctionName
    var id: String?
    var arguments: Arguments

    enum Arguments: Sendable {
      case value(ValueTemplate)
      case text(Template)
    }
  }

  struct Failure: Sendable {
    var kind: ModelFailure.Kind
    var message: Template
    /// nil: each time.
    var times: Int?
  }

  enum Next: Sendable, Hashable {
    case following
    case step(Int)
    case end
  }

  struct Repetition: Sendable {
    var atMost: Int
    var condition: Schema?
  }

  /// A wait that is fixed (both ends equal) or drawn.
  struct Pause: Sendable, Hashable {
    var shortest: Duration
    var longest: Duration

    /// `1.2s`, or `0.5s..2s`.
    init(_ text: String) throws(DurationError) {
      guard let dots = text.firstRange(of: "..") else {
        shortest = try Duration(callboard: text)
        longest = shortest
        return
      }
      shortest = try Duration(callboard: String(text[..<dots.lowerBound]))
      longest = max(shortest, try Duration(callboard: String(text[dots.upperBound...])))
    }

    func draw(using generator: inout SeededGenerator) -> Duration {
      longest == shortest
        ? shortest
        : shortest + (longest - shortest) * Double.random(in: 0...1, using: &generator)
    }
  }

  /// The scripts of a section, in its order; a mapping from names to scripts.
  ///
  /// - Throws: everything that is wrong with it, with lines: unknown words, labels, variables and ids that are not
  ///   there, durations and conditions that cannot be read.
  public static func load(
    _ document: YAMLDocument,
    at pointer: JSONPointer = JSONPointer()
  ) throws(Diagnostics) -> [Script] {
    let problems = document.check(against: ScriptedModel.sectionSchema, at: pointer)
    if let problems = Diagnostics(problems) { throw problems }
    guard let section = document.value.value(at: pointer)?.objectValue else {
      throw Diagnostics(document.diagnostic(at: pointer, "is missing; write scripts by name"))
    }
    var scripts: [Script] = []
    var wrong: [Diagnostic] = []
    for (name, value) in section {
      do throws(Diagnostics) {
        scripts.append(
          try Script(name: name, from: value, at: pointer.appending(name), in: document)
        )
      } catch {
        wrong += error.all
      }
    }
    if let problems = Diagnostics(wrong) { throw problems }
    return scripts
  }

  /// One script, whose value stands at a pointer of a document.
  public init(
    name: String,
    from value: JSONValue,
    at pointer: JSONPointer,
    in document: YAMLDocument
  ) throws(Diagnostics) {
    let problems = document.check(against: ScriptedModel.scriptSchema, at: pointer)
    if let problems = Diagnostics(problems) { throw problems }
    self.name = name
    var reader = ScriptReader(document: document, root: pointer)
    reader.read(value, into: &self)
    if let problems = Diagnostics(reader.problems) { throw problems }
  }

  /// One sentence for each function that is not among those there are, with the nearest right name.
  public func unknownFunctions(
    among known: Set<FunctionName>,
    in document: YAMLDocument
  ) -> [Diagnostic] {
    functions.filter { !known.contains($0.name) }.map { function in
      let meant = nearest(to: function.name.description, among: known.map(\.description).sorted())
      let advice = meant.map { "did you mean \($0)?" } ?? "add it, or correct the name"
      return document.diagnostic(
        at: function.at,
        "names the unknown function \(function.name); \(advice)"
      )
    }
  }
}
