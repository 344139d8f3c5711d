// HTTP/1.1 to bytes: heads, bodies, chunks.

package struct HTTPWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reserving count: Int = 512) { bytes.reserveCapacity(count) }

    package mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
    package mutating func put(_ text: Substring) { bytes.append(contentsOf: text.utf8) }
    package mutating func put(_ other: [UInt8]) { bytes.append(contentsOf: other) }
    package mutating func put(_ other: ArraySlice<UInt8>) { bytes.append(contentsOf: other) }

    package mutating func put(_ number: Int) {
        guard number >= 10 else { return bytes.append(48 + UInt8(number)) }
        put(number / 10)
        bytes.append(48 + UInt8(number % 10))
    }

    package mutating func statusLine(_ status: Int) {
        put("HTTP/1.1 ")
        put(status)
        put(" ")
        put(Self.reason(status))
        put("\r\n")
    }

    package mutating func requestLine(_ method: HTTPMethod, _ target: String) {
        put(method.rawValue)
        put(" ")
        put(target)
        put(" HTTP/1.1\r\n")
    }

    /// A value that came from somebody else loses what would end its line: nothing may pass for a field of its own.
    package mutating func field(_ name: String, _ value: String) {
        put(name)
        put(": ")
        for byte in value.utf8 { bytes.append(byte < 32 || byte == 127 ? 32 : byte) }
        put("\r\n")
    }

    package mutating func field(_ name: String, _ value: Int) {
        put(name)
        put(": ")
        put(value)
        put("\r\n")
    }

    package mutating func endOfFields() { put("\r\n") }

    /// The length, the end of the head, and the body.
    package mutating func body(_ body: [UInt8]) {
        field("Content-Length", body.count)
        endOfFields()
        put(body)
    }

    package mutating func chunk(_ part: ArraySlice<UInt8>) {
        // A chunk without bytes would be the end.
        guard !part.isEmpty else { return }
        put(String(part.count, radix: 16))
        put("\r\n")
        put(part)
        put("\r\n")
    }

    package mutating func lastChunk(trailers: [(String, String)] = []) {
        put("0\r\n")
        for (name, value) in trailers { field(name, value) }
        put("\r\n")
    }

    package static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
