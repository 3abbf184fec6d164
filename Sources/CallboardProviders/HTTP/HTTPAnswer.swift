import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// An answer that is there whole, or as much of it as is wanted.
struct HTTPAnswer: Sendable {
  /// How much of an error's text is kept.
  static let errorTextLimit = 2048

  var status: HTTPResponseStatus
  var headers: HTTPHeaders
  var body: [UInt8]
  var isCut: Bool

  init(
    status: HTTPResponseStatus,
    headers: HTTPHeaders = [:],
    body: [UInt8] = [],
    isCut: Bool = false
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.isCut = isCut
  }

  /// Reads the body: of a success as much as a result may have, of anything else what a message has room for.
  init(_ response: HTTPClientResponse, maxResultBytes: Int) async throws {
    self.init(status: response.status, headers: response.headers)
    guard (200..<300).contains(status.code) else {
      // The status has been said; a connection cut in the text about it changes nothing.
      try? await read(response.body, limit: Self.errorTextLimit)
      return
    }
    if let length = headers.first(name: "Content-Length").flatMap({ Int($0) }),
      length > maxResultBytes
    {
      isCut = true
    } else {
      try await read(response.body, limit: maxResultBytes)
    }
  }

  private mutating func read(_ source: HTTPClientResponse.Body, limit: Int) async throws {
    for try await buffer in source {
      let room = limit - body.count
      body += buffer.readableBytesView.prefix(room)
      guard buffer.readableBytes <= room else {
        isCut = true
        return
      }
    }
  }
}
