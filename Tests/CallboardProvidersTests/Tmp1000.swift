import Callboard
import CallboardProviders
import Foundation
import Testing

@Suite struct Tmp1000 {
  @Test func thousand() async throws {
    let clock = SystemClock()
    let provider = try ProgramProvider(
      namespace: "local",
      functions: [ProgramFunction(definition: definition("local.run"), run: ["sleep", "3"])],
      clock: clock,
      deadlines: DeadlineQueue(clock: clock)
    )
    @Sendable func threads() -> String {
      (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n")
        .first { $0.hasPrefix("Threads") }.map(String.init) ?? ""
    }
    let fds: @Sendable () -> Int = { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }
    print("before", threads(), fds())
    let start = Date()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<1000 { group.addTask { _ = try await provider.invoke(invocation("local.run")) } }
      group.addTask {
        try await Task.sleep(for: .seconds(2.5))
        print("during", threads(), fds())
      }
      try await group.waitForAll()
    }
    print("after", threads(), fds(), Date().timeIntervalSince(start))
    for url in ["http://callboard.invalid", "https://127.0.0.1:1"] {
      let p = try HTTPProvider(
        namespace: "api",
        baseURL: url,
        functions: [HTTPFunction(definition: definition("api.go"), method: "GET", path: "/")],
        client: client
      )
      let s = Date()
      print(await caught(from: p, invocation("api.go")) as Any, Date().timeIntervalSince(s))
    }
  }
}
