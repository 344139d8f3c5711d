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
            default: throw Invalid("a function has no member '\(name)'")
            }
        }
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
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "MARTLET_RUNTIME_SOCKET",
    ]

    package var members: [(String, JSON)] {
        [
            ("runtime", .text(runtime)), ("handler", .text(handler)), ("memory", .integer(Int64(memoryMB))),
            ("timeout", .integer(Int64(timeoutSeconds))), ("tmp", .integer(Int64(tmpMB))),
            ("environment", .object(environment.map { ($0.name, .text($0.value)) })),
            ("log_format", .text(logFormat.rawValue)), ("log_level", .text(logLevel)),
            ("description", .text(description)),
        ]
    }
}

extension UInt8 {
    var isLetter: Bool { self | 32 >= 97 && self | 32 <= 122 }
    var isDigit: Bool { self >= 48 && self <= 57 }
}
