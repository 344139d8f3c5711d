// The addresses that are served inside a sandbox, on one screen. Pure, because what asks is not to be trusted.

package import Wire

package enum RuntimeRoute: Equatable, Sendable {
    case next
    case response(id: String)
    case invocationError(id: String)
    case initError
    case restoreNext
    case restoreError
    case ping
    case register
    case extensionNext
    case extensionInitError
    case extensionExitError
    case telemetry
    case logs

    package init?(path: String) { self.init(path: Array(path.utf8)[...]) }

    package init?(path: ArraySlice<UInt8>) {
        // The two that are asked for again and again come first, and as bytes.
        if path.equals("/2018-06-01/runtime/invocation/next") {
            self = .next
            return
        }
        let invocation: StaticString = "/2018-06-01/runtime/invocation/"
        if path.begins(with: invocation) {
            let rest = path.dropFirst(invocation.utf8CodeUnitCount)
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), slash > rest.startIndex else { return nil }
            let id = String(decoding: rest[..<slash], as: UTF8.self)
            if rest[slash...].equals("/response") {
                self = .response(id: id)
            } else if rest[slash...].equals("/error") {
                self = .invocationError(id: id)
            } else {
                return nil
            }
            return
        }
        switch String(decoding: path, as: UTF8.self) {
        case "/2018-06-01/runtime/init/error": self = .initError
        case "/2018-06-01/runtime/restore/next": self = .restoreNext
        case "/2018-06-01/runtime/restore/error": self = .restoreError
        case "/2018-06-01/ping": self = .ping
        case "/2020-01-01/extension/register": self = .register
        case "/2020-01-01/extension/event/next": self = .extensionNext
        case "/2020-01-01/extension/init/error": self = .extensionInitError
        case "/2020-01-01/extension/exit/error": self = .extensionExitError
        case "/2022-07-01/telemetry": self = .telemetry
        case "/2020-08-15/logs": self = .logs
        default: return nil
        }
    }

    package var method: HTTPMethod {
        switch self {
        case .next, .restoreNext, .extensionNext, .ping: .get
        case .telemetry, .logs: .put
        default: .post
        }
    }
}
