import Foundation

/// Text meant to break terminals: published collections where they are, and a few of our own
/// always.
enum HostileText {
  static let own: [String] = [
    "\u{1B}[2J\u{1B}[H", "\u{1B}]0;title\u{7}", "\u{9B}31m", "a\nb\r\nc\td", "\u{202E}cod.exe",
    "漢字漢字漢字漢字漢字漢字", "a漢b字c漢d字e漢f字", "한국어 \u{1112}\u{1161}\u{11AB}", "👩‍👩‍👧‍👦👍🏽🇩🇪❤️1️⃣",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}", "\u{301}\u{302}", "\u{1FAE8}\u{1FAE9}",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "النص العربي", "│ fake │ ▌",
    "\u{E0001}\u{E0061}", "\u{FEFF}\u{200B}\u{2060}", "\u{378}\u{FFFE}\u{10FFFF}", "ﷺ", "\u{0}",
  ]

  /// Every string of the shared collections that are there, after those of our own.
  static let all: [String] = own + naughty + stress + graphemes + emoji

  private static let naughty: [String] = {
    guard let data = data("blns.json") else { return [] }
    return (try? JSONDecoder().decode([String].self, from: data)) ?? []
  }()

  private static let stress: [String] = {
    guard let data = data("UTF-8-test.txt") else { return [] }
    return data.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
  }()

  private static let graphemes: [String] = lines("unicode/GraphemeBreakTest.txt") { line in
    text(hex: line.prefix { $0 != "#" }.filter { $0 != "÷" && $0 != "×" })
  }

  private static let emoji: [String] =
    // One in seven of the five thousand: the others are their sisters in another skin tone.
    stride(from: 0, to: listed.count, by: 7).map { listed[$0] }
    + lines("unicode/emoji-zwj-sequences.txt") { text(hex: $0.prefix { $0 != ";" }) }

  private static let listed: [String] = lines("unicode/emoji-test.txt") { line in
    text(hex: line.prefix { $0 != ";" })
  }

  private static func lines(_ name: String, _ read: (String) -> String) -> [String] {
    guard let data = data(name) else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }.map { read(String($0)) }.filter { !$0.isEmpty }
  }

  private static func text(hex: some StringProtocol) -> String {
    var scalars = String.UnicodeScalarView()
    for word in hex.split(whereSeparator: \.isWhitespace) {
      if let scalar = UInt32(word, radix: 16).flatMap(Unicode.Scalar.init) {
        scalars.append(scalar)
      }
    }
    return String(scalars)
  }

  /// Whether the published collections are beside the project.
  static let hasPublished = FileManager.default.fileExists(atPath: folder.path)

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/data/terminal")

  private static func data(_ name: String) -> Data? {
    try? Data(contentsOf: folder.appending(path: name))
  }
}
