// What an extension asks for when it subscribes.

import Wire

struct TelemetryOptions {
    enum EventType: String, CaseIterable {
        case platform, function
        case `extension` = "extension"
    }

    enum Destination {
        case http(port: UInt16, path: String, host: String)
        case tcp(port: UInt16)
    }

    let types: [EventType]
    let destination: Destination
    private(set) var mostItems = 10_000
    private(set) var mostBytes = 262_144
    private(set) var timeoutMS = 1000

    struct Invalid: Error {
        let message: String
    }

    init(body: [UInt8]) throws(Invalid) {
        guard let json = try? JSON(parsing: body) else { throw Invalid(message: "the body is not JSON") }
        var types: [EventType] = []
        for item in json["types"]?.list ?? [] {
            guard let type = item.text.flatMap(EventType.init(rawValue:)) else {
                throw Invalid(message: "types are platform, function and extension")
            }
            if !types.contains(type) { types.append(type) }
        }
        if types.isEmpty { throw Invalid(message: "types are missing") }
        self.types = types
        destination = try Self.destination(json["destination"])
        if let buffering = json["buffering"] {
            mostItems = try Self.number(buffering["maxItems"], "maxItems", 1000...10_000, mostItems)
            mostBytes = try Self.number(buffering["maxBytes"], "maxBytes", 262_144...1_048_576, mostBytes)
            timeoutMS = try Self.number(buffering["timeoutMs"], "timeoutMs", 25...30_000, timeoutMS)
        }
    }

    private static func number(
        _ json: JSON?, _ name: String, _ range: ClosedRange<Int64>, _ usual: Int
    ) throws(Invalid) -> Int {
        guard let json else { return usual }
        guard let number = json.integer, range.contains(number) else {
            throw Invalid(message: "\(name) is \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }

    private static func port(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? UInt16(text) : nil
    }

    private static func destination(_ json: JSON?) throws(Invalid) -> Destination {
        switch json?["protocol"]?.text {
        case "TCP":
            guard let port = json?["port"]?.integer.flatMap(UInt16.init(exactly:)), port > 0 else {
                throw Invalid(message: "the port of the destination is no port")
            }
            return .tcp(port: port)
        case "HTTP":
            // Nothing but the sandbox itself can be reached, so the host need only be one of its names.
            guard let uri = json?["URI"]?.text ?? json?["uri"]?.text, uri.hasPrefix("http://") else {
                throw Invalid(message: "the URI of the destination does not begin with http://")
            }
            // It goes into a request line as it is.
            guard uri.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw Invalid(message: "the URI of the destination has characters that no URI has")
            }
            let rest = uri.dropFirst(7)
            let authority = rest.prefix { $0 != "/" }
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"].contains(parts[0]),
                parts.count <= 2, let port = parts.count == 1 ? 80 : Self.port(parts[1]), port > 0
            else { throw Invalid(message: "the destination is http://sandbox.localdomain:PORT/path") }
            let path = rest.dropFirst(authority.count)
            return .http(port: port, path: path.isEmpty ? "/" : String(path), host: String(authority))
        default: throw Invalid(message: "the protocol of the destination is HTTP or TCP")
        }
    }
}
