import JSONSchema
import Testing

@testable import Callboard

struct SlotQueueTests {
  /// A queue over functions `f.a` and `f.b`, with slots of their own where given.
  func queue(limit: Int, bound: Int = 100, a: Int? = nil, b: Int? = nil) throws -> SlotQueue {
    func native(_ name: String, _ slots: Int?) -> NativeFunction {
      let limited: @Sendable (inout FunctionDefinition) -> Void = { $0.slots = slots }
      return NativeFunction(name, "", parameters: ["type": "object"], configure: limited) { _ in 1 }
    }
    let provider = try NativeProvider(namespace: "f", [native("a", a), native("b", b)])
    return SlotQueue(
      limit: limit,
      bound: bound,
      functions: try FunctionRegistry([provider]).functions
    )
  }

  func id(_ number: UInt64) -> CallID { CallID(UUIDv7(high: 1, low: number)) }

  func hasSlot(_ gate: OneShot<SlotQueue.Turn>) -> Bool {
    if case .slot = gate.current { true } else { false }
  }

  func hasLeft(_ gate: OneShot<SlotQueue.Turn>) -> Bool {
    if case .left = gate.current { true } else { false }
  }

  @Test func `no more run at a time than there are slots`() throws {
    let slots = try queue(limit: 2)
    #expect(slots.takeAtOnce("f.a"))
    #expect(slots.takeAtOnce("f.b"))
    #expect(!slots.takeAtOnce("f.a"))
    slots.giveBack("f.b")
    #expect(slots.takeAtOnce("f.a"))
    #expect(slots.counts(of: "f.a") == (2, 0))
    #expect(slots.counts(of: "f.b") == (0, 0))
  }

  @Test func `no more of a function run than it has slots, and others pass`() throws {
    let slots = try queue(limit: 10, a: 1)
    #expect(slots.takeAtOnce("f.a"))
    #expect(!slots.takeAtOnce("f.a"))
    let waiting = slots.wait(id(1), for: "f.a")
    #expect(!hasSlot(waiting))
    #expect(slots.takeAtOnce("f.b"))
    slots.giveBack("f.a")
    #expect(hasSlot(waiting))
  }

  @Test func `first come first served, over all functions`() throws {
    let slots = try queue(limit: 1)
    #expect(slots.takeAtOnce("f.a"))
    let order = ["f.b", "f.a", "f.b", "f.b", "f.a"]
    let gates = order.enumerated().map { slots.wait(id(UInt64($0.offset)), for: $0.element) }
    var running = "f.a"
    for index in order.indices {
      #expect(gates.map(hasSlot).filter(\.self).count == index)
      slots.giveBack(running)
      running = order[index]
      #expect(hasSlot(gates[index]))
    }
  }

  @Test func `nobody passes those of the same function that wait`() throws {
    let slots = try queue(limit: 2, a: 2)
    #expect(slots.takeAtOnce("f.a") && slots.takeAtOnce("f.a"))
    let first = slots.wait(id(1), for: "f.a")
    slots.giveBack("f.a")
    #expect(hasSlot(first))
    #expect(!slots.takeAtOnce("f.a"))
  }

  @Test func `calls of a function that is off keep their places and are passed over`() throws {
    let slots = try queue(limit: 1)
    #expect(slots.takeAtOnce("f.b"))
    let first = slots.wait(id(1), for: "f.a")
    let second = slots.wait(id(2), for: "f.a")
    let third = slots.wait(id(3), for: "f.b")
    slots.change(functions: ["f.a"], isOn: false)
    slots.giveBack("f.b")
    #expect(!hasSlot(first) && !hasSlot(second) && hasSlot(third))
    slots.giveBack("f.b")
    #expect(!hasSlot(first))
    #expect(!slots.takeAtOnce("f.a"))
    slots.change(functions: ["f.a"], isOn: true)
    #expect(hasSlot(first) && !hasSlot(second), "they go on in their order")
  }

  @Test func `while the engine is held nothing gets a slot`() throws {
    let slots = try queue(limit: 2)
    slots.change(isHeld: true)
    #expect(!slots.takeAtOnce("f.a"))
    let waiting = slots.wait(id(1), for: "f.a")
    #expect(!hasSlot(waiting))
    slots.change(isHeld: false)
    #expect(hasSlot(waiting))
  }

  @Test func `a call that leaves is told so, and the next one moves up`() throws {
    let slots = try queue(limit: 1)
    #expect(slots.takeAtOnce("f.a"))
    let gates = (0..<4).map { slots.wait(id($0), for: "f.a") }
    slots.leave(id(0), function: "f.a")
    slots.leave(id(2), function: "f.a")
    #expect(gates.map(hasLeft) == [true, false, true, false])
    #expect(slots.counts(of: "f.a") == (1, 2))
    slots.giveBack("f.a")
    slots.giveBack("f.a")
    #expect(gates.map(hasSlot) == [false, true, false, true])
  }

  @Test func `leaving twice, or without being there, takes nobody's place`() throws {
    let slots = try queue(limit: 1)
    #expect(slots.takeAtOnce("f.a"))
    _ = slots.wait(id(1), for: "f.a")
    let second = slots.wait(id(2), for: "f.a")
    slots.leave(id(1), function: "f.a")
    slots.leave(id(1), function: "f.a")
    slots.leave(id(9), function: "f.a")
    #expect(slots.counts(of: "f.a").waiting == 1)
    slots.giveBack("f.a")
    #expect(hasSlot(second))
  }

  @Test func `a call that comes back after it left gets one slot`() throws {
    let slots = try queue(limit: 1)
    #expect(slots.takeAtOnce("f.a"))
    _ = slots.wait(id(1), for: "f.a")
    slots.leave(id(1), function: "f.a")
    let again = slots.wait(id(1), for: "f.a")
    #expect(slots.counts(of: "f.a").waiting == 1)
    slots.giveBack("f.a")
    #expect(hasSlot(again))
    slots.giveBack("f.a")
    #expect(slots.counts(of: "f.a") == (0, 0))
  }

  @Test func `the bound counts the places of new calls, and no others that wait`() throws {
    let slots = try queue(limit: 1, bound: 2)
    #expect(slots.takeAtOnce("f.a"))
    _ = slots.wait(id(1), for: "f.a")
    _ = slots.wait(id(2), for: "f.b")
    #expect(slots.takePlace())
    #expect(slots.hasRoom)
    #expect(slots.takePlace())
    #expect(!slots.hasRoom)
    #expect(!slots.takePlace())
    slots.leavePlace()
    #expect(slots.takePlace())
  }

  @Test func `however many ask at once, no more places are given than there are`() async throws {
    for _ in 0..<20 {
      let slots = try queue(limit: 1, bound: 100)
      let given = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          group.addTask { (0..<200).reduce(0) { sum, _ in sum + (slots.takePlace() ? 1 : 0) } }
        }
        return await group.reduce(0, +)
      }
      #expect(given == 100)
    }
  }
}
