import Callboard
import JSONSchema

/// The example of the guide: validation, market analysis, compliance, offer.
let dueDiligence: JSONValue = [
  "workflow": "due-diligence",
  "input": [
    "type": "object", "properties": ["address": ["type": "string"], "ask": ["type": "number"]],
    "required": ["address", "ask"],
  ],
  "steps": [
    ["id": "validate", "call": "t.validate", "with": ["address": "${input.address}"]],
    [
      "id": "market", "needs": ["validate"], "call": "t.market", "with": ["zip": "${validate.zip}"],
      "required": false,
    ],
    [
      "id": "compliance", "needs": ["validate"], "call": "t.compliance",
      "with": ["parcel": "${validate.parcel}"],
    ],
    [
      "id": "offer", "needs": ["market", "compliance"],
      "when": [
        "required": ["compliance"],
        "properties": [
          "compliance": ["required": ["passed"], "properties": ["passed": ["const": true]]]
        ],
      ],
      "call": "t.offer", "with": ["price": "${market.median ?? input.ask}"],
    ],
  ],
  "output": ["offer": "${offer.id}"],
]

/// A workflow of these steps, whose functions are not asked for.
func makeWorkflow(
  _ steps: JSONValue...,
  output: JSONValue? = nil,
  input: JSONValue = ["type": "object"],
  parallel: Int? = nil
) throws(WorkflowMistakes) -> Workflow {
  var document: JSONValue = ["workflow": "sample", "input": input, "steps": .array(steps)]
  if let output { document["output"] = output }
  if let parallel { document["parallel"] = .integer(Int64(parallel)) }
  return try Workflow(document)
}

/// The messages about a document that is wrong; none where it is right.
func mistakes(of document: JSONValue) -> [String] {
  do throws(WorkflowMistakes) {
    _ = try Workflow(document)
    return []
  } catch {
    return error.all.map(\.description)
  }
}
