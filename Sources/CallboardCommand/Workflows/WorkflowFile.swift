import Callboard
import CallboardYAML
import JSONSchema

/// Reads workflows from YAML, and says where in the file something is wrong.
enum WorkflowFile {
  /// The workflow of a file.
  static func read(_ path: String) throws(Diagnostics) -> (Workflow, YAMLDocument) {
    let document: YAMLDocument
    do throws(YAMLError) {
      document = try YAMLDocument(file: path)
    } catch {
      throw Diagnostics(error)
    }
    return (try workflow(in: document, at: JSONPointer()), document)
  }

  /// The workflow that stands at a place of a document.
  static func workflow(
    in document: YAMLDocument,
    at place: JSONPointer
  ) throws(Diagnostics) -> Workflow {
    if let wrong = Diagnostics(document.check(against: schema, at: place)) { throw wrong }
    do throws(WorkflowMistakes) {
      return try Workflow(document.value.value(at: place) ?? .null)
    } catch {
      throw diagnostics(error.all, in: document, at: place)
        ?? Diagnostics(
          document.diagnostic(at: place, "is no workflow")
        )
    }
  }

  /// What the engine found wrong, at its places in the file; nil where nothing is.
  static func diagnostics(
    _ mistakes: [WorkflowMistake],
    in document: YAMLDocument,
    at place: JSONPointer
  ) -> Diagnostics? {
    Diagnostics(
      mistakes.map { mistake in
        let pointer = JSONPointer(tokens: place.tokens + mistake.pointer.tokens)
        // A sentence that does not begin with its subject has the path before it.
        let sentence =
          mistake.message.hasPrefix("is ") || mistake.message.hasPrefix("also ")
          ? mistake.message : ": " + mistake.message
        var found: Diagnostic
        if mistake.isAboutKey {
          found = document.diagnostic(atKeyOf: pointer, sentence)
        } else if let offset = mistake.offset {
          found = document.diagnostic(at: pointer, offset: offset, sentence)
        } else {
          found = document.diagnostic(at: pointer, sentence)
        }
        found.message = found.message.replacing(" : ", with: ": ", maxReplacements: 1)
        if found.message.hasPrefix(": ") { found.message.removeFirst(2) }
        return found
      }
    )
  }

  private static let schema = ConfigurationSchema.compile(Workflow.documentSchema)
}

/// The workflows of a configuration.
extension ConfigurationReader {
  mutating func workflows(
    _ value: JSONValue?,
    at pointer: JSONPointer,
    functions: [FunctionDefinition],
    models: [String]
  ) -> [Workflow] {
    let check = WorkflowCheck(functions: functions, models: models)
    var found: [Workflow] = []
    for (index, item) in (value?.arrayValue ?? []).enumerated() {
      let place = pointer.appending(index)
      do throws(Diagnostics) {
        let workflow: Workflow
        let wrong: Diagnostics?
        if let path = item.stringValue {
          let (read, document) = try WorkflowFile.read(resolved(path))
          workflow = read
          wrong = WorkflowFile.diagnostics(
            check.mistakes(in: read),
            in: document,
            at: JSONPointer()
          )
        } else {
          workflow = try WorkflowFile.workflow(in: document, at: place)
          wrong = WorkflowFile.diagnostics(
            check.mistakes(in: workflow),
            in: document,
            at: place
          )
        }
        if let wrong { throw wrong }
        if found.contains(where: { $0.name == workflow.name }) {
          report(place, "is the second workflow called \(workflow.name); rename one")
        }
        found.append(workflow)
      } catch {
        problems += error.all
      }
    }
    return found
  }
}
