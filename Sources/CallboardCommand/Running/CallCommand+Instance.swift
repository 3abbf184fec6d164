import Callboard
import CallboardControl
import Foundation
import JSONSchema

/// A call that a running instance makes, in the name of whoever runs the command.
extension CallCommand {
  func call(on running: Instance) async throws {
    let text = try argumentText(on: running)
    let interruption = Interruption()
    let result = OneShot<Result<EndedCall, any Error>>()
    let asked = Asked()
    Task { [function, place = instance.again] in
      do {
        let ended = try await running.call(function, arguments: text) { id, state in
          asked.waits(id)
          for line in Asked.lines(function, id, state, at: place) { Output.error.row(line) }
        }
        result.resolve(.success(ended))
      } catch {
        result.resolve(.failure(error))
      }
    }
    if let wait {
      Task {
        try? await Task.sleep(for: wait)
        // Only what still waits for a person is sure to have done nothing.
        let state = asked.id.flatMap { try? running.call($0.description) }?.row.state
        let status: ExitStatus = state == .awaitingApproval ? .outOfTime : .outcomeUnknown
        result.resolve(.failure(Failure(status, asked.unfinished(function, state, after: wait))))
      }
    }
    let ended: EndedCall
    do {
      ended = try await interruption.watching([
        {
          let unfinished = asked.unfinished(function, nil, after: nil)
          result.resolve(.failure(Failure(.interrupted, unfinished)))
        }
      ]) {
        try await result.value.get()
      }
    } catch let problem as ControlProblem {
      throw Failure(problem)
    }
    try tell(ended)
  }

  /// What a running instance says would happen; nothing does.
  func rehearse(on running: Instance) throws {
    let text = try argumentText(on: running)
    running.tellWhoIsAsked()
    let simulated = try Failure.onControlProblem { () throws(ControlProblem) in
      try running.simulate(function, arguments: text, as: caller)
    }
    switch simulated {
    case .would(let simulation): try tell(simulation.verdict)
    case .nobody(let why): throw Failure(.usage, why)
    }
  }

  /// The function may have secret fields: other users can read a command line.
  private func argumentText(on running: Instance) throws -> String {
    guard let arguments else { return "{}" }
    let text = try JSONArgument.text(arguments)
    if text == arguments { try instance.refuseSecrets(of: function, on: running) }
    return text
  }

  private func tell(_ ended: EndedCall) throws {
    let state = ended.state?.rawValue
    var json: JSONObject = ["call": .string(ended.call.description)]
    json["state"] = state.map { .string($0) }
    json["source"] = ended.source.map { .string($0.rawValue) }
    json["result"] = ended.result
    if let failure = ended.failure {
      json["failure"] = [
        "kind": .string(failure.kind.rawValue), "message": .string(failure.message),
        "reach": .string(failure.reach.rawValue),
      ]
    }
    if ended.source == .rerun {
      Output.error.line(
        "callboard: its outcome was unknown; it was run again with the same key, and this is the result of that."
      )
    }
    show(.object(json), ended.result.map { $0.stringValue ?? $0.serialized(pretty: true) })
    if let text = ended.errorOutput {
      Output.error.line("callboard: \(function) wrote to stderr:\n\(text)")
    }
    guard let failure = ended.failure else { return }
    throw Failure(
      ExitStatus.of(.failure(failure), effect: ended.effect),
      "\(function) \(Self.verb(state, failure)): \(Self.sentences(of: failure))"
    )
  }
}

extension InstanceOption {
  /// Refuses arguments on a command line of a function that has secret fields.
  func refuseSecrets(of function: String, on running: Instance) throws {
    guard running.welcome.you.mayLook,
      case .function(let detail?) = try running.look(at: .function(function)).body
    else { return }
    let secrets = detail.policies.first { $0.name == "secret fields" }?.value
    // Names that are secret everywhere are the configuration's, which is not at hand where only a socket is named.
    let everywhere = socket == nil ? try source.load().secrets : []
    guard let secret = secrets ?? CallCommand.secretName(in: detail.parameters, everywhere) else {
      return
    }
    throw Failure(
      .usage,
      "\(function) has the secret field \(secret), and other users can read a command line; give the arguments by - or @FILE."
    )
  }
}
