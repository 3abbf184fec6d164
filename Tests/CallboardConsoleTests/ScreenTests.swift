import CallboardTerminal
import Foundation
import Testing

@testable import Callboard
@testable import CallboardConsole

/// Whole screens as text files, which `CALLBOARD_RECORD=1 swift test` writes anew.
@Suite struct ScreenTests {
  static let sizes = [(120, 40), (80, 24), (40, 10), (10, 3)]

  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("Screens")

  private func compare(_ lines: [String], to name: String) throws {
    let file = Self.folder.appendingPathComponent(name + ".txt")
    let text = lines.joined(separator: "\n") + "\n"
    if ProcessInfo.processInfo.environment["CALLBOARD_RECORD"] == "1" {
      try Data(text.utf8).write(to: file)
    }
    let recorded = try String(contentsOf: file, encoding: .utf8)
    #expect(text == recorded, "\(name).txt differs:\n\(text)")
  }

  @Test(arguments: Screen.allCases)
  func `a screen looks as recorded`(screen: Screen) throws {
    for (width, height) in Self.sizes {
      let rig = try Rig(screen: screen, size: (width, height))
      try compare(rig.lines, to: "\(screen.name)-\(width)x\(height)")
    }
  }

  @Test func `opened things look as recorded`() throws {
    for (width, height) in Self.sizes {
      let call = try Rig(screen: .calls, size: (width, height))
      call.press("G")
      call.press(.enter)
      try compare(call.lines, to: "call-\(width)x\(height)")
      let conversation = try Rig(screen: .conversations, size: (width, height))
      conversation.press("j")
      conversation.press(.enter)
      try compare(conversation.lines, to: "conversation-\(width)x\(height)")
      let run = try Rig(screen: .workflows, size: (width, height))
      run.press("j")
      run.press(.enter)
      try compare(run.lines, to: "run-\(width)x\(height)")
      let function = try Rig(screen: .functions, size: (width, height))
      function.press("j")
      function.press(.enter)
      try compare(function.lines, to: "function-\(width)x\(height)")
      let help = try Rig(screen: .waiting, size: (width, height))
      help.press("?")
      try compare(help.lines, to: "help-\(width)x\(height)")
    }
  }

  @Test func `prompts look as recorded`() throws {
    for (width, height) in Self.sizes {
      let deny = try Rig(screen: .waiting, size: (width, height))
      deny.press("j")
      deny.press("d")
      deny.press(.down)
      try compare(deny.lines, to: "deny-\(width)x\(height)")
      let settle = try Rig(screen: .waiting, size: (width, height))
      settle.press("s")
      try compare(settle.lines, to: "settle-\(width)x\(height)")
      var state = Fixture.office
      state.header.held = Switched(by: "maria", at: Fixture.now.addingTimeInterval(-60))
      let held = try Rig(state, screen: .waiting, size: (width, height))
      held.press("!")
      try compare(held.lines, to: "release-\(width)x\(height)")
    }
  }

  @Test func `a terminal of any size is filled without a fault`() throws {
    for width in [0, 1, 2, 3, 10, 23, 39, 90, 100] {
      for height in [0, 1, 2, 3, 4, 5, 8, 12, 16] {
        for screen in Screen.allCases {
          let rig = try Rig(screen: screen, size: (width, height))
          rig.press(.down, .enter)
          rig.press("?")
          rig.press(.escape)
          rig.press(":")
          #expect(rig.grid.width == width && rig.grid.height == height)
        }
      }
    }
  }

  @Test func `the smallest screens say how many wait`() throws {
    #expect(try Rig(size: (2, 1)).lines == ["3!"])
    #expect(try Rig(size: (10, 3)).lines[0] == "wait 2 ?1")
  }

  @Test func `without UTF-8 every screen is ASCII`() throws {
    for screen in Screen.allCases {
      let rig = try Rig(screen: screen, isUTF8: false)
      for line in rig.grid.ascii().lines() {
        #expect(line.utf8.allSatisfy { $0 < 0x80 })
        #expect(!line.contains("?") || line.contains("? ") || line.hasPrefix("?"), "\(line)")
      }
    }
  }
}
