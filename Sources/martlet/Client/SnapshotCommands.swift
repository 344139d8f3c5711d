// `martlet snapshot create|list|inspect|delete`: what new environments start from.

import Wire

enum SnapshotCommands {
    static func run(_ arguments: [String]) -> Int32 {
        guard let verb = arguments.first else {
            Terminal.print(Help.snapshot)
            return ExitStatus.usage
        }
        let rest = Array(arguments.dropFirst())
        switch verb {
        case "create": return create(rest)
        case "list": return list(rest)
        case "inspect": return inspect(rest)
        case "delete": return delete(rest)
        case "--help", "-h":
            Terminal.print(Help.snapshot)
            return ExitStatus.success
        default:
            Terminal.complain("snapshot has no command '\(verb)': create, list, inspect or delete")
            return ExitStatus.usage
        }
    }

    private static func create(_ arguments: [String]) -> Int32 {
        Command.client(Help.snapshot) {
            try ClientOptions("snapshot", arguments, ["NAME"])
        } _: { options in
            let name = options.words[0]
            let json = try options.client.ask(
                .post, "/v1/functions/\(name)/snapshot", progress: "making the snapshot of \(name)"
            ).json
            if options.json {
                Terminal.print(json.line)
            } else {
                Terminal.print("made: \(words(json))")
            }
            return ExitStatus.success
        }
    }

    /// One line about a snapshot.
    private static func words(_ json: JSON) -> String {
        let size = json["bytes"]?.integer.map { "\(megabytes($0)) MB" }
        let inside = json["processes"]?.integer.flatMap { processes in
            json["threads"]?.integer.map { "\(processes) process\(processes == 1 ? "" : "es"), \($0) threads" }
        }
        let times = json["took_us"]?.integer.map { "in \(($0 + 500) / 1000) ms" }
        let stood = json["stopped_us"]?.integer.map { "stood still for \(($0 + 500) / 1000) ms" }
        let all = [size, inside, times, stood].compactMap(\.self).joined(separator: ", ")
        return "\(json["function"]?.text ?? "") (\(all))"
    }

    private static func megabytes(_ bytes: Int64) -> String {
        let tenths = (bytes * 10 + (1 << 19)) >> 20
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func list(_ arguments: [String]) -> Int32 {
        Command.client(Help.snapshot) {
            try ClientOptions("snapshot", arguments, [])
        } _: { options in
            let all = try options.client.ask(.get, "/v1/snapshots").json["snapshots"]?.list ?? []
            if options.json {
                Terminal.print(JSON.list(all).line)
            } else if all.isEmpty {
                Terminal.note(
                    "there is no snapshot; 'martlet snapshot create NAME' makes one, or deploy with --snapshot")
            } else {
                let rows = all.map { one in
                    [
                        one["function"]?.text ?? "", one["state"]?.text ?? "",
                        one["bytes"]?.integer.map(megabytes) ?? "", EnvironmentCommands.number(one["processes"]),
                        EnvironmentCommands.number(one["threads"]), (one["reason"]?.text ?? "").printable,
                    ]
                }
                let head = ["function", "state", "MB", "processes", "threads", "reason"]
                Terminal.print(Terminal.table([head] + rows, right: [2, 3, 4]))
            }
            return ExitStatus.success
        }
    }

    private static func inspect(_ arguments: [String]) -> Int32 {
        Command.client(Help.snapshot) {
            try ClientOptions("snapshot", arguments, ["NAME"])
        } _: { options in
            let json = try options.client.ask(.get, "/v1/functions/\(options.words[0])/snapshot").json
            Terminal.print(options.json ? json.line : outline(json, indent: "").joined(separator: "\n"))
            return ExitStatus.success
        }
    }

    /// Any value, for a person: members below each other, lists of plain objects as tables.
    private static func outline(_ json: JSON, indent: String) -> [String] {
        var lines: [String] = []
        for (name, value) in json.object ?? [] {
            if let items = value.list, items.contains(where: { $0.object != nil }) {
                lines.append("\(indent)\(name) (\(items.count))")
                if let table = table(items) {
                    lines += table.split(separator: "\n").map { indent + "  " + $0 }
                } else {
                    for (index, item) in items.enumerated() {
                        lines.append("\(indent)  \(index + 1).")
                        lines += outline(item, indent: indent + "     ")
                    }
                }
            } else if let members = value.object, !members.isEmpty {
                lines.append("\(indent)\(name)")
                lines += outline(value, indent: indent + "  ")
            } else {
                lines.append("\(indent)\(name): \(plain(value))")
            }
        }
        return lines
    }

    private static func table(_ items: [JSON]) -> String? {
        var head: [String] = []
        for item in items {
            guard let members = item.object, members.allSatisfy({ $0.1.list == nil && $0.1.object == nil }) else {
                return nil
            }
            for (name, _) in members where !head.contains(name) { head.append(name) }
        }
        if head.isEmpty { return nil }
        return Terminal.table([head] + items.map { item in head.map { item[$0].map(plain) ?? "" } })
    }

    private static func plain(_ json: JSON) -> String {
        guard let text = json.text else { return json.isNull ? "" : json.line }
        // Names of what was captured are the function's choice.
        return text.printable
    }

    private static func delete(_ arguments: [String]) -> Int32 {
        Command.client(Help.snapshot) {
            try ClientOptions("snapshot", arguments, ["NAME"])
        } _: { options in
            let name = options.words[0]
            _ = try options.client.ask(.delete, "/v1/functions/\(name)/snapshot")
            Terminal.print(
                options.json
                    ? JSON.object([("function", .text(name)), ("state", .text("none"))]).line
                    : "deleted: the snapshot of \(name)")
            return ExitStatus.success
        }
    }
}
