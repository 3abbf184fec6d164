/// SplitMix64: small, fast, and the same numbers for the same seed everywhere.
///
/// Not for secrets.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator for one purpose; different purposes of one seed draw unrelated numbers.
  public init(seed: UInt64, _ purpose: UInt64...) {
    state = seed
    for word in purpose { state = next() ^ word }
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
