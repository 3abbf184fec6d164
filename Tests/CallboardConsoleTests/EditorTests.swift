import Foundation
import Glibc
import Testing

@testable import CallboardConsole

@Suite struct EditorTests {
  private func toEnd(_ editor: RunningEditor) {
    var ended = pollfd(fd: editor.descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&ended, 1, -1) < 0, errno == EINTR {}
  }

  /// Waits for whoever writes into a named pipe.
  private func line(from pipe: String) -> String {
    let bytes = (try? FileHandle(forReadingAtPath: pipe)?.readToEnd()) ?? Data()
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  @Test(arguments: [SIGTERM, SIGHUP])
  func `an editor that is told to end leaves no file behind`(number: Int32) throws {
    let pipe = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    #expect(mkfifo(pipe, 0o600) == 0)
    defer { unlink(pipe) }
    // One process of its own, which is there when it writes and leaves none behind.
    let willing = "sh -c 'echo \"$1\" > \(pipe); exec sleep 600' sh"
    var file = ""
    let edited = ArgumentsEditor(command: willing).edit("{}") { running in
      file = line(from: pipe)
      running.signal(number)
      toEnd(running)
    }
    #expect(throws: EditorFailure.self) { try edited.get() }
    #expect(file.hasSuffix(".json"))
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test func `an editor that will not end is ended, and its file goes too`() throws {
    let pipe = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    #expect(mkfifo(pipe, 0o600) == 0)
    defer { unlink(pipe) }
    let stubborn = "sh -c 'trap \"\" TERM; echo \"$1\" > \(pipe); exec sleep 600' sh"
    var file = ""
    let edited = ArgumentsEditor(command: stubborn).edit("{}") { running in
      file = line(from: pipe)
      running.signal(SIGTERM)
      running.kill()
      toEnd(running)
    }
    #expect(throws: EditorFailure.self) { try edited.get() }
    #expect(!file.isEmpty && !FileManager.default.fileExists(atPath: file))
  }

  @Test func `what the editor leaves comes back, and no file stays behind`() throws {
    let seen = FileManager.default.temporaryDirectory.appendingPathComponent(
      "seen-\(UUID().uuidString)"
    )
    defer { try? FileManager.default.removeItem(at: seen) }
    let script =
      "edit() { stat -c '%a %n' \"$1\" > '\(seen.path)'; sed -i s/25000/2500/ \"$1\"; }; edit"
    let editor = ArgumentsEditor(command: script)
    #expect(editor.edit("{\"amount\": 25000}\n", wait: toEnd) == .success("{\"amount\": 2500}\n"))
    let found = try String(contentsOf: seen, encoding: .utf8).split(separator: "\n")[0].split(
      separator: " "
    )
    #expect(found[0] == "600")
    #expect(!FileManager.default.fileExists(atPath: String(found[1])))
  }

  @Test func `an editor that fails changes nothing and is named`() {
    let failed = ArgumentsEditor(command: "false").edit("{}", wait: toEnd)
    #expect(
      failed == .failure(EditorFailure(message: "“false” ended with status 1; nothing was changed"))
    )
    let missing = ArgumentsEditor(command: "no-such-editor 2>/dev/null").edit("{}", wait: toEnd)
    #expect(throws: EditorFailure.self) { try missing.get() }
  }

  @Test func `VISUAL comes before EDITOR, and vi is what is always there`() {
    let both = ["VISUAL": "emacs", "EDITOR": "nano"]
    #expect(ArgumentsEditor(command: nil, environment: both).command == "emacs")
    #expect(ArgumentsEditor(command: nil, environment: ["EDITOR": "nano"]).command == "nano")
    #expect(ArgumentsEditor(command: nil, environment: [:]).command == "vi")
    #expect(ArgumentsEditor(command: "code --wait", environment: both).command == "code --wait")
  }

  @Test func `a view is never written over a file that is there`() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: Never.self) { try writeViewFile(["one"], to: path).get() }
    #expect(throws: EditorFailure.self) { try writeViewFile(["two"], to: path).get() }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "one\n")
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func `a written view holds rows that do not fit on the screen`() throws {
    var state = Fixture.office
    for number in 100..<160 { state.calls.append(Fixture.call(number, "bulk.item\(number)")) }
    let rig = try Rig(state, screen: .calls, size: (100, 20))
    #expect(!rig.text.contains("bulk.item100"))
    let lines = rig.session.wholeView()
    for number in 100..<160 { #expect(lines.contains { $0.contains("bulk.item\(number)") }) }
  }

  @Test func `the bell rings for something new, once in ten seconds`() {
    var attention = Attention()
    #expect(attention.look(at: 0, now: .seconds(1)) == false)
    #expect(attention.look(at: 1, now: .seconds(2)) == true)
    #expect(attention.look(at: 2, now: .seconds(5)) == nil)
    #expect(attention.deadline == .seconds(12))
    #expect(attention.look(at: 2, now: .seconds(12)) == true)
    #expect(attention.look(at: 1, now: .seconds(30)) == false)
    #expect(attention.look(at: 1, now: .seconds(60)) == nil)
  }
}
