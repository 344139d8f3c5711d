// What the supervisor has to know of an environment to take up one that is restored from its snapshot: who runs in it,
// who has registered for what, and what was asked on each connection and not answered. The warden keeps it with the
// image, as text, and gives it back.
//
// What is in it was checked when it was written; it is checked again, for the file is older than this program.

import Wire

struct SnapshotMemo: Equatable {
    /// A request that is waited with while nothing happens.
    enum Pending: Equatable {
        case none
        case invocationNext
        case restoreNext
        case extensionNext(identifier: String)
    }

    struct Connection: Equatable {
        /// Nothing: through the abstract name, of which there is one at most.
        var port: UInt16?
        var pending: Pending
    }

    struct Process: Equatable {
        var number: UInt32
        /// Nothing: the runtime.
        var name: String?
    }

    struct Extension: Equatable {
        var name: String
        var identifier: String
        var isExternal: Bool
        var events: [String]
    }

    var connections: [Connection] = []
    var processes: [Process] = []
    var extensions: [Extension] = []
    /// What subscribers to the telemetry have sent to subscribe.
    var subscriptions: [String] = []
    var warmUpErrors = 0

    /// Changes when an older program could not take up what this one writes, or the other way round.
    private static let format: Int64 = 1

    var text: String {
        JSON.object([
            ("format", .integer(Self.format)),
            ("connections", .list(connections.map(\.json))),
            (
                "processes",
                .list(
                    processes.map {
                        .object([
                            ("number", .integer(Int64($0.number))), ("extension", $0.name.map(JSON.text) ?? .null),
                        ])
                    })
            ),
            (
                "extensions",
                .list(
                    extensions.map {
                        .object([
                            ("name", .text($0.name)), ("identifier", .text($0.identifier)),
                            ("external", .bool($0.isExternal)), ("events", .list($0.events.map(JSON.text))),
                        ])
                    })
            ),
            ("subscriptions", .list(subscriptions.map(JSON.text))),
            ("warm_up_errors", .integer(Int64(warmUpErrors))),
        ]).line
    }

    init() {}

    /// Nothing when it is not what this program writes.
    init?(_ text: String) {
        guard let json = try? JSON(parsing: Array(text.utf8)), json["format"]?.integer == Self.format,
            let connections = json["connections"]?.list, let processes = json["processes"]?.list,
            let extensions = json["extensions"]?.list, let subscriptions = json["subscriptions"]?.list,
            let errors = json["warm_up_errors"]?.integer
        else { return nil }
        for item in connections {
            guard let connection = Connection(item) else { return nil }
            self.connections.append(connection)
        }
        for item in processes {
            guard let number = item["number"]?.integer.flatMap(UInt32.init(exactly:)), number > 0 else { return nil }
            self.processes.append(Process(number: number, name: item["extension"]?.text))
        }
        for item in extensions {
            guard let name = item["name"]?.text, let identifier = item["identifier"]?.text,
                let isExternal = item["external"]?.bool, let events = item["events"]?.list
            else { return nil }
            self.extensions.append(
                Extension(
                    name: name, identifier: identifier, isExternal: isExternal, events: events.compactMap(\.text)))
        }
        self.subscriptions = subscriptions.compactMap(\.text)
        warmUpErrors = Int(errors)
    }
}

extension SnapshotMemo.Connection {
    fileprivate var json: JSON {
        let words: String
        var identifier: String?
        switch pending {
        case .none: words = "none"
        case .invocationNext: words = "invocation-next"
        case .restoreNext: words = "restore-next"
        case .extensionNext(let id):
            words = "extension-next"
            identifier = id
        }
        return .object([
            ("listener", .text(port == nil ? "unix" : "tcp")), ("port", port.map { .integer(Int64($0)) } ?? .null),
            ("pending", .text(words)), ("extension", identifier.map(JSON.text) ?? .null),
        ])
    }

    fileprivate init?(_ json: JSON) {
        switch json["listener"]?.text {
        case "unix": port = nil
        case "tcp":
            guard let number = json["port"]?.integer.flatMap(UInt16.init(exactly:)) else { return nil }
            port = number
        default: return nil
        }
        switch json["pending"]?.text {
        case "none": pending = .none
        case "invocation-next": pending = .invocationNext
        case "restore-next": pending = .restoreNext
        case "extension-next":
            guard let identifier = json["extension"]?.text else { return nil }
            pending = .extensionNext(identifier: identifier)
        default: return nil
        }
    }

    /// What the other side has sent and is waiting with.
    var request: [UInt8]? {
        switch pending {
        case .none: nil
        case .invocationNext: Self.invocationNext
        case .restoreNext: Self.restoreNext
        case .extensionNext(let identifier):
            Array(
                """
                GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: runtime\r\n\
                Lambda-Extension-Identifier: \(identifier)\r\n\r\n
                """.utf8)
        }
    }

    private static let invocationNext = Array(
        "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n".utf8)
    private static let restoreNext = Array(
        "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: runtime\r\n\r\n".utf8)
}
