import JSONSchema

extension YAMLDocument {
  /// The document with `${NAME}` and `${NAME:-default}` in its strings replaced by the environment's values.
  ///
  /// Only names of `A-Z 0-9 _` that do not begin with a digit are meant: `${call.id}` and its like stay, and so does
  /// `$${NAME}`, without its first dollar. A default is used when the variable is missing or empty. What comes out is
  /// a string, except where the value carries `!!int`, `!!float` or `!!bool`: `port: !!int ${PORT:-8080}`. Keys are
  /// never expanded, nor is anything that `excluded` names.
  ///
  /// - Throws: a diagnostic with line and column for a variable that is not set and has no default.
  public func expanding(
    environment: [String: String],
    except excluded: (JSONPointer) -> Bool = { _ in false }
  ) throws(Diagnostics) -> YAMLDocument {
    var copy = self
    var problems: [Diagnostic] = []
    copy.value = expand(
      value,
      at: JSONPointer(),
      environment: environment,
      except: excluded,
      into: &copy,
      problems: &problems
    )
    if let problems = Diagnostics(problems) { throw problems }
    return copy
  }

  private func expand(
    _ value: JSONValue,
    at pointer: JSONPointer,
    environment: [String: String],
    except excluded: (JSONPointer) -> Bool,
    into copy: inout YAMLDocument,
    problems: inout [Diagnostic]
  ) -> JSONValue {
    if excluded(pointer) { return value }
    switch value {
    case .null, .bool, .integer, .double, .decimal: return value
    case .array(let items):
      var expanded: [JSONValue] = []
      expanded.reserveCapacity(items.count)
      for (index, item) in items.enumerated() {
        expanded.append(
          expand(
            item,
            at: pointer.appending(String(index)),
            environment: environment,
            except: excluded,
            into: &copy,
            problems: &problems
          )
        )
      }
      return .array(expanded)
    case .object(let members):
      var expanded = JSONObject()
      for (key, member) in members {
        expanded[key] = expand(
          member,
          at: pointer.appending(key),
          environment: environment,
          except: excluded,
          into: &copy,
          problems: &problems
        )
      }
      return .object(expanded)
    case .string(let text):
      let (expanded, missing, isChanged) = EnvironmentReference.expand(text, with: environment)
      for name in missing {
        problems.append(
          diagnostic(
            at: pointer,
            "needs the environment variable \(name), which is not set; set it, or write ${\(name):-default}"
          )
        )
      }
      guard isChanged, missing.isEmpty else { return value }
      copy.fromEnvironment.insert(pointer)
      guard let tag = copy.pendingTags.removeValue(forKey: pointer) else {
        return .string(expanded)
      }
      guard case .success(let typed) = CoreScalar.value(of: expanded),
        CoreScalar.value(typed, fits: tag)
      else {
        problems.append(
          diagnostic(
            at: pointer,
            "is no !!\(tag) once the environment is filled in; correct the variable"
          )
        )
        return value
      }
      return typed
    }
  }
}

/// A `${NAME}` or `${NAME:-default}` inside a text.
struct EnvironmentReference {
  var name: Substring
  var fallback: Substring?
  var end: String.Index

  /// The reference whose dollar stands at this place.
  init?(in text: String, at dollar: String.Index) {
    guard text[dollar...].hasPrefix("${"), let close = text[dollar...].firstIndex(of: "}") else {
      return nil
    }
    let body = text[text.index(dollar, offsetBy: 2)..<close]
    name = body.prefix { $0 == "_" || $0.isASCII && ($0.isNumber || $0.isUppercase) }
    end = text.index(after: close)
    guard let first = name.first, !first.isNumber else { return nil }
    let rest = body[name.endIndex...]
    guard !rest.isEmpty else { return }
    guard rest.hasPrefix(":-") else { return nil }
    fallback = rest.dropFirst(2)
  }

  static func occur(in text: String) -> Bool {
    expand(text, with: [:]).isChanged
  }

  /// The text with every reference replaced, the names that had no value, and whether there was any reference.
  static func expand(
    _ text: String,
    with environment: [String: String]
  ) -> (text: String, missing: [String], isChanged: Bool) {
    var result = ""
    var missing: [String] = []
    var isChanged = false
    var at = text.startIndex
    while let dollar = text[at...].firstIndex(of: "$") {
      result += text[at..<dollar]
      let next = text.index(after: dollar)
      if text[next...].hasPrefix("$"), let escaped = Self(in: text, at: next) {
        result += text[next..<escaped.end]
        at = escaped.end
        isChanged = true
      } else if let reference = Self(in: text, at: dollar) {
        let value = environment[String(reference.name)]
        if let value, !value.isEmpty || reference.fallback == nil {
          result += value
        } else if let fallback = reference.fallback {
          result += fallback
        } else {
          missing.append(String(reference.name))
        }
        at = reference.end
        isChanged = true
      } else {
        result += "$"
        at = next
      }
    }
    return (result + text[at...], missing, isChanged)
  }
}
