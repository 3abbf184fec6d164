import JSONSchema
import Testing

@Suite struct NumberTests {
  @Test(arguments: [
    "0", "-1", "9223372036854775807", "-9223372036854775808",
  ])
  func `integers of 64 bits are integers`(text: String) throws {
    #expect(try JSONValue(parsing: text) == .integer(try #require(Int64(text))))
    #expect(try JSONValue(parsing: text).serialized() == text)
  }

  @Test(arguments: [
    "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890",
    "0.1000000000000000055511151231257827", "1e400", "-1e-400", "333333333.33333329",
    "999999999999999.99", "9007199254740993.0", "1.00000000000000000001E5",
  ])
  func `a number that neither holds keeps its text`(text: String) throws {
    let value = try JSONValue(parsing: text)
    guard case .decimal(let kept) = value else {
      Issue.record("\(text) became \(value)")
      return
    }
    #expect(kept == text)
    #expect(value.serialized() == text)
  }

  @Test(
    arguments: [
      ("0.1", 0.1), ("1.0", 1), ("-0", -0.0), ("1E3", 1000), ("1e22", 1e22), ("1e23", 1e23),
      ("0.30000000000000004", 0.300_000_000_000_000_04), ("5e-324", .leastNonzeroMagnitude),
      ("1.7976931348623157e308", 1.797_693_134_862_315_7e308),
      ("2.2250738585072014E-308", 2.225_073_858_507_201_4e-308),
      ("123456789012345.67", 123_456_789_012_345.67), ("0.000001", 0.000001),
    ] as [(String, Double)]
  )
  func `a number that a double represents is one`(text: String, number: Double) throws {
    guard case .double(let value) = try JSONValue(parsing: text) else {
      Issue.record("\(text) is no double")
      return
    }
    #expect(value.bitPattern == number.bitPattern)
  }

  @Test(arguments: [
    ("1", "1.0", true), ("100", "1e2", true), ("0", "-0.0", true),
    ("9007199254740993", "9007199254740992", false),
    ("9007199254740993", "9007199254740993.0", true),
    ("9223372036854775808", "9223372036854775808.0", true),
    ("9223372036854775807", "9223372036854775808", false),
    ("0.1", "0.1000000000000000055511151231257827", false),
    ("1e400", "10e399", true), ("1e400", "1e401", false), ("1.50", "1.5", true),
  ])
  func `numbers are equal by what they denote`(left: String, right: String, same: Bool) throws {
    let left = try JSONValue(parsing: left)
    let right = try JSONValue(parsing: right)
    #expect((left == right) == same)
    #expect((left.canonical() == right.canonical()) == same)
    if same { #expect(left.hashValue == right.hashValue) }
  }

  @Test func `numbers made in code equal the same numbers read from text`() throws {
    for value: JSONValue in [
      .double(1e19), .double(0x1p60), .double(1.5), .decimal("1.5"), .decimal("7"),
    ] {
      let read = try JSONValue(parsing: value.serialized())
      #expect(read == value)
      #expect(read.hashValue == value.hashValue)
    }
  }

  @Test func `a decimal that is no number cannot break the text around it`() throws {
    let value: JSONValue = ["a": .decimal("1,\"b\":2")]
    #expect(try JSONValue(parsing: value.serialized()) == ["a": "1,\"b\":2"])
  }

  @Test func `infinities and NaN are written as null`() {
    #expect(JSONValue.array([.double(.infinity), .double(.nan)]).serialized() == "[null,null]")
  }

  @Test(arguments: [
    ("7", "number ≥", 7), ("7.0", "", 7), ("70e-1", "", 7),
  ])
  func `a whole number is read as an integer however it is written`(
    text: String,
    _: String,
    number: Int
  ) throws {
    #expect(try JSONValue(parsing: text).intValue == number)
    #expect(try JSONValue(parsing: text).typeName == "integer")
  }

  @Test(arguments: [
    ("0.0075", "0.0001", true), ("0.00751", "0.0001", false), ("1e308", "0.5", true),
    ("4.35", "0.01", true), ("1.1", "0.1", true), ("19.99", "0.01", true), ("0.3", "0.1", true),
    ("9007199254740993", "3", true), ("9007199254740993", "2", false),
    ("123456789012345678901234567890", "10", true), ("123456789012345678901234567891", "10", false),
    ("123456789012345678901234567890", "7", true), ("123456789012345678901234567890", "11", false),
    ("-6", "3", true), ("0", "0.7", true),
    ("1e308", "0.123456789", false), ("5", "2.5", true), ("1e-400", "1e-401", true),
    ("100", "10", true),
    ("9223372036854775807", "9223372036854775807", true), ("150", "100", false),
    ("18446744073709551615", "18446744073709551615", true),
    ("18446744073709551614", "18446744073709551615", false),
    ("36893488147419103230", "18446744073709551615", true), ("1", "18446744073709551615", false),
    ("123456789012345678901234567890", "123456789012345678901234567890", true),
    ("370370367037037036703703703670", "123456789012345678901234567890", true),
    ("370370367037037036703703703671", "123456789012345678901234567890", false),
    ("2.4691357802469135780246", "1.2345678901234567890123", true),
    ("2.4691357802469135780247", "1.2345678901234567890123", false),
    ("0", "1.2345678901234567890123", true), ("-2e30", "1.00000000000000000000001", false),
    ("1e300", "1267650600228229401496703205376", true),
    ("1e99", "1267650600228229401496703205376", false),
    ("1e999999999", "1267650600228229401496703205376", true),
    ("1e999999999", "1267650600228229401496703205377", false),
  ])
  func `multiples are exact`(number: String, divisor: String, expected: Bool) throws {
    let schema = try Schema(["multipleOf": JSONValue(parsing: divisor)])
    #expect(schema.isValid(try JSONValue(parsing: number)) == expected)
  }

  @Test(arguments: [
    (#"{"maximum": 9007199254740992}"#, "9007199254740993", false),
    (#"{"maximum": 9007199254740993}"#, "9007199254740993", true),
    (#"{"exclusiveMinimum": 9007199254740992}"#, "9007199254740993", true),
    (#"{"maximum": 18446744073709551615}"#, "18446744073709551616", false),
    (#"{"minimum": 18446744073709551616}"#, "18446744073709551616", true),
    (#"{"maximum": 0.1}"#, "0.1000000000000000055511151231257827", false),
    (#"{"minimum": 1.5}"#, "1", false), (#"{"minimum": -1.5}"#, "-1", true),
    (#"{"maximum": 1e308}"#, "1e309", false),
    (#"{"const": 9007199254740993}"#, "9007199254740992", false),
    (#"{"enum": [1.0]}"#, "1", true),
    (#"{"minimum": 999999999999999}"#, "999999999999999.99", true),
    (#"{"maximum": 999999999999999.99}"#, "1e15", false),
  ])
  func `bounds are exact beyond 2^53`(schema: String, number: String, expected: Bool) throws {
    let schema = try Schema(JSONValue(parsing: schema))
    #expect(schema.isValid(try JSONValue(parsing: number)) == expected)
  }
}
