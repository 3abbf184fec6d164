import Callboard

/// What is wrong with the names of a provider's functions.
func namespaceProblems(
  _ namespace: String,
  _ definitions: [FunctionDefinition]
) -> [ProviderConfigurationError] {
  var problems: [ProviderConfigurationError] = []
  if FunctionName(namespace: namespace, name: "name") == nil {
    problems.append(
      .init("namespace", "“\(namespace)” is not a namespace; use letters, digits, “_” and “-”")
    )
  }
  var seen: Set<FunctionName> = []
  for (index, definition) in definitions.enumerated() {
    if definition.name.namespace != namespace {
      problems.append(
        .init(
          "functions[\(index)].name",
          "“\(definition.name)” is not in the namespace “\(namespace)”"
        )
      )
    }
    if !seen.insert(definition.name).inserted {
      problems.append(
        .init(
          "functions[\(index)].name",
          "“\(definition.name)” stands here twice; rename one of them"
        )
      )
    }
  }
  return problems
}
