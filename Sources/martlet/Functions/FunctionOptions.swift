// What a function shall be, as `run` and `deploy` take it from the command line.

import Environments
import Lambda
import Linux
import Wire

struct FunctionOptions {
    var runtime: String?
    var handler: String?
    private var memoryMB: UInt32?
    private var timeoutSeconds: UInt32?
    private var tmpMB: UInt32?
    private var logFormat: String?
    private var logLevel: String?
    private var description: String?
    private var variables: [(String, JSON)] = []
    private(set) var layers: [String] = []

    /// Reads the option's value if it is one of these.
    mutating func take(_ option: String, from reader: inout OptionReader) throws(UsageError) -> Bool {
        switch option {
        case "--runtime": runtime = try reader.value(of: option)
        case "--handler": handler = try reader.value(of: option)
        case "--memory":
            memoryMB = try reader.number(of: option, in: FunctionConfiguration.memoryRange, unit: "MB")
        case "--timeout":
            timeoutSeconds = try reader.number(of: option, in: FunctionConfiguration.timeoutRange, unit: "seconds")
        case "--tmp": tmpMB = try reader.number(of: option, in: FunctionConfiguration.tmpRange, unit: "MB")
        case "--log-format":
            logFormat = try reader.name(of: option, FunctionConfiguration.LogFormat.self).rawValue
        case "--log-level": logLevel = try reader.value(of: option)
        case "--description": description = try reader.value(of: option)
        case "--env": try addVariable(reader.value(of: option))
        case "--layer":
            layers.append(try Places.absolute(reader.value(of: option)))
            if layers.count > Deployment.mostLayers {
                throw UsageError(message: "a function has at most \(Deployment.mostLayers) layers")
            }
        default: return false
        }
        return true
    }

    private mutating func addVariable(_ text: String) throws(UsageError) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw UsageError(message: "--env \(text): give NAME=VALUE")
        }
        let name = String(text[..<equals])
        variables.removeAll { $0.0 == name }
        variables.append((name, .text(String(text[text.index(after: equals)...]))))
    }

    /// The function's configuration as the control socket takes it: what was not given is left to the engine.
    var members: [(String, JSON)] {
        var members: [(String, JSON)] = []
        for (name, value) in [
            ("runtime", runtime), ("handler", handler), ("log_format", logFormat), ("log_level", logLevel),
            ("description", description),
        ] {
            if let value { members.append((name, .text(value))) }
        }
        for (name, value) in [("memory", memoryMB), ("timeout", timeoutSeconds), ("tmp", tmpMB)] {
            if let value { members.append((name, .integer(Int64(value)))) }
        }
        if !variables.isEmpty { members.append(("environment", .object(variables))) }
        return members
    }

    /// Code and layers from files, with a guess at what was not said.
    mutating func readFiles(_ path: String) throws -> (code: CodeTree, layers: [CodeTree]) {
        let code = try CodeTree(reading: Places.absolute(path))
        try Guess.complete(&self, from: code)
        // The engine would find the same, after all the files had been sent to it.
        do throws(FunctionConfiguration.Invalid) {
            _ = try FunctionConfiguration(json: .object(members), others: [])
        } catch {
            throw UsageError(message: error.message)
        }
        return (code, try layers.map { try CodeTree(readingLayer: $0) })
    }
}
