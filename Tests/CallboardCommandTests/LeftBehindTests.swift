import CallboardSQLite
import Foundation
import Testing

/// `callboard call` on a store where an earlier run was killed.
@Suite struct LeftBehindTests {
  private let scratch: Scratch

  init() async throws {
    let scratch = try Scratch()
    self.scratch = scratch
    let sign = try StartSign(in: scratch)
    _ = try scratch.file(
      "pay.yaml",
      """
      name: paying
      store: { file: s.db }
      providers:
        p:
          type: program
          functions:
            - name: move
              description: Moves.
              effect: write
              run: [sh, -c, "cat >> ran; if test -e hangs; then echo > started; exec sleep 600; fi; echo moved"]
              output: text
              parameters: { type: object, properties: { to: { type: string }, n: { type: integer, default: 1 } } }
            - { name: look, description: Looks., effect: read, run: [echo, seen], stdin: none, output: text }
      approvals: [{ approval: never }]
      """
    )
    _ = try scratch.file("hangs", "")
    let folder = scratch.path
    try await Program.onOwnThread {
      let running = try Running(
        ["call", "p.move", #"{"to":"anna"}"#, "--config", "pay.yaml"],
        folder: folder
      )
      try sign.wait()
      running.send(SIGKILL)
      _ = try running.ended()
    }
    try FileManager.default.removeItem(atPath: scratch.path + "/hangs")
  }

  private func call(_ arguments: String...) async throws -> Program.Ended {
    try await Program.run(["call"] + arguments + ["--config", "pay.yaml"], folder: scratch.path)
  }

  private var executions: Int {
    let data = FileManager.default.contents(atPath: scratch.path + "/ran") ?? Data()
    return String(decoding: data, as: UTF8.self).components(separatedBy: "anna").count - 1
  }

  @Test func `it is said what is there, and which write nobody knows the outcome of`() async throws
  {
    let ended = try await call("p.look")
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output == "seen\n")
    let lines = ended.error.split(separator: "\n")
    #expect(lines.count == 1, "\(ended)")
    #expect(ended.error.contains("s.db holds 1 call and 0 conversations of an earlier run"))
    #expect(ended.error.contains("the console or serve takes them up"))
    #expect(ended.error.contains("nobody knows whether p.move "))
    let shown = try await Program.run(
      ["audit", "show", "--store", "s.db", "--function", "p.move"],
      folder: scratch.path
    )
    #expect(shown.output.contains("call.unknown"), "\(shown)")
  }

  @Test func `the same write is not sent again, in whatever words, and another one is`()
    async throws
  {
    for words in [#"{"to":"anna"}"#, #"{"n":1.0, "to":"anna"}"#] {
      let again = try await call("p.move", words)
      #expect(again.status == 77, "\(again)")
      #expect(again.error.contains("p.move was not called"), "\(again)")
      #expect(executions == 1)
    }
    let other = try await call("p.move", #"{"to":"ben"}"#)
    #expect(other.status == 0, "\(other)")
    #expect(executions == 1)
  }
}
