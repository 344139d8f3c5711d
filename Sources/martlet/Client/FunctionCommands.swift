// `martlet functions`, `delete` and `logs`: what is deployed.

import Wire

enum FunctionCommands {
    static func list(_ arguments: [String]) -> Int32 {
        Command.client(Help.functions) {
            try ClientOptions("functions", arguments, [])
        } _: { options in
            let all = try options.client.ask(.get, "/v1/functions").json["functions"]?.list ?? []
            if options.json {
                Terminal.print(JSON.list(all).line)
            } else if all.isEmpty {
                Terminal.note("nothing is deployed; 'martlet deploy NAME CODE' deploys")
            } else {
                let rows = all.map { one in
                    [
                        one["name"]?.text ?? "", one["runtime"]?.text ?? "", one["handler"]?.text ?? "",
                        EnvironmentCommands.number(one["memory"]), EnvironmentCommands.number(one["timeout"]),
                        EnvironmentCommands.number(one["code_size"]), one["modified"]?.text ?? "",
                        (one["description"]?.text ?? "").printable,
                    ]
                }
                let head = ["name", "runtime", "handler", "MB", "s", "code", "modified", "description"]
                Terminal.print(Terminal.table([head] + rows, right: [3, 4, 5]))
            }
            return ExitStatus.success
        }
    }

    static func delete(_ arguments: [String]) -> Int32 {
        Command.client(Help.delete) {
            try ClientOptions("delete", arguments, ["NAME"])
        } _: { options in
            let name = options.words[0]
            _ = try options.client.ask(.delete, "/v1/functions/\(name)")
            Terminal.print(
                options.json
                    ? JSON.object([("name", .text(name)), ("state", .text("deleted"))]).line : "deleted: \(name)")
            return ExitStatus.success
        }
    }

    static func logs(_ arguments: [String]) -> Int32 {
        var follow = false
        return Command.client(Help.logs) {
            try ClientOptions("logs", arguments, ["NAME"]) { (name, _) throws(UsageError) in
                if name == "--follow" { follow = true }
                return name == "--follow"
            }
        } _: { options in
            let address = "/v1/functions/\(options.words[0])/logs"
            if follow {
                var lines = LineSplitter()
                let hear: (ArraySlice<UInt8>) -> Void = { part in
                    guard options.json else { return Terminal.write(part, to: 1) }
                    for line in lines.take(part) { Terminal.print(JSON.object([("line", .text(line))]).line) }
                }
                _ = try options.client.ask(.get, address + "?follow=1", hear: hear)
                return ExitStatus.success
            }
            let reply = try options.client.ask(.get, address)
            if options.json {
                var lines = LineSplitter()
                Terminal.print(JSON.list(lines.take(reply.body[...]).map(JSON.text)).line)
            } else {
                Terminal.write(reply.body[...], to: 1)
            }
            return ExitStatus.success
        }
    }
}

/// Lines out of parts that end anywhere.
private struct LineSplitter {
    private var rest: [UInt8] = []

    mutating func take(_ part: ArraySlice<UInt8>) -> [String] {
        guard let end = part.lastIndex(of: 10) else {
            rest.append(contentsOf: part)
            return []
        }
        let whole = rest + part[..<end]
        rest = Array(part[(end + 1)...])
        return whole.split(separator: 10, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}
