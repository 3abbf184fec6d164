/// What a case found otherwise than it has to be.
public struct StoreCaseFailed: Error, CustomStringConvertible {
  public let description: String
}

/// Throws where something does not hold.
func expect(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws {
  guard holds else { throw StoreCaseFailed(description: otherwise()) }
}

func equal<Value: Equatable>(
  _ found: Value?,
  _ expected: Value?,
  _ what: String
) throws {
  try expect(
    found == expected,
    "\(what): expected \(expected.map { "\($0)" } ?? "nothing"), found \(found.map { "\($0)" } ?? "nothing")"
  )
}

/// The value, or the case fails.
func need<Value>(_ value: Value?, _ what: String) throws -> Value {
  guard let value else { throw StoreCaseFailed(description: "there is no \(what)") }
  return value
}
