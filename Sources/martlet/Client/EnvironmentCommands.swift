// `martlet init`, `shutdown` and `ps`: environments one by one.

import Lambda
import Wire

enum EnvironmentCommands {
    static func start(_ arguments: [String]) -> Int32 {
        Command.client(Help.start) {
            try ClientOptions("init", arguments, ["NAME"])
        } _: { options in
            let name = options.words[0]
            let reply = try options.client.ask(
                .post, "/v1/environments", [("Content-Type", "application/json")],
                body: JSON.object([("function", .text(name))]).bytes, progress: "starting \(name)")
            let json = reply.json
            if options.json {
                Terminal.print(json.line)
            } else {
                Terminal.print(json["id"]?.text ?? "")
                let rows = [
                    ["took µs", "phase"], [number(json["phases"]?["sandbox_us"]), "the sandbox is made"],
                    json["phases"]?["restore_us"]?.integer ?? 0 > 0
                        ? [number(json["phases"]?["restore_us"]), "the snapshot is restored"]
                        : [number(json["phases"]?["init_us"]), "runtime and code start"],
                ]
                Terminal.note(Terminal.table(rows, right: [0]))
            }
            return ExitStatus.success
        }
    }

    static func shutDown(_ arguments: [String]) -> Int32 {
        var isNow = false
        return Command.client(Help.shutdown) {
            try ClientOptions("shutdown", arguments, ["ID"]) { (name, _) throws(UsageError) in
                if name == "--now" { isNow = true }
                return name == "--now"
            }
        } _: { options in
            let id = options.words[0]
            _ = try options.client.ask(
                .delete, try address(id) + (isNow ? "?now" : ""), progress: "waiting for \(id) to end")
            Terminal.print(
                options.json ? JSON.object([("id", .text(id)), ("state", .text("ended"))]).line : "ended: \(id)")
            return ExitStatus.success
        }
    }

    static func list(_ arguments: [String]) -> Int32 {
        Command.client(Help.ps) {
            try ClientOptions("ps", arguments, [])
        } _: { options in
            let all = try options.client.ask(.get, "/v1/environments").json["environments"]?.list ?? []
            if options.json {
                Terminal.print(JSON.list(all).line)
            } else if all.isEmpty {
                Terminal.note("there is no environment; 'martlet invoke NAME' or 'martlet init NAME' makes one")
            } else {
                let rows = all.map { one in
                    [
                        one["id"]?.text ?? "", one["function"]?.text ?? "",
                        one["frozen"]?.bool == true ? "frozen" : one["state"]?.text ?? "", number(one["served"]),
                        number(one["phases"]?["sandbox_us"]), number(one["phases"]?["restore_us"]),
                        number(one["phases"]?["init_us"]),
                    ]
                }
                Terminal.print(
                    Terminal.table(
                        [["id", "function", "state", "events", "sandbox µs", "restore µs", "init µs"]] + rows,
                        right: [3, 4, 5, 6]))
            }
            return ExitStatus.success
        }
    }

    static func number(_ json: JSON?) -> String { json?.integer.map(String.init) ?? "" }

    /// Where the control socket has that environment. What cannot be an id is not sent as part of an address.
    static func address(_ id: String) throws(UsageError) -> String {
        guard isFunctionName(id) else {
            throw UsageError(message: "'\(id)' cannot be the id of an environment; 'martlet ps' lists them")
        }
        return "/v1/environments/\(id)"
    }
}
