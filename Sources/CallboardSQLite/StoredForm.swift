import Callboard
import Foundation
import JSONSchema

/// How calls and conversations stand in the file: as JSON, a transcript apart from its conversation.
enum StoredForm {
  static func bytes(of call: Call) throws -> [UInt8] { try call.storedForm() }

  static func bytes(of conversation: Conversation) throws -> [UInt8] {
    try JSONValue(encoding: conversation.withoutTranscript).serializedBytes()
  }

  static func call(_ data: Data) throws -> Call { try value(data).decode(as: Call.self) }

  static func conversation(_ data: Data, _ messages: [Conversation.Entry]) throws -> Conversation {
    try value(data).decode(as: Conversation.self).with(transcript: messages)
  }

  static func entry(_ data: Data) throws -> Conversation.Entry {
    try value(data).decode(as: Conversation.Entry.self)
  }

  /// A run apart from its workflow, which never changes.
  static func bytes(of run: WorkflowRun) throws -> [UInt8] { try run.storedForm() }

  static func run(_ data: Data, of document: Data) throws -> WorkflowRun {
    try WorkflowRun(storedForm: value(data), of: value(document))
  }

  private static func value(_ data: Data) throws -> JSONValue {
    try JSONValue(parsing: data, options: .lenient)
  }
}
