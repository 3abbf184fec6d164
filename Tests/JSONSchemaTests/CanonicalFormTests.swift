import JSONSchema
import Testing

@Suite struct CanonicalFormTests {
  /// RFC 8785, appendix B: doubles by their bits.
  @Test(
    arguments: [
      (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
      (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
      (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"),
      (0x4340_0000_0000_0000, "9007199254740992"),
      (0xC340_0000_0000_0000, "-9007199254740992"),
      (0x4430_0000_0000_0000, "295147905179352830000"),
      (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
      (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"),
      (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
      (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
      (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
      (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5554, "333333333.33333325"),
      (0x41B3_DE43_5555_5555, "333333333.3333333"), (0x41B3_DE43_5555_5556, "333333333.3333334"),
      (0x41B3_DE43_5555_5557, "333333333.33333343"),
      (0xBECB_F647_612F_3696, "-0.0000033333333333333333"),
      (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
    ] as [(UInt64, String)]
  )
  func `doubles are written as RFC 8785 writes them`(bits: UInt64, text: String) {
    #expect(JSONValue.double(Double(bitPattern: bits)).canonical() == text)
  }

  @Test func `the members of RFC 8785's example are sorted and escaped`() throws {
    let text = #"""
      { "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }
      """#
    let expected =
      #"{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"#
      + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    #expect(try JSONValue(parsing: text).canonical() == expected)
  }

  @Test func `keys are ordered by UTF-16`() throws {
    let text = #"""
      {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}
      """#
    let value = try JSONValue(parsing: try JSONValue(parsing: text).canonical())
    #expect(
      value.objectValue?.values == [
        "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
        "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
      ]
    )
  }

  @Test(arguments: [
    ("9007199254740993", "9007199254740993"), ("9223372036854775807", "9223372036854775807"),
    ("18446744073709551616", "18446744073709551616"), ("333333333.33333329", "333333333.33333329"),
    ("0.10000000000000000001", "0.10000000000000000001"), ("1e400", "1e+400"),
    ("12e-401", "1.2e-400"),
    ("123456789012345678901234567890", "1.2345678901234567890123456789e+29"),
    ("100000000000000000000.5", "100000000000000000000.5"),
    ("333333333.3333333", "333333333.3333333"),
  ])
  func `a number that no double represents is written exactly`(
    text: String,
    canonical: String
  ) throws {
    #expect(try JSONValue(parsing: text).canonical() == canonical)
  }

  @Test func `order of members and way of writing do not matter`() throws {
    let left = try JSONValue(parsing: #"{"b": [1.0, "\u0041"], "a": {"y": 1, "x": 2}}"#)
    let right = try JSONValue(parsing: #"{"a":{"x":2e0,"y":1},"b":[1,"A"]}"#)
    #expect(left == right)
    #expect(left.hashValue == right.hashValue)
    #expect(left.canonicalBytes() == right.canonicalBytes())
    #expect(left.serialized() == #"{"b":[1.0,"A"],"a":{"y":1,"x":2}}"#)
  }
}
