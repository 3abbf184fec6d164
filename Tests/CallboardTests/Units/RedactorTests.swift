import Foundation
import JSONSchema
import Testing

@testable import Callboard

struct RedactorTests {
  let mark = JSONValue.string(Redactor.mark)
  let redactor = Redactor()

  // MARK: Names

  @Test(arguments: [
    "password", "Password", "PASSWORD", "api_key", "api-key", "apiKey", "X", "client_secret", "cvv",
    "pin",
    "card_number", "Authorization",
  ])
  func `a field with a secret's name is secret, however it is spelt`(name: String) {
    let value: JSONValue = [.init(name): "hunter2"]
    let expected: JSONValue? = name == "X" ? nil : [.init(name): mark]
    #expect(redactor.redact(value) == expected)
  }

  @Test func `a value without secrets is not copied`() {
    #expect(
      redactor.redact(["city": "Bern", "days": [1, 2], "note": nil, "passwords_changed": true])
        == nil
    )
  }

  @Test func `secrets are found at any depth, and everything else stays`() {
    let value: JSONValue = ["list": [["password": "a", "user": "bo"], ["user": "li"]], "n": 1]
    #expect(
      redactor.redact(value) == [
        "list": [["password": mark, "user": "bo"], ["user": "li"]], "n": 1,
      ]
    )
  }

  @Test func `a secret field hides whatever it holds, but not that it is empty`() {
    #expect(redactor.redact(["secret": ["a": 1]]) == ["secret": mark])
    #expect(redactor.redact(["pin": 1234]) == ["pin": mark])
    #expect(redactor.redact(["pin": nil]) == nil)
  }

  @Test(arguments: [
    "pw", "k", "a_name_that_is_longer_than_all_the_names_that_are_secret_by_default", "Schlüssel",
  ])
  func `names of the configuration count, whatever their length`(name: String) {
    let redactor = Redactor(fields: [name])
    #expect(redactor.redact([.init(name): "x"]) == [.init(name): mark])
    #expect(redactor.redact([.init(name.uppercased()): "x"]) == [.init(name.uppercased()): mark])
  }

  // MARK: Pointers

  @Test func `a pointer hides one place and no other`() {
    let redactor = Redactor(fields: ["/account/number", "/lines/*/memo", "/a~1b/c~0d", "/list/1"])
    #expect(
      redactor.redact(["account": ["number": 5, "name": "x"], "number": 5])
        == ["account": ["number": mark, "name": "x"], "number": 5]
    )
    #expect(
      redactor.redact(["lines": [["memo": "a", "n": 1], ["memo": "b"]], "memo": "c"])
        == ["lines": [["memo": mark, "n": 1], ["memo": mark]], "memo": "c"]
    )
    #expect(redactor.redact(["a/b": ["c~d": 1]]) == ["a/b": ["c~d": mark]])
    #expect(redactor.redact(["list": [0, 1, 2]]) == ["list": [0, mark, 2]])
    #expect(redactor.redact(["account": "x"]) == nil)
  }

  // MARK: Values

  @Test(arguments: [
    "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005",
    "3782 822463 10005",
    "5555555555554444", "2223003122003222", "4222222222222", "4000000000000000006",
  ])
  func `card numbers are hidden, however they are grouped`(card: String) {
    #expect(redactor.redact(text: card) == Redactor.mark)
    #expect(
      redactor.redact(text: "pay with \(card), please") == "pay with \(Redactor.mark), please"
    )
  }

  @Test(arguments: [
    "4111111111111111 12/27": "«redacted» 12/27", "4111 1111 1111 1111 123": "«redacted» 123",
    "2 4111 1111 1111 1111": "2 «redacted»", "27 4111111111111111 5": "27 «redacted» 5",
    "4111111111111111 5555555555554444": "«redacted» «redacted»",
    "123-45-6789 555": "«redacted» 555", "7 123-45-6789": "7 «redacted»",
  ])
  func `numbers beside a secret number don't save it`(text: String, expected: String) {
    #expect(redactor.redact(text: text) == expected)
  }

  @Test(arguments: [
    "4111111111111112", "1234567890123", "41111111", "order 20261122 of 12345678",
    "41111111111111111111111",
    "2026-11-22 10:31:07", "+41 44 668 18 00", "1 2 3 4 5 6 7 8 9 10 11 12", "192.168.100.200",
  ])
  func `other numbers stay`(text: String) {
    #expect(redactor.redact(text: text) == text)
  }

  @Test func `a card number is hidden without quotes too`() throws {
    #expect(redactor.redact(["n": 4_111_111_111_111_111]) == ["n": mark])
    #expect(redactor.redact(try JSONValue(parsing: #"{"n":4111111111111111.0}"#)) == ["n": mark])
    #expect(redactor.redact(["n": 4_111_111_111_111_112, "x": 4.111]) == nil)
  }

  @Test(arguments: [
    "123-45-6789": true, "000-45-6789": false, "666-45-6789": false, "900-45-6789": false,
    "123-456-789": false,
  ])
  func `social security numbers are hidden where the area is given out`(
    text: String,
    isSecret: Bool
  ) {
    #expect(
      redactor.redact(text: "SSN \(text).") == (isSecret ? "SSN \(Redactor.mark)." : "SSN \(text).")
    )
  }

  @Test func `bearer tokens are hidden with their word`() {
    #expect(
      redactor.redact(text: "curl -H 'Authorization: Bearer eyJhbGciOi.J9-_x/y+z=' url")
        == "curl -H 'Authorization: \(Redactor.mark)' url"
    )
    #expect(redactor.redact(text: "bearer abcdefgh") == Redactor.mark)
    #expect(redactor.redact(text: "Bearer short") == "Bearer short")
  }

  @Test(arguments: [
    "PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY",
  ])
  func `private keys are hidden to their end line, or to the end`(kind: String) {
    let key = "-----BEGIN \(kind)-----\nMIIEvQ\nabc+/=\n-----END \(kind)-----"
    #expect(redactor.redact(text: "a\n\(key)\nb") == "a\n\(Redactor.mark)\nb")
    #expect(redactor.redact(text: "a -----BEGIN \(kind)-----\nMIIEvQ") == "a \(Redactor.mark)")
  }

  @Test func `a PGP private key is hidden, and a certificate stays`() {
    let key = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQdGB\n-----END PGP PRIVATE KEY BLOCK-----"
    #expect(redactor.redact(text: key) == Redactor.mark)
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    #expect(redactor.redact(text: certificate) == certificate)
  }

  @Test func `secrets beside letters beyond ASCII are cut at the right places`() {
    #expect(
      redactor.redact(text: "für 4111111111111111 € — Grüße") == "für \(Redactor.mark) € — Grüße"
    )
  }

  // MARK: Putting originals back

  static let original: JSONValue = [
    "user": "bo", "password": "hunter2", "cards": [4_111_111_111_111_111, 5],
    "note": "SSN 123-45-6789.",
  ]

  func shown() throws -> JSONValue { try #require(redactor.redact(Self.original)) }

  @Test func `what an edit leaves alone gets its secrets back`() throws {
    let shown = try shown()
    #expect(Redactor.restoring(shown, from: Self.original, shown: shown) == Self.original)
    var edited = shown
    edited["user"] = "li"
    edited["more"] = [1]
    var expected = Self.original
    expected["user"] = "li"
    expected["more"] = [1]
    #expect(Redactor.restoring(edited, from: Self.original, shown: shown) == expected)
  }

  @Test func `a secret that is written anew or taken out is what was written`() throws {
    var edited = try shown()
    edited["password"] = "correct horse"
    edited["note"] = nil
    let restored = Redactor.restoring(edited, from: Self.original, shown: try shown())
    #expect(restored?["password"] == "correct horse")
    #expect(restored?["note"] == nil)
  }

  @Test(
    arguments: [
      ["user": .string(Redactor.mark)], ["other": .string(Redactor.mark)],
      ["cards": [5, .string(Redactor.mark)]], ["user": .string("x \(Redactor.mark)")],
      ["note": .string("SSN \(Redactor.mark)!")], ["password": [.string(Redactor.mark)]],
    ] as [JSONValue]
  )
  func `a mark that stands where none stood is refused`(edited: JSONValue) throws {
    #expect(Redactor.restoring(edited, from: Self.original, shown: try shown()) == nil)
  }

  // MARK: Errors about arguments

  @Test func `an account number is shown, though its digits pass for a card`() {
    // The last sixteen digits pass Luhn's check.
    #expect(redactor.redact(text: "DE44 4111 1111 1111 1111 11") == "DE44 4111 1111 1111 1111 11")
    #expect(redactor.redact(text: "4111 1111 1111 1111") == Redactor.mark)
  }

  @Test func `a message that quotes a secret argument is shown without it`() {
    var payload = Payload(["api_key": "k-8812", "nested": ["pin": "9931"], "city": "Bern"])
    payload.redact(redactor.redact(_:))
    #expect(
      Redactor.hiding([payload], in: "k-8812 is no key of Bern, and 9931 no pin")
        == "\(Redactor.mark) is no key of Bern, and \(Redactor.mark) no pin"
    )
  }

  @Test func `a quoted secret is found as JSON and a URL write it, and a short one as a word`() {
    var payload = Payload(["password": #"a"b\c d"#, "cvv": 907, "auth": "Bearer abcdefgh12"])
    payload.redact(redactor.redact(_:))
    let mark = Redactor.mark
    #expect(
      Redactor.hiding([payload], in: #"{"x":"a\"b\\c d"} ?p=a%22b%5Cc%20d a%22b%5Cc+d"#)
        == #"{"x":"\#(mark)"} ?p=\#(mark) \#(mark)"#
    )
    #expect(Redactor.hiding([payload], in: "907, 1907 and 9070") == "\(mark), 1907 and 9070")
    #expect(Redactor.hiding([payload], in: "token abcdefgh12") == "token \(mark)")
  }

  // MARK: Names and known values

  @Test func `keys that are secrets are hidden, and no member is lost`() {
    let value: JSONValue = [
      "4111 1111 1111 1111": 1, "5555 5555 5555 4444": 2, "plain": ["password": "x"],
    ]
    let shown: JSONValue = [
      .init(Redactor.mark): 1, .init(Redactor.mark + " 2"): 2, "plain": ["password": mark],
    ]
    #expect(redactor.redact(value) == shown)
    #expect(Redactor.restoring(shown, from: value, shown: shown) == value)
    let moved: JSONValue = [.init(Redactor.mark + " 3"): 1]
    #expect(Redactor.restoring(moved, from: value, shown: shown) == nil)
  }

  @Test func `a known value is hidden wherever it stands`() {
    let redactor = Redactor(values: ["sk-live-12345", "short"])
    #expect(redactor.redact(["a": ["x sk-live-12345."]]) == ["a": [.string("x \(Redactor.mark).")]])
    #expect(
      redactor.redact(text: "no sk-live-1234, and short is too short")
        == "no sk-live-1234, and short is too short"
    )
  }

  // MARK: Texts that are no JSON

  @Test(arguments: [
    (#"{"password": "hunter2", "a"#, #"{"password": «redacted», "a"#),
    (#"{"password": "hunter2"#, #"{"password": «redacted»"#),
    ("{'api-key':'hunter2'}", "{'api-key':«redacted»}"),
    ("pin: 1234, n: 5", "pin: «redacted», n: 5"),
    (#"{\"secret\":\"hunter2\",\"n\":1"#, #"{\"secret\":«redacted»,\"n\":1"#),
    (#"{"secret": {"a": "hunter2"}, "#, #"{"secret": «redacted»"#),
    (#"{"passwords": 2, "pinned": true"#, #"{"passwords": 2, "pinned": true"#),
  ])
  func `arguments that can't be read are shown without their secret fields`(
    text: String,
    shown: String
  ) {
    #expect(redactor.redact(unparsed: text) == shown)
    #expect(redactor.redact(unparsed: shown) == shown)
  }

  @Test(arguments: [
    ("password: hunter2", "password: «redacted»"), ("password:hunter2", "password:«redacted»"),
    ("Password = hunter2", "Password = «redacted»"),
    ("{password: hunter2}", "{password: «redacted»}"),
    ("{'password': 'hunter2'}", "{'password': «redacted»}"),
    ("login with password=hunter2 failed", "login with password=«redacted» failed"),
    ("PASSWORD=hunter2 DB_PASSWORD=hunter3", "PASSWORD=«redacted» DB_PASSWORD=«redacted»"),
    ("smtpPassword: hunter2", "smtpPassword: «redacted»"),
    (#"sent {"pin":1234} there"#, #"sent {"pin":«redacted»} there"#),
    (#"{\"secret\":\"a\\\"b\"}"#, #"{\"secret\":«redacted»}"#),
    (":password => 'hunter2'", ":password => «redacted»"),
    ("mysql --password hunter2 --api-key=k1", "mysql --password «redacted» --api-key=«redacted»"),
    ("<password>hunter2</password>", "<password>«redacted»</password>"),
    (
      #"<ns:password type="x">hunter2</ns:password>"#,
      #"<ns:password type="x">«redacted»</ns:password>"#
    ),
    ("psql: postgres://joe:hunter2@db/x", "psql: postgres://joe:«redacted»@db/x"),
    ("redis://:hunt/er2@db:6379", "redis://:«redacted»@db:6379"),
    ("https://x/?password=hunter2&y=1", "https://x/?password=«redacted»&y=1"),
    ("Authorization: Basic aHVudGVyMg==", "Authorization: «redacted»"),
    (
      "curl -H 'Proxy-Authorization: Basic aHVu' url",
      "curl -H 'Proxy-Authorization: «redacted»' url"
    ),
    (#"Authorization: Digest username="joe", response="8c""#, "Authorization: «redacted»"),
    ("api_key =\n hunter2", "api_key =\n «redacted»"),
    ("password:\n  hunter2\nhost: db", "password:\n  «redacted»\nhost: db"),
    ("it begins “password: hunter2”", "it begins “password: «redacted»"),
    ("…api_key=hunter2", "…api_key=«redacted»"),
    ("password: hunter, user: joe", "password: «redacted», user: joe"),
  ])
  func `what stands in a secret field goes, in every form in which fields are written`(
    text: String,
    shown: String
  ) {
    #expect(redactor.redact(said: text) == shown)
    #expect(redactor.redact(["note": .string(text)]) == ["note": .string(shown)])
    #expect(redactor.redact(said: shown) == shown)
  }

  @Test(arguments: [
    "the password was wrong", "password: must have 12 characters", "password: required",
    "Invalid password: it was changed yesterday", "use --password to set it", "wrong password.",
    "Enter your password:\nConnecting to the host", "exit code: 1", "passwords: 3",
    "http://host:8080/a@b", "https://example.com/x?y=1", "ssh://git@host/x",
    "Authorization: failed", "/password: expected “a”, found 5", #"password: must be "long""#,
    "the map pin was moved", "2026-11-30T21:00:00Z", "a <b> and a <pin/>",
  ])
  func `what is said of a secret field stays`(text: String) {
    #expect(redactor.redact(said: text) == text)
    #expect(redactor.redact(["note": .string(text)]) == nil)
  }

  @Test func `the last word of a pointer is a field's name only where it is written as one`() {
    let redactor = Redactor(fields: ["/card/code"])
    #expect(redactor.redact(said: "exit code: 1") == "exit code: 1")
    #expect(redactor.redact(said: "code=1234") == "code=«redacted»")
  }

  @Test(arguments: [
    (#"{"password":"hunter2","n":1}"#, #"{"password":"«redacted»","n":1}"#),
    (#"[{"a":{"pin":1}}]"#, #"[{"a":{"pin":"«redacted»"}}]"#),
    (#"{"pass\u0077ord":"hunter2"}"#, #"{"password":"«redacted»"}"#),
    (#""{\"password\":\"hunter2\"}""#, #""{\"password\":\"«redacted»\"}""#),
    (#"{"password":"a","password":"b"}"#, #"{"password":«redacted»,"password":«redacted»}"#),
  ])
  func `JSON within a text is looked into`(text: String, shown: String) {
    #expect(redactor.redact(["inner": .string(text)]) == ["inner": .string(shown)])
  }

  @Test func `a text that is JSON within JSON without end is looked through as a text`() {
    var text = #"{"password":"hunter2"}"#
    for _ in 0..<6 { text = JSONValue.string(text).serialized() }
    let shown = redactor.redact(["inner": .string(text)])
    #expect(shown?["inner"]?.stringValue?.contains("hunter2") == false)
    let long = #"{"password":"hunter2","x":""# + String(repeating: "x", count: 70_000) + #""}"#
    #expect(redactor.redact(["inner": .string(long)])?.serialized().contains("hunter2") == false)
  }

  @Test func `the rest of a private key whose beginning was cut off is hidden`() {
    let text = "abc/DEF+\nghi=\n-----END RSA PRIVATE KEY-----\nthat was it"
    #expect(redactor.redact(text: text) == "«redacted»\nthat was it")
  }

  @Test func `errors quote no secret`() throws {
    let schema = try Schema([
      "type": "object",
      "properties": [
        "password": ["minLength": 12], "age": ["maximum": 5], "note": ["maxLength": 1],
      ],
      "required": ["name"], "minProperties": 9,
    ])
    let value: JSONValue = ["password": "hunter2", "age": 7, "note": "SSN 123-45-6789"]
    let errors = redactor.redact(schema.validate(value), about: value)
    let all = errors.map { $0.message + $0.found }.joined()
    #expect(errors.count == 5)
    #expect(!all.contains("hunter2") && !all.contains("6789"))
    #expect(errors.first { $0.path == "/age" }?.found == "7")
    #expect(
      errors.first { $0.path == "/password" }?.expected == "a string of at least 12 characters"
    )
    #expect(errors.first { $0.keyword == "required" }?.found.contains(#""age""#) == true)
  }
}
