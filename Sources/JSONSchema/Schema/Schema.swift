/// A JSON Schema, compiled once and then asked as often as wanted, from any thread.
///
/// Draft 2020-12 whole, and drafts 2019-09, 7, 6 and 4 where `$schema` names them. Nothing is fetched from a network.
public struct Schema: Sendable {
  public let document: JSONValue
  private let program: SchemaProgram

  /// Compiles a schema.
  /// - Throws: where the schema is wrong, refers to nothing, or asks for what is not supported; such a schema would
  ///   let values pass that its author meant to refuse.
  public init(_ document: JSONValue, options: SchemaOptions = .init()) throws(SchemaError) {
    program = try SchemaCompiler.compile(document, options: options)
    self.document = document
  }

  /// Every error of a value, or only the first; none means that it is valid.
  ///
  /// Only the first also where finding all would take too many steps.
  public func validate(_ value: JSONValue, stopAtFirst: Bool = false) -> [ValidationError] {
    var verdict = Evaluation(program: program, reporter: SilentReporter())
    if verdict.run(value) { return [] }
    if !stopAtFirst, !verdict.isUndecided {
      var all = Evaluation(
        program: program,
        reporter: CollectingReporter(program: program, stopsAtFirst: false)
      )
      _ = all.run(value)
      if !all.isUndecided { return all.reporter.errors }
    }
    // Takes the same way as the verdict, and so ends where that did.
    var first = Evaluation(
      program: program,
      reporter: CollectingReporter(program: program, stopsAtFirst: true)
    )
    _ = first.run(value)
    return Array(first.reporter.errors.prefix(1))
  }

  /// The verdict alone, without allocating memory for an ordinary value that is valid.
  public func isValid(_ value: JSONValue) -> Bool {
    var evaluation = Evaluation(program: program, reporter: SilentReporter())
    return evaluation.run(value)
  }

  /// The value with the `default` of missing properties put in, at every depth where that is no guess.
  public func fillingDefaults(in value: JSONValue) -> JSONValue {
    guard !program.defaults.isEmpty else { return value }
    var filling = DefaultFilling(program: program)
    return filling.fill(value)
  }
}
