import AsyncHTTPClient
import Foundation
import NIOHTTP1

/// Where a request may follow a redirect to: only GET and HEAD, and never from https to http.
struct Redirect: Equatable {
  var url: String
  var isSameOrigin: Bool

  /// nil where there is no redirect, or none that is followed.
  init?(of request: HTTPClientRequest, by status: HTTPResponseStatus, _ headers: HTTPHeaders) {
    guard request.method == .GET || request.method == .HEAD,
      [301, 302, 303, 307, 308].contains(status.code),
      let location = headers.first(name: "Location"),
      let old = URL(string: request.url),
      let new = URL(string: location, relativeTo: old)?.absoluteURL,
      let scheme = new.scheme?.lowercased(), new.host?.isEmpty == false, new.user == nil
    else { return nil }
    let oldScheme = old.scheme?.lowercased()
    guard scheme == "https" || (scheme == "http" && oldScheme == "http") else { return nil }
    url = new.absoluteString
    isSameOrigin = scheme == oldScheme && new.host == old.host && new.port == old.port
  }
}
