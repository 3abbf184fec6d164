import CallboardTerminal
import Glibc
import Testing

@Suite struct WakeUpTests {
  private func isReadable(_ wakeUp: WakeUp) -> Bool {
    var descriptor = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) == 1
  }

  @Test func `many signals are one, and one after the drain is another`() throws {
    let wakeUp = try WakeUp()
    #expect(!isReadable(wakeUp))
    for _ in 0..<1000 { wakeUp.signal() }
    #expect(isReadable(wakeUp))
    wakeUp.drain()
    #expect(!isReadable(wakeUp))
    wakeUp.signal()
    #expect(isReadable(wakeUp))
  }

  @Test func `no signal from another thread is lost`() async throws {
    let wakeUp = try WakeUp()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<2000 { wakeUp.signal() } }
      }
      group.addTask { for _ in 0..<500 { wakeUp.drain() } }
    }
    wakeUp.signal()
    #expect(isReadable(wakeUp))
  }

  @Test func `why there is no console is said with what to do instead`() {
    #expect(TerminalError.noTerm.description.hasPrefix("TERM is not set"))
    #expect(TerminalError.cannotDraw(term: "dumb").description.contains("callboard tail"))
    #expect(TerminalError.unknownTerm(term: "\u{1B}[31m").description.contains("␛[31m"))
  }
}
