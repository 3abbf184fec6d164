import JSONSchema
import Testing

@Suite struct SchemaErrorTests {
  @Test(
    arguments: [
      (
        #"{"type": "float"}"#,
        "/type: the string \"float\" is no type; there are null, boolean, integer, number, string, array and object; did you mean \"number\"?"
      ),
      (
        #"{"type": "strng"}"#,
        "/type: the string \"strng\" is no type; there are null, boolean, integer, number, string, array and object; did you mean \"string\"?"
      ),
      (
        #"{"properties": {"a": {"minLength": -1}}}"#,
        "/properties/a/minLength: expected a whole number from 0 on, found -1"
      ),
      (
        #"{"properties": {"a": 5}}"#, "/properties/a: a schema is an object, true or false; found 5"
      ),
      (#"{"required": true}"#, "/required: expected an array of property names, found true"),
      (
        #"{"$schema": "http://json-schema.org/draft-06/schema#", "enum": []}"#,
        "/enum: the enumeration is empty, which this draft does not allow"
      ),
      (
        #"{"$defs": {"a": {"$anchor": "x"}, "b": {"$dynamicAnchor": "x"}}}"#,
        "/$defs/b: \"x\" is also the anchor of another schema"
      ),
      (#"{"minimum": "0"}"#, "/minimum: expected a number, found the string \"0\""),
      (
        #"{"exclusiveMinimum": true, "minimum": 1}"#,
        "/exclusiveMinimum: expected a number (only in draft 4 it is true or false, beside minimum or maximum), found true"
      ),
      (#"{"multipleOf": 0}"#, "/multipleOf: expected a number above 0, found 0"),
      (
        #"{"pattern": "(a"}"#,
        "/pattern: \"(a\" is no regular expression of ECMA-262: a group is not closed (at character 3)"
      ),
      (
        #"{"pattern": "\\Z"}"#,
        "/pattern: \"\\\\Z\" is no regular expression of ECMA-262: \\Z is no escape of ECMA-262 (at character 1)"
      ),
      (
        ##"{"$ref": "#/$defs/pric", "$defs": {"price": {}}}"##,
        "/$ref: \"#/$defs/pric\" points to nothing: there is no \"pric\"; did you mean \"price\"?"
      ),
      (
        #"{"$ref": "https://example.com/x.json"}"#,
        "/$ref: \"https://example.com/x.json\" points to \"https://example.com/x.json\", which is not among the known documents; nothing is fetched from the network, so add the document under that URI"
      ),
      (
        #"{"$schema": "http://json-schema.org/draft-03/schema#"}"#,
        "/$schema: \"http://json-schema.org/draft-03/schema#\" is no draft that is supported (2020-12, 2019-09, 7, 6, 4) and no known document; did you mean \"http://json-schema.org/draft-04/schema\"?"
      ),
      (
        #"{"items": [{"type": "string"}]}"#,
        "/items: an array of schemas is called prefixItems since draft 2020-12; rename it, or say with $schema which older draft this is"
      ),
      (#"{"allOf": []}"#, "/allOf: expected an array of one or more schemas, found an empty array"),
      (
        ##"{"$ref": "#"}"##,
        "the schema: this schema refers back to itself without going into the value, so checking it would never end"
      ),
      (
        ##"{"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}"##,
        ""
      ),
      (
        #"{"$defs": {"unused": {"pattern": "["}}}"#,
        "/$defs/unused/pattern: \"[\" is no regular expression of ECMA-262: a class is not closed (at character 1)"
      ),
      ("5", "the schema: a schema is an object, true or false; found 5"),
    ] as [(String, String)]
  )
  func `a schema that could not be held to is refused with the reason`(
    schema: String,
    message: String
  ) throws {
    let document = try JSONValue(parsing: schema)
    let error = #expect(throws: SchemaError.self) { try Schema(document) }
    if !message.isEmpty { #expect(error?.description == message) }
  }

  @Test(arguments: [
    "(a+)+$", "(a|aa)+$", "(a|a?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*(.*)*(.*)*x$",
    "(?:a*)*(?:a*)*b$",
  ])
  func `a hostile pattern is given up and never passes`(pattern: String) throws {
    let schema = try Schema(
      ["pattern": .string(pattern)],
      options: SchemaOptions(patternMatchLimit: 100_000)
    )
    let errors = schema.validate(.string(String(repeating: "a", count: 5000) + "!"))
    #expect(errors.map(\.keyword) == ["pattern"])
    let names = try Schema(
      ["patternProperties": [pattern: true]],
      options: SchemaOptions(patternMatchLimit: 1000)
    )
    #expect(
      names.validate([String(repeating: "a", count: 40) + "!": 1]).allSatisfy {
        $0.keyword == "patternProperties"
      }
    )
  }

  @Test func `giving up is told apart from not matching`() throws {
    let schema = try Schema(["pattern": "^(a+)+$"], options: SchemaOptions(patternMatchLimit: 1000))
    let error = try #require(
      schema.validate(.string(String(repeating: "a", count: 40) + "!")).first
    )
    #expect(error.found.hasSuffix("on which the pattern takes too many steps to decide"))
    #expect(schema.validate("b").first?.found == "the string \"b\"")
  }

  @Test(
    arguments: [
      ("^\\d$", "٣", false), ("^\\w$", "é", false), ("^\\s$", "\u{3000}", true),
      ("^\\S$", "\u{FEFF}", false),
      ("^a$", "a\n", false), ("^.$", "\u{2028}", false), ("^.$", "😀", true), ("^[^]$", "\n", true),
      ("[]", "x", false),
      ("^\\u{1F600}$", "😀", true), ("^\\ud83d\\ude00$", "😀", true),
      ("^[\\w.-]+@x$", "a.b-c@x", true),
      ("^\\p{Lu}\\p{Script=Greek}$", "Äα", true), ("^[[a]$", "[", true), ("^(a)\\1$", "aa", true),
      ("^(?<n>a)\\k<n>$", "aa", true),
      ("^a{2,}$", "aaa", true), ("^{x}$", "{x}", true), ("^a++$", "", nil), ("(?i)a", "", nil),
      ("(?>a)", "", nil),
      ("(*UTF)a", "", nil), ("a(?R)?", "", nil), ("\\A", "", nil), ("[b-a]", "", nil),
      ("\\cA", "\u{1}", true), ("^\\cA{2}$", "\u{1}\u{1}", true),
      ("^[\\d-x]$", "-", true), ("^[\\S]$", " ", false), ("^\\-$", "-", true),
      ("^[\\b]$", "\u{8}", true), ("(?<=a)b", "ab", true), ("^(?!a)", "b", true),
      ("^#a b$", "#a b", true), ("^\\/$", "/", true), ("^(?:(a)|b)\\1$", "b", true),
      ("x{0}", "", true), ("^\\x41\\0$", "A\0", true),
      // What a group held is forgotten when the one around it is repeated.
      ("^(?:(a)|b)*\\1$", "ab", nil), ("^(?:(a)?\\1)+$", "aa", nil),
      ("^(?:(?:(a)|b)\\1)+$", "aab", nil), ("^(?:(a)|\\1b)*$", "ab", nil),
      ("^(?:(a){0,1}b)*\\1$", "", nil), ("^((a)|b){2}\\2$", "", nil),
      ("^(?:(?<n>a)|b)*\\k<n>$", "", nil), ("(?<=(a)\\1)b", "", nil), ("(?<=a+)b", "", nil),
      ("^(?:(['\"]).\\1|b)*$", "'x'b\"y\"", true), ("^(?:(a)(?:b|c\\1))+$", "abaca", true),
      ("^(?:(a))*\\1$", "aaa", true), ("^(a)*\\1$", "", true), ("^(a|b)*\\1$", "abb", true),
      ("^(?:(a)|b){1}\\1$", "aa", true), ("^(?:(a)|b)\\1$", "aa", true),
      ("^(?:\\1(a))*$", "aa", true), ("^(a\\1)+$", "aa", true),
      ("^(?:\\k<n>(?<n>a))*$", "aa", true),
      ("^(a?)*?\\1$", "", nil), ("^(?:(a*)|b)\\1$", "aa", true), ("^(a?){2}\\1$", "aaa", true),
      ("^(?:(bc)?|a*\\1+)$", "a", true), ("^(?:(b)|a)\\1+$", "a", true),
      ("\\k<m>(?<n>a)", "", nil), ("(a)\\2", "", nil),
    ] as [(String, String, Bool?)]
  )
  func `patterns mean what ECMA-262 says`(pattern: String, text: String, matches: Bool?) throws {
    let schema = try? Schema(["pattern": .string(pattern)])
    #expect(schema?.isValid(.string(text)) == matches)
  }

  @Test func `a pattern that cannot be used here is one of the format regex all the same`() throws {
    let schema = try Schema(["format": "regex"])
    for pattern in ["^(?:(a)|b)*\\1$", "(?<=a+)b", "(?<=(a)\\1)b"] {
      #expect(schema.isValid(.string(pattern)))
    }
    #expect(!schema.isValid("(?<=(a)\\1)b("))
  }
}
