// The command line of `martlet exec`, read into a request.

import Linux
import Wire

struct ExecOptions {
    var places = Places()
    var request: SandboxRequest
    /// Whose root it is when the request names none.
    var runtime = standardRuntime
    var explain = false
    var json = false

    static let standardRuntime = "provided"
    static let standardEnvironment = [
        "PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin", "HOME=/tmp", "LANG=C.UTF-8", "TZ=:UTC",
        "LAMBDA_TASK_ROOT=/var/task",
    ]

    enum Reading {
        case options(ExecOptions)
        case help
    }

    static func read(_ arguments: [String]) throws -> Reading {
        var reader = OptionReader(arguments)
        var options = ExecOptions(request: SandboxRequest(command: [], root: ""))
        var runtime: String?
        var root: String?
        var variables: [String] = []
        while let item = try reader.next() {
            guard case .option(let name) = item else {
                if case .rest(let command) = item { options.request.command = command }
                continue
            }
            switch name {
            case "--help": return .help
            case "--runtime": runtime = try reader.value(of: name)
            case "--root": root = try Places.absolute(reader.value(of: name))
            case "--code": options.request.code = try Places.absolute(reader.value(of: name))
            case "--layer": options.request.layers.append(try Places.absolute(reader.value(of: name)))
            case "--memory":
                options.request.memoryMB = try reader.number(of: name, in: SandboxRequest.memoryRange, unit: "MB")
            case "--tmp":
                options.request.tmpMB = try reader.number(of: name, in: SandboxRequest.tmpRange, unit: "MB")
            case "--timeout":
                options.request.timeoutMS = try reader.milliseconds(of: name, most: SandboxRequest.longestTimeoutMS)
            case "--env": variables.append(try reader.value(of: name))
            case "--net":
                let value = try reader.value(of: name)
                if value != "none" {
                    throw UsageError(
                        message: "--net \(value) is not possible: a sandbox has loopback alone (--net none)")
                }
            case "--waive": options.request.waived.append(try reader.name(of: name, Limit.self))
            case "--without": options.request.without.append(try reader.name(of: name, Measure.self))
            case "--state": options.places.state = try Places.absolute(reader.value(of: name))
            case "--run": options.places.run = try Places.absolute(reader.value(of: name))
            case "--cgroup": options.places.cgroup = try reader.value(of: name)
            case "--explain": options.explain = true
            case "--json": options.json = true
            default:
                throw UsageError(message: "exec has no option \(name); see 'martlet exec --help'")
            }
        }
        if runtime != nil, root != nil {
            throw UsageError(message: "--runtime and --root are two ways to say the same: give one of them")
        }
        if let group = options.places.cgroup, !group.hasPrefix("/") || group.contains("..") {
            throw UsageError(
                message: "--cgroup \(group): give the path of a group from the root of its tree, like /martlet")
        }
        options.request.environment = merged(variables)
        if (options.request.command.first ?? "").isEmpty { throw UsageError(message: "there is no command to run") }
        // Before the root is looked for: the other mistakes need no state.
        options.request.root = "/"
        if let problem = options.request.problem() { throw UsageError(message: problem) }
        options.request.root = root ?? ""
        options.runtime = runtime ?? standardRuntime
        return .options(options)
    }

    /// The standard variables, and those of the command line in their place or behind them; of two with one name, the
    /// later.
    private static func merged(_ variables: [String]) -> [String] {
        var all = standardEnvironment
        for variable in variables {
            let equals = variable.utf8.firstIndex(of: UInt8(ascii: "="))
            let name = variable[..<(equals ?? variable.endIndex)] + "="
            if equals != nil, let index = all.firstIndex(where: { $0.utf8.starts(with: name.utf8) }) {
                all[index] = variable
            } else {
                all.append(variable)
            }
        }
        return all
    }
}
