// Running `martlet exec` as a user would, and reading what it says with --json.

/// A run of martlet that is about to happen.
package struct Martlet: Sendable {
    package var options: [String] = []
    package var environment: [String: String] = [:]

    package init(_ options: String...) { self.options = options }

    /// `martlet exec OPTIONS -- COMMAND`.
    package func exec(_ command: String...) -> Program { program(["exec"] + options + ["--"] + command) }

    /// The command is a line for the shell of the root.
    package func shell(_ line: String) -> Program { exec("/bin/sh", "-c", line) }

    package func program(_ words: [String]) -> Program {
        var program = Program([Binaries.martlet] + words)
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        program.environment.merge(environment) { $1 }
        return program
    }
}

/// Figures of the object that --json prints, which stands on the last line of the output.
package struct Figures {
    private let line: String

    package init(_ outcome: Outcome) {
        line = outcome.output.split(separator: "\n").last.map(String.init) ?? ""
    }

    package func number(_ name: String) -> Double? {
        value(name).flatMap { Double($0.prefix { "0123456789.-".contains($0) }) }
    }

    package func text(_ name: String) -> String? {
        guard let value = value(name), value.hasPrefix("\"") else { return nil }
        return String(value.dropFirst().prefix { $0 != "\"" })
    }

    private func value(_ name: String) -> Substring? {
        let key = "\"\(name)\":"
        var rest = line[...]
        while let quote = rest.firstIndex(of: "\"") {
            rest = rest[quote...]
            if rest.hasPrefix(key) { return rest.dropFirst(key.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
