import Foundation
import JSONSchema
import Testing

/// Real function definitions, and changed arguments with the verdict of a reference validator.
@Suite(.needs(sharedData: "function-calling")) struct FunctionCallingTests {
  private static let folder = SharedData.folder("function-calling")

  private static func schemas() throws -> [String: Schema] {
    var schemas: [String: Schema] = [:]
    for line in try SharedData.jsonLines(Self.folder.appending(path: "functions.jsonl")) {
      let id = try #require(line["fid"]?.stringValue)
      schemas[id] = try Schema(try #require(line["tool"]?["function"]?["parameters"]))
    }
    return schemas
  }

  @Test func `every published definition compiles`() throws {
    let schemas = try Self.schemas()
    #expect(schemas.count == 1324)
  }

  @Test func `every verdict and every error is the reference's`() throws {
    let schemas = try Self.schemas()
    var count = 0
    for mutant in try SharedData.jsonLines(Self.folder.appending(path: "mutants.jsonl")) {
      count += 1
      let schema = try #require(schemas[mutant["fid"]?.stringValue ?? ""])
      let arguments = try #require(mutant["arguments"])
      let valid = mutant["reference_valid"]?.boolValue
      #expect(schema.isValid(arguments) == valid, "\(mutant)")
      let errors = schema.validate(arguments).map { "\($0.path) \($0.keyword)" }
      let wanted = (mutant["reference_errors"]?.arrayValue ?? []).map {
        "\($0["path"]?.stringValue ?? "") \($0["keyword"]?.stringValue ?? "")"
      }
      #expect(errors.sorted() == wanted.sorted(), "\(mutant)")
    }
    #expect(count == 7766)
  }
}
