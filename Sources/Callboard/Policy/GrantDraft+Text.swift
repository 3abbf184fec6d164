import JSONSchema

extension GrantDraft {
  /// Why a text is no draft, and what to write.
  public struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
  }

  public static let form = "FUNCTION for 2h [limit N] [when {…}]"

  /// Reads `payments.* for 2h limit 5 when {"type": "object", …}`, as it is typed.
  public init(parsing text: String) throws(Mistake) {
    var rest = text[...]
    func word() -> String? {
      rest = rest.drop { $0 == " " }
      let word = rest.prefix { $0 != " " }
      rest = rest.dropFirst(word.count)
      return word.isEmpty ? nil : String(word)
    }
    guard let function = word() else { throw Mistake(description: "write \(Self.form)") }
    var seconds: Double?
    var limit: Int?
    var when: JSONValue?
    while let key = word() {
      switch key {
      case "for":
        let value = word() ?? ""
        guard let length = Filter.seconds(value[...]), length > 0 else {
          throw Mistake(
            description: "for how long is written for 30m, for 2h or for 1d, not “\(value)”"
          )
        }
        seconds = length
      case "limit":
        let value = word() ?? ""
        guard let number = Int(value), number >= 1 else {
          throw Mistake(description: "a limit is a number of calls such as limit 5, not “\(value)”")
        }
        limit = number
      case "when":
        do throws(JSONParseError) {
          when = try JSONValue(parsing: String(rest), options: .arguments)
        } catch {
          throw Mistake(description: "when needs a JSON Schema over the arguments: \(error)")
        }
        rest = ""
      default:
        throw Mistake(description: "“\(key)” is not understood; write \(Self.form)")
      }
    }
    guard let seconds else {
      throw Mistake(description: "a grant has an end: write \(Self.form)")
    }
    self.init(function: function, when: when, seconds: seconds, limit: limit)
  }
}
