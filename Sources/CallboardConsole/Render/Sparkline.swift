import Callboard

private let levels: [SafeText] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

/// Values as a row of bars, the highest in full height; missing values are blank.
///
/// More values than cells are gathered by their largest, so that a short peak is not lost.
func sparkline(_ values: [Double?], width: Int) -> SafeText {
  guard width > 0, !values.isEmpty else { return .empty }
  let cells = min(width, values.count)
  let buckets: [Double?] = (0..<cells).map { cell in
    values[(cell * values.count / cells)..<((cell + 1) * values.count / cells)]
      .compactMap { $0 }.filter(\.isFinite).max()
  }
  let highest = buckets.compactMap { $0 }.max() ?? 0
  return buckets.map { bucket -> SafeText in
    guard let bucket else { return " " }
    let share = highest > 0 ? max(0, bucket) / highest : 0
    return levels[min(levels.count - 1, Int((share * Double(levels.count - 1)).rounded()))]
  }.joined()
}

/// A share of 0 to 1 as a bar.
func meter(_ share: Double, width: Int) -> SafeText {
  guard width > 0, share.isFinite else { return .empty }
  let filled = Int((min(1, max(0, share)) * Double(width)).rounded())
  return SafeText("█").repeated(filled) + SafeText("░").repeated(width - filled)
}
