// The event of an invocation: JSON on the command line, in a file, or on standard input.

import Glibc
import Lambda
import Linux
import Wire

enum EventSource {
    /// - Parameter word: JSON, @FILE or -; nothing is an empty object
    static func read(_ word: String?) throws(CommandFailure) -> [UInt8] {
        guard let word else { return Array("{}".utf8) }
        let bytes: [UInt8]
        if word == "-" {
            bytes = try contents("/dev/stdin", "standard input")
        } else if word.hasPrefix("@") {
            bytes = try contents(String(word.dropFirst()), String(word.dropFirst()))
        } else {
            bytes = Array(word.utf8)
        }
        guard bytes.count <= Payload.longestRequest else { throw tooLarge }
        try check(bytes, "the event")
        return bytes
    }

    static func check(_ bytes: [UInt8], _ what: String) throws(CommandFailure) {
        do throws(JSONError) {
            try JSON.validate(bytes)
        } catch {
            throw CommandFailure(
                ExitStatus.usage, "\(what) is not JSON: \(error); a text needs quotation marks of its own: '\"hello\"'")
        }
    }

    private static let tooLarge = CommandFailure(
        ExitStatus.usage,
        "an event has at most \(Payload.longestRequest) bytes: put large data where the function can get it")

    private static func contents(_ path: String, _ name: String) throws(CommandFailure) -> [UInt8] {
        do throws(SystemError) {
            return try Files.read(path, limit: Payload.longestRequest)
        } catch {
            if error.code == EFBIG { throw tooLarge }
            throw CommandFailure(ExitStatus.noInput, "cannot read the event from \(name): \(error.reason)")
        }
    }
}
