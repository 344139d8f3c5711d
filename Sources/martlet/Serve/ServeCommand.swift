// `martlet serve`: the supervisor, from the command line.

import Environments
import Lambda
import Linux
import Service
import Wire

enum ServeCommand {
    static func run(_ arguments: [String]) -> Int32 {
        Command.run {
            guard let settings = try read(arguments) else {
                Terminal.print(Help.serve)
                return ExitStatus.success
            }
            return try Supervisor(Standing.take(settings), settings).run()
        }
    }

    /// Nothing when help was asked for.
    private static func read(_ arguments: [String]) throws -> ServiceSettings? {
        var reader = OptionReader(arguments)
        var places = Places()
        var settings = ServiceSettings()
        while let item = try reader.next() {
            guard case .option(let name) = item else { throw UsageError(message: "serve takes options alone") }
            switch name {
            case "--help": return nil
            case "--socket": places.givenSocket = try Places.absolute(reader.value(of: name))
            case "--socket-mode": settings.socketMode = try reader.mode(of: name)
            case "--socket-group": settings.socketGroup = try Accounts.group(reader.value(of: name))
            case "--user": settings.user = try Accounts.user(reader.value(of: name))
            case "--freeze-after":
                settings.engine.freezeAfterMS = UInt64(try reader.number(of: name, in: 0...3_600_000, unit: "ms"))
            case "--idle-after":
                settings.engine.idleAfterSeconds = UInt64(try reader.number(of: name, in: 1...86_400, unit: "seconds"))
            case "--max-environments":
                settings.engine.mostEnvironments = Int(try reader.number(of: name, in: 1...4000, unit: "environments"))
            case "--shells":
                settings.engine.pools.shells = Int(try reader.number(of: name, in: 0...1000, unit: "sandboxes"))
            case "--no-pools": settings.engine.pools.isOn = false
            case "--drain":
                settings.drainSeconds = UInt64(try reader.number(of: name, in: 0...3600, unit: "seconds"))
            case "--region": settings.engine.place.region = try reader.value(of: name)
            case "--account": settings.engine.place.account = try reader.value(of: name)
            case "--log": settings.logFormat = try reader.name(of: name, Logger.Format.self)
            case "--waive": settings.engine.waived.append(try reader.name(of: name, Limit.self).rawValue)
            // For tests alone, and so not in the help.
            case "--fail-capture", "--fail-restore":
                settings.wardenOptions += [name, String(try reader.number(of: name, in: 0...100_000, unit: "steps"))]
            case "--capture-memory":
                settings.wardenOptions += [name, String(try reader.number(of: name, in: 1...10_240, unit: "MB"))]
            case "--state": places.state = try Places.absolute(reader.value(of: name))
            case "--run": places.run = try Places.absolute(reader.value(of: name))
            case "--cgroup": places.cgroup = try reader.value(of: name)
            default: throw UsageError(message: "serve has no option \(name); see 'martlet serve --help'")
            }
        }
        settings.engine.state = places.state
        settings.run = places.run
        settings.cgroup = places.cgroup
        settings.socket = places.socket
        return settings
    }
}
