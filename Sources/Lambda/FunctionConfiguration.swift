// What a function is: everything about it but its code. Read from JSON of whoever deploys it, written back as JSON; every
// value is within its limits once this exists.

package import Wire

package struct FunctionConfiguration: Equatable, Sendable {
    package var runtime = "provided"
    package var handler = ""
    package var memoryMB: UInt32 = 128
    package var timeoutSeconds: UInt32 = 3
    package var tmpMB: UInt32 = 512
    package var environment: [Variable] = []
    package var logFormat = LogFormat.text
    package var logLevel = "INFO"
    package var description = ""
    /// Whether new environments start from a snapshot of an initialised one.
    package var snapshot = false
    /// Events that are run before the snapshot is made, as JSON, so that what they load is in it.
    package var warmUp: [String] = []
    /// At least so many environments wait, restored ahead of any event.
    package var provisioned: UInt32 = 0
    /// No more environments than these at a time.
    package var reserved: UInt32?
    package var start = StartMode.auto

    package struct Variable: Equatable, Sendable {
        package let name, value: String
    }

    package enum LogFormat: String, Sendable, CaseIterable {
        case text = "Text"
        case json = "JSON"
    }

    package static let memoryRange: ClosedRange<UInt32> = 128...10_240
    package static let timeoutRange: ClosedRange<UInt32> = 1...900
    package static let tmpRange: ClosedRange<UInt32> = 512...10_240
    package static let mostEnvironmentBytes = 4096
    package static let provisionedRange: ClosedRange<UInt32> = 0...1000
    package static let reservedRange: ClosedRange<UInt32> = 1...4000
    package static let mostWarmUpEvents = 16
    package static let mostWarmUpBytes = 256 * 1024
    package static let logLevels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

    package init() {}

    /// Members that are not about the configuration are the caller's to look at: `others` names them.
    package init(json: JSON, others: [String]) throws(Invalid) {
        guard let members = json.object else { throw Invalid("a function is described by an object") }
        for (name, value) in members where !others.contains(name) {
            switch name {
            case "runtime": runtime = try Self.text(name, value, Self.isRuntimeName, "the name of a runtime")
            case "handler":
                handler = try Self.text(
                    name, value, Self.isHandler, "a handler's name: at most 128 bytes, without spaces")
            case "memory": memoryMB = try Self.number(name, value, Self.memoryRange, "MB")
            case "timeout": timeoutSeconds = try Self.number(name, value, Self.timeoutRange, "seconds")
            case "tmp": tmpMB = try Self.number(name, value, Self.tmpRange, "MB")
            case "environment": environment = try Self.variables(value)
            case "log_format":
                guard let format = value.text.flatMap(LogFormat.init(rawValue:)) else {
                    throw Invalid("log_format is Text or JSON")
                }
                logFormat = format
            case "log_level":
                let levels = Self.logLevels
                logLevel = try Self.text(name, value, levels.contains, "one of \(levels.joined(separator: ", "))")
            case "description":
                description = try Self.text(name, value, { $0.utf8.count <= 256 }, "a text of at most 256 bytes")
            case "snapshot":
                guard let flag = value.bool else { throw Invalid("snapshot is true or false") }
                snapshot = flag
            case "warm_up": warmUp = try Self.events(value)
            case "provisioned":
                provisioned = try Self.number(name, value, Self.provisionedRange, "environments")
            case "reserved":
                reserved = value.isNull ? nil : try Self.number(name, value, Self.reservedRange, "environments")
            case "start":
                guard let mode = value.text.flatMap(StartMode.init(rawValue:)) else {
                    throw Invalid("start is one of \(StartMode.names)")
                }
                start = mode
            default: throw Invalid("a function has no member '\(name)'")
            }
        }
        try checkStarts()
        if handler.isEmpty, !runtime.hasPrefix("provided") { throw Invalid("the runtime \(runtime) needs a handler") }
    }

    package struct Invalid: Error, Equatable, Sendable {
        package let message: String
        package init(_ message: String) { self.message = message }
    }

    private static func text(
        _ name: String, _ value: JSON, _ isRight: (String) -> Bool, _ wanted: String
    ) throws(Invalid) -> String {
        guard let text = value.text, isRight(text) else { throw Invalid("\(name) is \(wanted)") }
        return text
    }

    private static func number(
        _ name: String, _ value: JSON, _ range: ClosedRange<UInt32>, _ unit: String
    ) throws(Invalid) -> UInt32 {
        guard let number = value.integer, let small = UInt32(exactly: number), range.contains(small) else {
            throw Invalid("\(name) is a whole number of \(unit), \(range.lowerBound) to \(range.upperBound)")
        }
        return small
    }

    /// What is said about starts has to go together.
    private func checkStarts() throws(Invalid) {
        if !snapshot {
            if provisioned > 0 { throw Invalid("provisioned environments are restored: they need snapshot to be true") }
            if !warmUp.isEmpty { throw Invalid("warm_up is for a snapshot: it needs snapshot to be true") }
            if start == .restore || start == .pooled {
                throw Invalid("start \(start.rawValue) needs snapshot to be true")
            }
        }
        if let reserved, provisioned > reserved {
            throw Invalid("\(provisioned) provisioned environments are more than the \(reserved) that are reserved")
        }
    }

    private static func events(_ value: JSON) throws(Invalid) -> [String] {
        guard let list = value.list, list.count <= mostWarmUpEvents else {
            throw Invalid("warm_up is a list of at most \(mostWarmUpEvents) events")
        }
        let events = list.map(\.line)
        if events.reduce(0, { $0 + $1.utf8.count }) > mostWarmUpBytes {
            throw Invalid("the events of warm_up have at most \(mostWarmUpBytes) bytes together")
        }
        return events
    }

    /// A name of a directory of roots, and of nothing else.
    package static func isRuntimeName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64 && name.first != "."
            && name.utf8.allSatisfy { $0.isLetter || $0.isDigit || [45, 46, 95].contains($0) }
    }

    /// It becomes the value of a variable, which no zero byte may end.
    private static func isHandler(_ name: String) -> Bool {
        name.utf8.count <= 128 && name.utf8.allSatisfy { $0 > 32 && $0 != 127 }
    }

    private static func variables(_ value: JSON) throws(Invalid) -> [Variable] {
        guard let members = value.object else { throw Invalid("environment is an object of texts") }
        var variables: [Variable] = []
        var size = 0
        for (name, value) in members {
            guard let text = value.text, !text.utf8.contains(0) else {
                throw Invalid("the variable \(name) is not a text without zero bytes")
            }
            guard let first = name.utf8.first, first.isLetter,
                name.utf8.allSatisfy({ $0.isLetter || $0.isDigit || $0 == 95 }), name.utf8.count > 1
            else {
                throw Invalid("'\(name)' can't name a variable: a letter, then letters, digits and _")
            }
            if reserved.contains(name) { throw Invalid("the variable \(name) is reserved: the engine sets it") }
            size += name.utf8.count + text.utf8.count
            variables.append(Variable(name: name, value: text))
        }
        if size > mostEnvironmentBytes {
            throw Invalid("the environment has \(size) bytes of names and values; \(mostEnvironmentBytes) are possible")
        }
        return variables
    }

    /// Names that AWS Lambda reserves too.
    static let reserved = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "MARTLET_RUNTIME_SOCKET", "MARTLET_WARM_UP",
    ]

    package var members: [(String, JSON)] {
        [
            ("runtime", .text(runtime)), ("handler", .text(handler)), ("memory", .integer(Int64(memoryMB))),
            ("timeout", .integer(Int64(timeoutSeconds))), ("tmp", .integer(Int64(tmpMB))),
            ("environment", .object(environment.map { ($0.name, .text($0.value)) })),
            ("log_format", .text(logFormat.rawValue)), ("log_level", .text(logLevel)),
            ("description", .text(description)), ("snapshot", .bool(snapshot)),
            ("warm_up", .list(warmUp.map { (try? JSON(parsing: Array($0.utf8))) ?? .null })),
            ("provisioned", .integer(Int64(provisioned))),
            ("reserved", reserved.map { .integer(Int64($0)) } ?? .null), ("start", .text(start.rawValue)),
        ]
    }
}

extension UInt8 {
    var isLetter: Bool { self | 32 >= 97 && self | 32 <= 122 }
    var isDigit: Bool { self >= 48 && self <= 57 }
}
