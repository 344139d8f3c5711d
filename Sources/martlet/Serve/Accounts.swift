// Users and groups of the host, by number or by name. The files are read as they are: a static program cannot ask the
// name service.

import Linux

enum Accounts {
    static func user(_ text: String) throws(UsageError) -> UInt32 {
        let id = try number(of: text, in: "/etc/passwd", "user")
        if id == 0 { throw UsageError(message: "the supervisor gives up root's rights: name another user than root") }
        return id
    }

    static func group(_ text: String) throws(UsageError) -> UInt32 { try number(of: text, in: "/etc/group", "group") }

    private static func number(of text: String, in file: String, _ what: String) throws(UsageError) -> UInt32 {
        if let number = UInt32(text) { return number }
        for line in ((try? Files.readText(file)) ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[0] == text, let number = UInt32(fields[2]) { return number }
        }
        throw UsageError(message: "there is no \(what) '\(text)' in \(file); a number does as well")
    }
}
