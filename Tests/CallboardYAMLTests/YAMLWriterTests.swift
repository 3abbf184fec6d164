import CallboardYAML
import JSONSchema
import Testing

@Suite struct YAMLWriterTests {
  @Test(arguments: [
    "null", "true", "[]", "{}", "[[],{}]", #""""#, "1.50", "-3", "12345678901234567890123",
    #"{"a":{"b":[1,{"c":[],"d":{}},[2,[3]]]},"e":null}"#, #"[[1,2],[{"a":1}],"x"]"#,
    #"{"null":"null","yes":"no","on":"off","~":"~","1":"1","0x1F":"0x1F","":"","<<":"<<"}"#,
    ##"{"a: b":"c: d","#x":"a #b","- x":"- y","[a]":"{b}","*a":"&b","!t":"%d","@":"`"}"##,
    #"{"text":"two\nlines","tab":"\t","quote":"\"'","back":"\\","trail":"x ","lead":" x"}"#,
    #"{"odd":"\u0000\u001b\u007f\u0085\u00a0\u2028\ufeff😀é"}"#,
    #"["2001-01-01","1e3",".5","1_000","12:30:45","=","?","a,b","a]b","a|b"]"#,
    #"{"long":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","ccccccccccccccccccccccccccc"]}"#,
  ])
  func `what is written reads back as the same value`(text: String) throws {
    let value = try JSONValue(parsing: text)
    let document = try YAMLDocument(text: value.yaml(), file: "x.yaml")
    #expect(document.value == value, "\(value.yaml())")
    let within = try YAMLDocument(text: "k:\n" + value.yaml(indent: 4), file: "x.yaml")
    #expect(within.value["k"] == value, "\(value.yaml(indent: 4))")
  }

  @Test func `it is written in blocks, as people write it`() throws {
    let value = try JSONValue(
      parsing: #"{"functions":[{"name":"a","required":["x","y"],"n":1,"o":{"p":"1"}},"q"]}"#
    )
    #expect(
      value.yaml(indent: 2) == """
          functions:
            - name: a
              required: [x, y]
              n: 1
              o:
                p: "1"
            - q

        """
    )
  }
}
