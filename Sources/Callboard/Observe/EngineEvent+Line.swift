import Foundation
import JSONSchema

extension StoredFormWriter {
  /// Appends an event as `EngineEvent.json` has it, byte for byte; by hand, because every step of every call is one.
  package mutating func write(_ event: EngineEvent) {
    put(#"{"v":1,"seq":"#)
    put(number: event.seq)
    put(#","time":""#)
    put(milliseconds: event.time)
    put(#"","type":""#)
    put(event.type)
    put("\"")
    if let call = event.call { put(call) }
    put(#","run":""#, id: event.run)
    put(#","workflow":"#, string: event.workflow)
    put(#","conversation":""#, id: event.conversation)
    put(#","function":"#, string: event.function)
    if let model = event.model {
      put(#","model":{"name":"#, string: model.name)
      put(#","failure":"#, string: model.failure.rawValue)
      put("}")
    }
    put(#","cause":"#, string: event.cause)
    put(#","by":"#, string: event.by)
    put(#","rule":"#, string: event.rule)
    put(#","grant":""#, id: event.grant)
    put(#","definition":"#, string: event.definition)
    put(#","digest":"#, string: event.digest)
    put(#","twin":""#, id: event.twin)
    if let seen = event.seen {
      put(#","seen":{"revision":"#)
      put(number: seen.revision)
      put(#","digest":"#, string: seen.digest)
      put("}")
    }
    put(#","source":"#, string: event.source?.rawValue)
    if let failure = event.failure { put(failure) }
    put(#","proposed":"#, value: event.proposed)
    put(#","value":"#, value: event.value)
    if let excerpt = event.excerpt {
      put(#","excerpt":{"head":"#, string: excerpt.head)
      put(#","bytes":"#)
      put(number: excerpt.bytes)
      put(#","sha256":"#, string: excerpt.sha256)
      put("}")
    }
    put(#","stderr":"#, string: event.errorOutput)
    put("}")
  }

  /// Begins anew, in the same memory.
  package mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  /// Between two lines of one entry.
  package mutating func putLineEnd() { put("\n") }

  private mutating func put(_ call: EngineEvent.CallPart) {
    put(#","call":{"id":""#)
    put(call.id.uuid)
    put(#"","function":"#, string: call.function)
    put(#","caller":"#, string: call.caller)
    put(#","conversation":""#, id: call.conversation)
    put(#","state":""#)
    put(call.state.rawValue)
    put("\"")
    if let attempt = call.attempt {
      put(#","attempt":"#)
      put(number: attempt)
    }
    put(#","revision":"#)
    put(number: call.revision)
    switch call.link {
    case .again(let id): put(#","again":""#, id: id)
    case .settles(let id): put(#","settles":""#, id: id)
    case .fallback(let id): put(#","fallback_for":""#, id: id)
    case .checks(let id): put(#","checks":""#, id: id)
    case nil: break
    }
    if let step = call.step {
      put(#","run":""#, id: step.run)
      put(#","step":"#, string: step.step)
      if let item = step.item {
        put(#","item":"#)
        put(number: item)
      }
    }
    put("}")
  }

  private mutating func put(_ failure: CallFailure) {
    put(#","failure":{"kind":""#)
    put(failure.kind.rawValue)
    put(#"","message":"#, string: failure.message)
    put(#","reach":""#)
    put(failure.reach.rawValue)
    put("\"")
    put(#","pointer":"#, string: failure.pointer)
    put("}")
  }

  private mutating func put(_ type: EngineEvent.Kind) {
    put(type.thing)
    put(".")
    put(type.word)
  }

  // MARK: - Members that may not be there

  private mutating func put(_ key: StaticString, string text: String?) {
    guard let text else { return }
    put(key)
    put(string: text)
  }

  /// `key` ends with the quotation mark before the id.
  private mutating func put(_ key: StaticString, id: (some TimeOrderedID)?) {
    guard let id else { return }
    put(key)
    put(id.uuid)
    put("\"")
  }

  private mutating func put(_ key: StaticString, value: JSONValue?) {
    guard let value else { return }
    put(key)
    value.write(into: &bytes)
  }
}
