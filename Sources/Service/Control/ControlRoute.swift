// The addresses of the control socket, on one screen. OpenAPI describes them to others.

import Lambda
package import Wire

package enum ControlRoute: Equatable, Sendable {
    case health, metrics, openAPI
    case functions
    case function(String)
    case invokeFunction(String)
    case logs(String)
    case snapshot(String)
    case snapshots, pools
    case environments
    case environment(String)
    case invokeEnvironment(String)
    case events

    package init?(path: String) { self.init(path: Array(path.utf8)[...]) }

    package init?(path bytes: ArraySlice<UInt8>) {
        // The one that is asked for most comes first, and is not taken apart.
        let functions: StaticString = "/v1/functions/"
        if bytes.begins(with: functions), bytes.ends(with: "/invoke") {
            let name = bytes.dropFirst(functions.utf8CodeUnitCount).dropLast(7)
            if isFunctionName(name) {
                self = .invokeFunction(String(decoding: name, as: UTF8.self))
                return
            }
        }
        let path = String(decoding: bytes, as: UTF8.self)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let first = parts.first else { return nil }
        if first != "v1" {
            guard parts.count == 1 else { return nil }
            switch first {
            case "healthz": self = .health
            case "metrics": self = .metrics
            case "openapi.json": self = .openAPI
            default: return nil
            }
            return
        }
        let rest = Array(parts.dropFirst())
        guard let kind = rest.first, rest.count <= 3 else { return nil }
        var name = ""
        if rest.count > 1 {
            // A name that cannot be one is an address that is not there.
            guard let decoded = percentDecoded(rest[1]), isFunctionName(decoded) else { return nil }
            name = decoded
        }
        switch (kind, rest.count, rest.count == 3 ? rest[2] : "") {
        case ("functions", 1, _): self = .functions
        case ("functions", 2, _): self = .function(name)
        case ("functions", 3, "invoke"): self = .invokeFunction(name)
        case ("functions", 3, "logs"): self = .logs(name)
        case ("functions", 3, "snapshot"): self = .snapshot(name)
        case ("snapshots", 1, _): self = .snapshots
        case ("pools", 1, _): self = .pools
        case ("environments", 1, _): self = .environments
        case ("environments", 2, _): self = .environment(name)
        case ("environments", 3, "invoke"): self = .invokeEnvironment(name)
        case ("events", 1, _): self = .events
        default: return nil
        }
    }

    package var methods: [HTTPMethod] {
        switch self {
        case .health, .metrics, .openAPI, .functions, .logs, .events, .snapshots, .pools: [.get]
        case .snapshot: [.get, .post, .delete]
        case .function: [.get, .put, .delete]
        case .invokeFunction, .invokeEnvironment: [.post]
        case .environments: [.get, .post]
        case .environment: [.get, .delete]
        }
    }
}
