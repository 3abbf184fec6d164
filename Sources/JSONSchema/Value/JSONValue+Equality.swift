extension JSONValue: Hashable {
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.string(let left), .string(let right)): sameText(left, right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.double(let left), .double(let right)):
      left == right || (left.isNaN && right.isNaN)
    case (.integer, .double), (.integer, .decimal), (.double, .integer), (.double, .decimal),
      (.decimal, .integer), (.decimal, .double), (.decimal, .decimal):
      compareNumbers(left, right) == .equal
    case (.null, _), (.bool, _), (.string, _), (.array, _), (.object, _), (.integer, _),
      (.double, _),
      (.decimal, _):
      false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0 as UInt8)
    case .bool(let value):
      hasher.combine(1 as UInt8)
      hasher.combine(value)
    case .integer(let value):
      hasher.combine(2 as UInt8)
      hasher.combine(value)
    case .double(let value):
      if let integer = exactInt64 {
        hasher.combine(2 as UInt8)
        hasher.combine(integer)
      } else {
        hasher.combine(3 as UInt8)
        hasher.combine(value)
      }
    case .decimal(let text):
      if let integer = exactInt64 { return JSONValue.integer(integer).hash(into: &hasher) }
      let normal = JSONValue(number: text)
      guard case .decimal = normal else { return normal.hash(into: &hasher) }
      hasher.combine(4 as UInt8)
      if let number = ExactNumber(text) { hasher.combine(number) } else { hasher.combine(text) }
    case .string(let value):
      hasher.combine(5 as UInt8)
      hasher.combine(value)
    case .array(let items):
      hasher.combine(6 as UInt8)
      hasher.combine(items)
    case .object(let object):
      hasher.combine(7 as UInt8)
      hasher.combine(object)
    }
  }
}

/// Whether two strings hold the same code points; `==` would also accept canonically equivalent ones.
func sameText(_ left: String, _ right: String) -> Bool {
  guard left.utf8.count == right.utf8.count else { return false }
  let fast = left.utf8.withContiguousStorageIfAvailable { left in
    right.utf8.withContiguousStorageIfAvailable { right in
      for index in 0..<left.count where left[index] != right[index] { return false }
      return true
    }
  }
  if let fast, let answer = fast { return answer }
  return left.utf8.elementsEqual(right.utf8)
}
