/// The candidate a person most likely meant by a word, nil where none is close enough.
///
/// Close is at most a third of the word's letters wrong (insertion, deletion, change, or two neighbours swapped),
/// letter case aside.
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
  let wanted = Array(word.lowercased().unicodeScalars.prefix(100))
  guard !wanted.isEmpty else { return nil }
  var best: (distance: Int, word: String)?
  for candidate in candidates {
    let letters = Array(candidate.lowercased().unicodeScalars.prefix(100))
    let allowed = max(1, max(wanted.count, letters.count) / 3)
    let limit = min(allowed, (best?.distance ?? .max) - 1)
    guard limit >= 0, abs(letters.count - wanted.count) <= limit else { continue }
    let distance = editDistance(wanted, letters)
    // A single letter that differs from another single letter is no slip of the finger.
    guard distance <= limit, distance < min(wanted.count, letters.count) else { continue }
    best = (distance, candidate)
  }
  return best?.word
}

/// How many letters must be inserted, deleted, changed or swapped with a neighbour.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    current.reserveCapacity(right.count + 1)
    for column in 0..<right.count {
      let change = last[column] + (left[row] == right[column] ? 0 : 1)
      var cost = min(change, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        cost = min(cost, beforeLast[column - 1] + 1)
      }
      current.append(cost)
    }
    beforeLast = last
    last = current
  }
  return last[right.count]
}

/// A text in quotes, cut so that it never fills a screen.
func shortened(_ text: String, to limit: Int = 80) -> String {
  var bytes: [UInt8] = []
  writeJSONString(String(text.unicodeScalars.prefix(limit)), into: &bytes)
  let whole = text.unicodeScalars.dropFirst(limit).isEmpty
  return String(decoding: bytes, as: UTF8.self) + (whole ? "" : "…")
}
