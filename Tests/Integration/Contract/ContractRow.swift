// One row of a table in this directory; README.md says what its members mean.

import IntegrationSupport
import Wire

struct ContractRow {
    let json: JSON
    var name: String { json["name"]?.text ?? "" }
    var expect: JSON { json["expect"] ?? .null }

    static func all(of language: String) throws -> [ContractRow] {
        let directory = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let table = try JSON(parsing: try HostFiles.read("/\(directory)/\(language).json"))
        return (table.list ?? []).map(ContractRow.init)
    }

    /// Restoring is not what a server does with a function that is invoked.
    var needsSnapshot: Bool { variable("AWS_LAMBDA_INITIALIZATION_TYPE") != nil }

    func variable(_ name: String) -> String? { json["environment"]?[name]?.text }

    var event: [UInt8] { json["eventText"]?.text.map { Array($0.utf8) } ?? (json["event"] ?? .null).bytes }

    /// What the function is besides its handler: the engine has members of its own for the format of the log.
    var configuration: [(String, JSON)] {
        var variables = json["environment"]?.object ?? []
        // An init that fails is done anew with no more of the CPU than the memory buys.
        var members: [(String, JSON)] = [("timeout", .integer(20)), ("memory", .integer(1024))]
        if variable("AWS_LAMBDA_LOG_FORMAT") == "JSON" {
            members.append(("log_format", .text("JSON")))
            if let level = variable("AWS_LAMBDA_LOG_LEVEL") { members.append(("log_level", .text(level))) }
            variables.removeAll { $0.0.hasPrefix("AWS_LAMBDA_LOG_") }
        }
        members.append(("environment", .object(variables)))
        return members
    }

    var fields: [(String, String)] {
        var fields = [("Martlet-Log", "tail")]
        if let context = json["clientContext"] { fields.append(("Martlet-Client-Context", Self.encoded(context))) }
        if let identity = json["identity"] { fields.append(("Martlet-Identity", Self.encoded(identity))) }
        if let trace = json["traceId"]?.text { fields.append(("Martlet-Trace-Id", trace)) }
        if expect["stream"] != nil { fields.append(("Martlet-Response-Mode", "streaming")) }
        return fields
    }

    private static func encoded(_ json: JSON) -> String { String(decoding: Base64.encode(json.bytes), as: UTF8.self) }
}
