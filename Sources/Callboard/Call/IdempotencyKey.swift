/// The key of a call: one that was given, or one made for it, which is written out only where somebody reads it.
enum IdempotencyKey: Sendable {
  case made(UUIDv7)
  case given(String)

  var text: String {
    switch self {
    case .made(let uuid): uuid.text
    case .given(let text): text
    }
  }
}

extension IdempotencyKey: Codable {
  init(from decoder: any Decoder) throws {
    self = .given(try decoder.singleValueContainer().decode(String.self))
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
