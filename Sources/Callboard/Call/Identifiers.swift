import Foundation

/// A time-ordered unique identifier, version 7 of RFC 9562.
///
/// Ids made by one generator sort in the order they were made, also within a millisecond.
public struct UUIDv7: Hashable, Comparable, Sendable {
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Makes an id for a moment; `sequence` (12 bits) keeps the order within one millisecond.
  public init(at now: Date, sequence: UInt16, random: UInt64) {
    let milliseconds = UInt64(max(0, now.timeIntervalSince1970 * 1000)) & 0xFFFF_FFFF_FFFF
    high = milliseconds << 16 | 0x7000 | UInt64(sequence & 0x0FFF)
    low = random & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
  }

  /// Reads the 36 characters of a UUID, or nil.
  public init?(_ text: String) {
    guard let parsed = UUID(uuidString: text) else { return nil }
    let bytes = parsed.uuid
    func word(_ bytes: UInt8...) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    high = word(bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7)
    low = word(bytes.8, bytes.9, bytes.10, bytes.11, bytes.12, bytes.13, bytes.14, bytes.15)
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }

  /// The random half alone: 62 bits that no two ids share but by chance.
  public func hash(into hasher: inout Hasher) { hasher.combine(low) }

  /// The 36 characters of the standard form, lower case.
  public var text: String {
    String(unsafeUninitializedCapacity: 36) { buffer in
      write(into: buffer)
      return 36
    }
  }

  /// Writes these, which the buffer has room for.
  func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
    var position = 0
    for index in 0..<32 {
      if index == 8 || index == 12 || index == 16 || index == 20 {
        buffer[position] = UInt8(ascii: "-")
        position += 1
      }
      let word = index < 16 ? high : low
      let digit = UInt8(truncatingIfNeeded: word >> UInt64((15 - index % 16) * 4)) & 0xF
      buffer[position] = digit < 10 ? digit + 48 : digit + 87
      position += 1
    }
  }
}

/// What names one thing for as long as anything is kept of it: a UUID of version 7, which sorts by when it was made.
public protocol TimeOrderedID: Hashable, Comparable, Sendable, Codable, LosslessStringConvertible {
  /// What it names, for errors.
  static var kind: String { get }
  var uuid: UUIDv7 { get }
  init(_ uuid: UUIDv7)
}

extension TimeOrderedID {
  public init?(_ description: String) {
    guard let uuid = UUIDv7(description) else { return nil }
    self.init(uuid)
  }

  public var description: String { uuid.text }

  public static func < (left: Self, right: Self) -> Bool { left.uuid < right.uuid }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let id = Self(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "not a \(Self.kind) id"
      )
    }
    self = id
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// Names one call for as long as anything is kept of it.
public struct CallID: TimeOrderedID {
  public static let kind = "call"
  public let uuid: UUIDv7

  public init(_ uuid: UUIDv7) { self.uuid = uuid }

  /// The last six hexadecimal digits: for screens, where the whole would not fit.
  ///
  /// Not unique.
  public var short: String { String(uuid.text.suffix(6)) }
}

/// Names one conversation.
public struct ConversationID: TimeOrderedID {
  public static let kind = "conversation"
  public let uuid: UUIDv7

  public init(_ uuid: UUIDv7) { self.uuid = uuid }

  /// `c-` and the last four hexadecimal digits: for screens.
  ///
  /// Not unique.
  public var short: String { "c-" + uuid.text.suffix(4) }
}

/// Names one grant.
public struct GrantID: TimeOrderedID {
  public static let kind = "grant"
  public let uuid: UUIDv7

  public init(_ uuid: UUIDv7) { self.uuid = uuid }

  /// `g-` and the last four hexadecimal digits: for screens.
  ///
  /// Not unique.
  public var short: String { "g-" + uuid.text.suffix(4) }
}

/// Names one run of a workflow.
public struct RunID: TimeOrderedID {
  public static let kind = "run"
  public let uuid: UUIDv7

  public init(_ uuid: UUIDv7) { self.uuid = uuid }

  /// `w-` and the last four hexadecimal digits: for screens.
  ///
  /// Not unique.
  public var short: String { "w-" + uuid.text.suffix(4) }
}
