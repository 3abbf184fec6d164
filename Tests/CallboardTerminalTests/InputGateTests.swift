import Callboard
import CallboardTerminal
import Testing

@Suite struct InputGateTests {
  private static let early = InputGate.Verdict.dropped("typed before this was on screen")

  @Test func `a key decides half a second after the terminal has drawn`() {
    let screen = Screen()
    #expect(screen.paint("call-1", at: 0))
    #expect(screen.approve("call-1", at: 100) == Self.early)
    screen.answer(at: 300)
    #expect(screen.approve("call-1", at: 300) == Self.early)
    #expect(screen.approve("call-1", at: 799) == Self.early)
    #expect(screen.approve("call-1", at: 800) == .run)
  }

  @Test func `painting the same again changes nothing`() {
    let screen = Screen(showing: "call-1")
    #expect(!screen.paint("call-1", at: 499))
    #expect(screen.approve("call-1", at: 500) == .run)
  }

  @Test func `other content begins anew`() {
    let screen = Screen(showing: "call-1")
    #expect(screen.paint("call-1 revision 2", at: 5_000))
    #expect(screen.approve("call-1 revision 2", at: 5_400) == Self.early)
  }

  @Test func `a key waits for the frame that shows what it would act on`() {
    let screen = Screen(showing: "call-1")
    #expect(screen.approve("call-2", at: 900) == .waitForPaint)
    #expect(screen.approve("call-1", at: 900, frameIsDue: true) == .waitForPaint)
    #expect(Screen().approve("call-1", at: 900) == .waitForPaint)
  }

  @Test func `an answer to an older question does not count for newer content`() {
    let screen = Screen()
    #expect(screen.paint("call-1", at: 0))
    #expect(screen.paint("call-2", at: 10))
    screen.answer(at: 20)
    #expect(screen.approve("call-2", at: 900) == Self.early)
    screen.answer(at: 900)
    #expect(screen.approve("call-2", at: 1_400) == .run)
  }

  @Test func `no answer in two seconds is said once, then half a second is enough`() {
    let screen = Screen()
    #expect(screen.paint("call-1", at: 0))
    #expect(screen.deadline == .seconds(2))
    #expect(screen.idle(at: 1_999) == nil)
    #expect(screen.approve("call-1", at: 1_999) == Self.early)
    #expect(screen.idle(at: 2_000) != nil)
    #expect(screen.approve("call-1", at: 2_000) == .run)
    #expect(screen.paint("call-2", at: 3_000))
    #expect(screen.approve("call-2", at: 3_499) == Self.early)
    #expect(screen.approve("call-2", at: 3_500) == .run)
    #expect(screen.idle(at: 9_000) == nil)
  }

  @Test func `a key read after a long stall of this program is not taken for seen`() {
    let screen = Screen()
    #expect(screen.paint("call-1", at: 0))
    // Stopped for ten seconds: the key was typed before the answer, and both are read now.
    #expect(screen.approve("call-1", at: 10_000) == Self.early)
    screen.answer(at: 10_000)
    #expect(screen.approve("call-1", at: 10_000) == Self.early)
  }

  @Test func `a terminal that answers again is believed again`() {
    let screen = Screen()
    #expect(screen.paint("call-1", at: 0))
    #expect(screen.idle(at: 2_000) != nil)
    #expect(screen.paint("call-2", at: 3_000))
    screen.answer(at: 4_000)
    #expect(screen.paint("call-3", at: 5_000))
    #expect(screen.approve("call-3", at: 5_600) == Self.early)
  }

  @Test func `holding the engine and moving about are never dropped`() {
    let screen = Screen()
    for due in [true, false] {
      #expect(screen.press(.character("!"), "call-1", at: 0, frameIsDue: due) == .run)
      #expect(screen.press(.down, "call-1", at: 0, frameIsDue: due, deciding: false) == .run)
    }
  }

  @Test func `a paste never decides`() {
    let screen = Screen(showing: "call-1")
    #expect(
      screen.press(.paste("a"), "call-1", at: 9_000)
        == .dropped("pasted text is never run as keys")
    )
  }

  @Test func `after another program had the screen nothing counts as seen`() {
    let screen = Screen(showing: "call-1")
    screen.forget()
    #expect(screen.approve("call-1", at: 9_000) == .waitForPaint)
    #expect(screen.paint("call-1", at: 9_000))
    #expect(screen.approve("call-1", at: 9_100) == Self.early)
  }
}

/// A gate that `#expect` can call; times in milliseconds.
private final class Screen {
  private var gate = InputGate()

  init() {}

  /// Painted and answered at the beginning of time.
  init(showing content: String) {
    _ = gate.painted(content, at: .zero)
    gate.statusAnswered(at: .zero)
  }

  var deadline: Duration? { gate.deadline }

  func paint(_ content: String, at now: Int) -> Bool {
    gate.painted(content, at: .milliseconds(now))
  }

  func answer(at now: Int) { gate.statusAnswered(at: .milliseconds(now)) }

  func idle(at now: Int) -> SafeText? { gate.idle(at: .milliseconds(now)) }

  func forget() { gate.forget() }

  func approve(_ content: String, at now: Int, frameIsDue: Bool = false) -> InputGate.Verdict {
    press(.character("a"), content, at: now, frameIsDue: frameIsDue)
  }

  func press(
    _ key: Key,
    _ content: String,
    at now: Int,
    frameIsDue: Bool = false,
    deciding: Bool = true
  ) -> InputGate.Verdict {
    gate.admits(
      key,
      deciding: deciding,
      on: content,
      frameIsDue: frameIsDue,
      at: .milliseconds(now)
    )
  }
}
