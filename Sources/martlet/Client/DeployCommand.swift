// `martlet deploy`: a function from files, under a name.

import Environments
import Wire

enum DeployCommand {
    static func run(_ arguments: [String]) -> Int32 {
        var function = FunctionOptions()
        var starts = StartOptions()
        return Command.client(Help.deploy) {
            try ClientOptions("deploy", arguments, ["NAME", "CODE"]) { (name, reader) throws(UsageError) in
                if try function.take(name, from: &reader) { return true }
                return try starts.take(name, from: &reader)
            }
        } _: { options in
            let name = options.words[0]
            let warmUp = try starts.members()
            let (code, layers) = try function.readFiles(options.words[1])
            var members = function.members + warmUp
            members.append(("code", try packed(code)))
            if !layers.isEmpty { members.append(("layers", .list(try layers.map(packed)))) }
            let body = JSON.object(members).bytes
            let reply = try options.client.ask(
                .put, "/v1/functions/\(name)", [("Content-Type", "application/json")], body: body,
                progress: "deploying \(name)")
            if options.json {
                Terminal.print(reply.json.line)
            } else {
                tell(name, reply)
            }
            return ExitStatus.success
        }
    }

    private static func packed(_ tree: CodeTree) throws(CommandFailure) -> JSON {
        guard tree.zip.count <= Deployment.longestArchive else {
            throw CommandFailure(
                ExitStatus.usage,
                """
                \(tree.path) has \(tree.zip.count) bytes as an archive, and \(Deployment.longestArchive) are possible\
                \(tree.origin == .zip ? "" : "; martlet compresses nothing: make a zip of it"); or split it into layers
                """)
        }
        return .object([("zip", .text(String(decoding: Base64.encode(tree.zip), as: UTF8.self)))])
    }

    private static func tell(_ name: String, _ reply: ControlReply) {
        let json = reply.json
        let what = [
            json["runtime"]?.text, json["handler"]?.text.flatMap { $0.isEmpty ? nil : $0 },
            json["memory"]?.integer.map { "\($0) MB" }, json["timeout"]?.integer.map { "\($0) s" },
        ]
        Terminal.print(
            "\(reply.head.status == 201 ? "deployed" : "deployed anew"): \(name) "
                + "(\(what.compactMap(\.self).joined(separator: ", ")))")
    }
}
