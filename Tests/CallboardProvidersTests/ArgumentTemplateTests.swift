import Testing

@testable import CallboardProviders

@Suite struct ArgumentTemplateTests {
  @Test(arguments: [
    ("", "", []), ("plain", "plain", []), ("{a}", "<a>", ["a"]),
    ("x{a}y{b}z{a}", "x<a>y<b>z<a>", ["a", "b", "a"]),
    ("{{a}}", "{a}", []), ("{{{a}}}", "{<a>}", ["a"]),
    ("{$filter name}", "<$filter name>", ["$filter name"]),
  ])
  func `arguments are put in, and double braces are braces`(
    _ source: String,
    _ filled: String,
    _ arguments: [String]
  ) throws {
    let template = try ArgumentTemplate(source)
    #expect(template.filled { "<\($0)>" } == filled)
    #expect(template.arguments == arguments)
  }

  @Test func `what is put in is not read again`() throws {
    #expect(try ArgumentTemplate("{a}{b}").filled { _ in "{b}{{" } == "{b}{{{b}{{")
  }

  @Test(arguments: ["{", "}", "{}", "{a", "a}", "{a{b}", "{{a}"])
  func `a lone brace is a mistake`(_ source: String) {
    #expect(throws: TemplateError.self) { try ArgumentTemplate(source) }
  }
}
