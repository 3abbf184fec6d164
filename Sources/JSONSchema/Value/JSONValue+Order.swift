extension JSONValue {
  /// Whether this number is less than (-1), equal to (0) or greater than (1) another one, by what both denote, exactly;
  /// nil where one of them is none.
  public func order(to other: JSONValue) -> Int? {
    switch compareNumbers(self, other) {
    case .less: -1
    case .equal: 0
    case .greater: 1
    case .none: nil
    }
  }
}
