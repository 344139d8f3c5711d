// The command line of `martlet run`.

import Environments
import Lambda
import Linux
import Service
import Wire

struct RunOptions {
    var places = Places()
    var settings = ServiceSettings()
    var function = FunctionOptions()
    var code: String?
    var event: String?
    var clientContext: String?
    var explain = false
    var json = false
    private var givenName: String?

    /// Nothing when help was asked for.
    init?(reading arguments: [String]) throws {
        var reader = OptionReader(arguments, isMixed: true)
        var words: [String] = []
        while let item = try reader.next() {
            guard case .option(let name) = item else {
                if case .rest(let more) = item { words += more }
                continue
            }
            switch name {
            case "--help": return nil
            case "--name":
                givenName = try reader.value(of: name)
                if !isFunctionName(givenName ?? "") {
                    throw UsageError(message: "--name \(givenName ?? ""): letters, digits, - and _, at most 64")
                }
            case "--client-context":
                clientContext = try reader.value(of: name)
                try EventSource.check(Array((clientContext ?? "").utf8), name)
            case "--explain": explain = true
            case "--json": json = true
            case "--waive": settings.engine.waived.append(try reader.name(of: name, Limit.self).rawValue)
            case "--state": places.state = try Places.absolute(reader.value(of: name))
            case "--run": places.run = try Places.absolute(reader.value(of: name))
            case "--cgroup": places.cgroup = try reader.value(of: name)
            default:
                guard try function.take(name, from: &reader) else {
                    throw UsageError(message: "run has no option \(name); see 'martlet run --help'")
                }
            }
        }
        if words.count > 2 {
            throw UsageError(message: "run takes CODE and an event, not also '\(words[2])'; quote the event")
        }
        code = words.first
        event = words.count > 1 ? words[1] : nil
        settings.engine.state = places.state
        settings.run = places.run
        settings.cgroup = places.cgroup
    }

    /// What the function is called while it lives: after its code.
    var name: String {
        if let givenName { return givenName }
        var path = code ?? ""
        if path == "." || path.hasSuffix("/.") { path = Files.workingDirectory() }
        let last = path.split(separator: "/").last ?? ""
        let stem = last.prefix { $0 != "." }
        return isFunctionName(stem) ? String(stem) : "function"
    }
}
