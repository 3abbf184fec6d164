extension Workflow {
  /// The steps in the order in which they can begin, a line each: what stands under one number runs at one time.
  public var graph: [String] {
    let ranks = ranks
    let name = steps.map(\.id.count).max() ?? 0
    let does = steps.map { Self.words($0.action).count }.max() ?? 0
    let order = steps.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }
    var last = 0
    return order.map { index in
      let step = steps[index]
      let rank = ranks[index]
      defer { last = rank }
      var notes: [String] = []
      if !step.needs.isEmpty { notes.append("after " + step.needs.joined(separator: ", ")) }
      if let repetition = step.repetition {
        notes.append("for each of at most \(repetition.most), \(repetition.parallel) at one time")
      }
      if step.condition != nil { notes.append("on a condition") }
      if step.fallback != nil { notes.append("with a fallback") }
      if !step.isRequired { notes.append("not required") }
      let number = rank == last ? "" : "\(rank)"
      let head =
        Self.padded(number, 3) + Self.padded(step.id, name + 2)
        + Self.padded(Self.words(step.action), does + 2)
      return (head + notes.joined(separator: " · ")).trimmingEnd
    }
  }

  /// For each step how many have to be over before it, one after the other, and it.
  private var ranks: [Int] {
    var ranks = [Int](repeating: 1, count: steps.count)
    // As many rounds as there may be steps in a row.
    for _ in steps {
      for (index, step) in steps.enumerated() {
        for need in step.needs {
          guard let other = steps.firstIndex(where: { $0.id == need }) else { continue }
          ranks[index] = max(ranks[index], ranks[other] + 1)
        }
      }
    }
    return ranks
  }

  private static func words(_ action: Action) -> String {
    switch action {
    case .call(let function, _): function
    case .ask(let question): "model " + question.model
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var copy = self[...]
    while copy.last == " " { copy.removeLast() }
    return String(copy)
  }
}
