// What all commands that speak to an engine have on their command lines: where it listens, --json, --help, and words.

import Lambda
import Linux

struct ClientOptions {
    var places = Places()
    var json = false
    var wantsHelp = false
    private(set) var words: [String] = []
    private let command: String

    var client: ControlClient { ControlClient(socket: places.socket) }

    /// - Parameters:
    ///   - names: what the words of this command are, in order; one that ends with ? may be missing
    ///   - take: reads the command's own options; false for one that it does not know
    init(
        _ command: String, _ arguments: [String], _ names: [String],
        take: (String, inout OptionReader) throws(UsageError) -> Bool = { _, _ in false }
    ) throws(UsageError) {
        self.command = command
        var reader = OptionReader(arguments, isMixed: true)
        while let item = try reader.next() {
            guard case .option(let name) = item else {
                if case .rest(let more) = item { words += more }
                continue
            }
            switch name {
            case "--help": wantsHelp = true
            case "--json": json = true
            case "--socket": places.givenSocket = try Places.absolute(reader.value(of: name))
            case "--run": places.run = try Places.absolute(reader.value(of: name))
            default:
                guard try take(name, &reader) else {
                    throw UsageError(message: "\(command) has no option \(name); see 'martlet \(command) --help'")
                }
            }
        }
        if wantsHelp { return }
        let needed = names.count { !$0.hasSuffix("?") }
        if words.count < needed {
            throw UsageError(message: "\(command) needs \(names[words.count]); see 'martlet \(command) --help'")
        }
        if words.count > names.count {
            throw UsageError(
                message: "\(command) does not take '\(words[names.count])'; see 'martlet \(command) --help'")
        }
        if names.first == "NAME", let name = words.first, !isFunctionName(name) {
            throw UsageError(
                message: "'\(name)' cannot be the name of a function: letters, digits, - and _, at most 64")
        }
    }

    func word(_ index: Int) -> String? { index < words.count ? words[index] : nil }
}

extension Command {
    /// A command that speaks to an engine.
    static func client(
        _ help: String, _ options: () throws -> ClientOptions, _ body: (ClientOptions) throws -> Int32
    ) -> Int32 {
        run {
            let options = try options()
            if options.wantsHelp {
                Terminal.print(help)
                return ExitStatus.success
            }
            return try body(options)
        }
    }
}
