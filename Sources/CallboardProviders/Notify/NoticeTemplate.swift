import Callboard
import Foundation
import JSONSchema

/// The program that calls a person, and its arguments, with places such as `${call.id}`.
///
/// No shell is involved: each item is one argument, whatever stands in a call.
struct NoticeTemplate: Sendable {
  /// What can stand in a place.
  enum Place: String, Sendable, CaseIterable {
    case id = "call.id"
    case function = "call.function"
    case caller = "call.caller"
    case conversation = "call.conversation"
    case state = "call.state"
    case rule = "call.rule"
    /// One sentence with everything, and the command that opens the call.
    case text
    /// That command alone.
    case command

    /// Whether its value could begin with a `-`, which a program reads as an option.
    var isFree: Bool {
      switch self {
      case .function, .caller, .rule: true
      case .id, .conversation, .state, .text, .command: false
      }
    }
  }

  private enum Piece: Sendable {
    case text(String)
    case place(Place)
  }

  private let items: [[Piece]]

  /// Reads what is to be run; places that there are not stay as they are written.
  init(_ run: [String]) {
    items = run.map { Self.pieces(of: $0).map(\.piece) }
  }

  /// The arguments for one notice, the program first.
  func arguments(for words: NoticeWords) -> [String] {
    items.map { pieces in
      pieces.map { piece in
        switch piece {
        case .text(let text): text
        case .place(let place): words.value(of: place)
        }
      }.joined()
    }
  }

  /// What is wrong with what is to be run: the item, and a sentence.
  static func problems(_ run: [String]) -> [(item: Int, sentence: String)] {
    var problems: [(Int, String)] = []
    for (index, text) in run.enumerated() {
      if text.utf8.contains(0) {
        problems.append((index, "holds a NUL character, which no argument of a program can"))
      }
      let pieces = pieces(of: text)
      for piece in pieces {
        if let unknown = piece.unknown {
          let known = Place.allCases.map(\.rawValue)
          let near = nearest(to: unknown, among: known).map { "did you mean ${\($0)}?" }
          problems.append(
            (
              index,
              "names ${\(unknown)}, which no notice has; "
                + (near ?? "there is \(known.map { "${\($0)}" }.joined(separator: ", "))")
            )
          )
        }
      }
      if index == 0, pieces.contains(where: { if case .place = $0.piece { true } else { false } }) {
        problems.append((index, "would let a call choose the program; name one program"))
      } else if case .place(let place)? = pieces.first?.piece, place.isFree {
        problems.append(
          (
            index,
            "begins with ${\(place.rawValue)}, which could begin with “-” and be read as an option; put text before it"
          )
        )
      }
    }
    return problems
  }

  private static func pieces(of text: String) -> [(piece: Piece, unknown: String?)] {
    var pieces: [(Piece, String?)] = []
    var rest = Substring(text)
    while let start = rest.range(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}")
    {
      if start.lowerBound > rest.startIndex {
        pieces.append((.text(String(rest[..<start.lowerBound])), nil))
      }
      let name = String(rest[start.upperBound..<end])
      if let place = Place(rawValue: name) {
        pieces.append((.place(place), nil))
      } else {
        pieces.append((.text("${\(name)}"), name))
      }
      rest = rest[rest.index(after: end)...]
    }
    if !rest.isEmpty { pieces.append((.text(String(rest)), nil)) }
    return pieces
  }
}
