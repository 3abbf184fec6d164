import AsyncHTTPClient
import Callboard
import CallboardProviders
import Foundation
import JSONSchema
import NIOPosix

let call = CallID(UUIDv7(at: Date(timeIntervalSince1970: 1_795_341_600), sequence: 1, random: 7))
let key = "5f3c8f4e-9c1b-4d59-8f5e-2a7d0c6b1e11"

/// Shared by all tests, and never shut down: it ends with the process.
let client = HTTPClient(
  eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
  configuration: HTTPProvider.clientConfiguration
)

/// A definition whose arguments may be anything; those named are required.
func definition(
  _ name: String,
  effect: FunctionEffect = .read,
  required: [String] = [],
  optional: [String] = [],
  failsCleanly: Bool = false
) -> FunctionDefinition {
  var properties = JSONObject()
  for property in required + optional { properties.append(key: property, value: [:]) }
  return FunctionDefinition(
    name: functionName(name),
    description: "A function of a test",
    parameters: [
      "type": "object", "properties": .object(properties),
      "required": .array(required.map { .string($0) }),
    ],
    effect: effect,
    failsCleanly: failsCleanly
  )
}

func invocation(
  _ name: String,
  _ arguments: JSONValue = [:],
  attempt: Int = 1,
  timeout: Duration = .seconds(30),
  maxResultBytes: Int = 1_048_576
) -> Invocation {
  Invocation(
    call: call,
    function: functionName(name),
    arguments: arguments,
    idempotencyKey: key,
    attempt: attempt,
    timeout: timeout,
    maxResultBytes: maxResultBytes
  )
}

/// The failure that an attempt ends with, nil where it succeeds.
func caught(from provider: some FunctionProvider, _ invocation: Invocation) async -> CallFailure? {
  do throws(CallFailure) {
    _ = try await provider.invoke(invocation)
    return nil
  } catch {
    return error
  }
}

private func functionName(_ text: String) -> FunctionName {
  guard let name = FunctionName(text) else { preconditionFailure("“\(text)” is no function name") }
  return name
}
