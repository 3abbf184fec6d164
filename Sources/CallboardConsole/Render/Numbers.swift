import Callboard

/// A share of 0 to 1 as `63 %`; with `decimals` as `1.9 %` below ten.
func percent(_ share: Double, decimals: Bool = false) -> SafeText {
  let value = share * 100
  let few = decimals && value < 9.95 && value > 0
  return SafeText.number(value, decimals: few ? 1 : 0) + " %"
}

/// Seconds that do not change any more: `0.4 ms`, `184 ms`, `1.9 s`, `42 s`, `3 min 05`.
func lasting(_ seconds: Double) -> SafeText {
  guard seconds.isFinite, seconds >= 0 else { return "─" }
  if seconds < 0.00095 { return SafeText.number(max(seconds * 1000, 0.1), decimals: 1) + " ms" }
  if seconds < 0.9995 { return SafeText.number(seconds * 1000, decimals: 0) + " ms" }
  if seconds < 9.95 { return SafeText.number(seconds, decimals: 1) + " s" }
  let whole = Int(min(seconds, 1e9).rounded())
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60))" }
  return "\(whole / 3600) h \(twoDigits(whole / 60 % 60))"
}

/// Bytes as `412 B`, `4.1 kB`, `2.3 MB`.
func size(ofBytes count: Int) -> SafeText {
  if count < 1000 { return "\(count) B" }
  if count < 1_000_000 {
    return SafeText.number(Double(count) / 1000, decimals: count < 100_000 ? 1 : 0) + " kB"
  }
  return SafeText.number(Double(count) / 1_000_000, decimals: 1) + " MB"
}

/// One of two words, by count: `1 call`, `3 calls`.
func counted(_ number: Int, _ one: SafeText, _ many: SafeText) -> SafeText {
  "\(number) \(number == 1 ? one : many)"
}

/// The state in words: `awaiting approval`.
func words(_ state: CallState.Word) -> SafeText {
  SafeText(untrusted: state.rawValue.replacing("_", with: " "))
}

func words(_ kind: CallFailure.Kind) -> SafeText {
  SafeText(untrusted: kind.rawValue.replacing("_", with: " "))
}

/// `07` for 7.
func twoDigits(_ number: Int) -> SafeText {
  number < 10 ? "0\(number)" : "\(number)"
}
