// Runtime and handler, where nobody gave them: by the names of the files, and by what their text defines. What was
// guessed is said; what cannot be guessed is asked for.

struct Language {
    let runtime: String
    let extensions: [String]

    /// Whether a source text gives other code a function of this name. Good enough for a guess: a line that begins with
    /// a definition in Python, a name and an export in JavaScript.
    func defines(_ function: String, in text: String) -> Bool {
        var exports = false
        var isNamed = false
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "$") }
            guard words.contains(Substring(function)) || words.contains("exports") || words.contains("export") else {
                continue
            }
            if runtime.hasPrefix("python") {
                guard let first = line.first, !first.isWhitespace, first != "#" else { continue }
                if words.count > 1 && words[0] == "def" && words[1] == function { return true }
                if words[0] == function && line.contains("=") { return true }
                if words.contains("import") && words.last == Substring(function) { return true }
            } else {
                exports = exports || words.contains("exports") || words.contains("export")
                isNamed = isNamed || words.contains(Substring(function))
            }
        }
        return exports && isNamed
    }
}

enum Guess {
    static let languages = [
        Language(runtime: "python3.11", extensions: [".py"]),
        Language(runtime: "nodejs18.x", extensions: [".mjs", ".js", ".cjs"]),
    ]

    /// The usual names of the file that has the handler, and of the function in it.
    private static let files = [
        ("lambda_function", "lambda_handler"), ("app", "handler"), ("main", "handler"), ("index", "handler"),
    ]
    private static let functions = ["lambda_handler", "handler"]

    static func complete(_ options: inout FunctionOptions, from code: CodeTree) throws(CommandFailure) {
        var guessed: [String] = []
        if options.runtime == nil, let handler = options.handler, let language = language(of: handler, in: code) {
            options.runtime = language.runtime
            guessed.append("--runtime \(language.runtime)")
        }
        if options.runtime == nil, code.files.contains(where: { $0.path == "bootstrap" && $0.isExecutable }) {
            options.runtime = "provided"
            guessed.append("--runtime provided")
        }
        if options.runtime?.hasPrefix("provided") == true {
            // Its bootstrap may look at the handler, or not.
        } else if options.handler == nil {
            let (language, handler) = try handler(in: code, options.runtime)
            if options.runtime == nil {
                options.runtime = language.runtime
                guessed.append("--runtime \(language.runtime)")
            }
            options.handler = handler
            guessed.append("--handler \(handler)")
        } else if options.runtime == nil {
            throw CommandFailure(
                ExitStatus.usage,
                "cannot tell the runtime of \(code.path): give --runtime, one that martlet doctor lists")
        }
        if !guessed.isEmpty { Terminal.note("martlet: guessed \(guessed.joined(separator: " "))") }
    }

    /// `module.function`, where the module is a file.
    private static func language(of handler: String, in code: CodeTree) -> Language? {
        guard let dot = handler.lastIndex(of: ".") else { return nil }
        let module = handler[..<dot]
        return languages.first { $0.extensions.contains { code.has(module + $0) } }
    }

    private static func handler(
        in code: CodeTree, _ runtime: String?
    ) throws(CommandFailure) -> (Language, String) {
        let possible = languages.filter {
            runtime == nil || runtime == $0.runtime || family(runtime) == family($0.runtime)
        }
        if possible.isEmpty {
            throw CommandFailure(
                ExitStatus.usage, "the handler of a function for \(runtime ?? "") cannot be guessed: give --handler")
        }
        for (stem, usual) in candidates(in: code, possible) {
            for language in possible {
                guard let path = language.extensions.map({ stem + $0 }).first(where: code.has) else { continue }
                let text = code.text(of: path) ?? ""
                let defined = ([usual] + functions).first { language.defines($0, in: text) }
                guard let function = defined else {
                    throw CommandFailure(
                        ExitStatus.usage,
                        """
                        cannot tell which function of \(path) takes events: it defines neither lambda_handler nor handler; \
                        give --handler \(stem).NAME
                        """)
                }
                return (language, "\(stem).\(function)")
            }
        }
        throw CommandFailure(
            ExitStatus.usage,
            """
            cannot tell how to run \(code.path): there is no executable bootstrap, and no lambda_function, app, main or \
            index in Python or JavaScript; give --runtime and --handler
            """)
    }

    /// Names of files without their extensions, the likeliest first.
    private static func candidates(in code: CodeTree, _ languages: [Language]) -> [(stem: String, usual: String)] {
        let extensions = languages.flatMap(\.extensions)
        let sources = code.files.map(\.path).filter { path in
            !path.contains("/") && extensions.contains { path.hasSuffix($0) }
        }
        // One source is the one, whatever its name.
        if sources.count == 1, let ending = extensions.first(where: { sources[0].hasSuffix($0) }) {
            let stem = String(sources[0].dropLast(ending.count))
            return [(stem, files.first { $0.0 == stem }?.1 ?? "lambda_handler")]
        }
        return files.map { (stem: $0.0, usual: $0.1) }
    }

    private static func family(_ runtime: String?) -> String {
        String((runtime ?? "").prefix { $0.isLetter })
    }
}
