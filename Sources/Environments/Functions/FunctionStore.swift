// The functions that are deployed: in memory to be found, on disk to outlive us.
//
//     functions/NAME/function.json   what it is now, replaced as a whole
//     functions/NAME/CONTENT/        its files; those that function.json does not name are remains
//     passing/ENGINE/                functions that live for one environment; locked while their engine lives

import Glibc
import Lambda
package import Linux
package import Reactor
import Synchronization
import Wire

package final class FunctionStore {
    private let directory: String
    private let roots: String
    private let worker: Worker
    private let randoms: Randoms
    private var functions: [String: FunctionVersion] = [:]
    private let passing: String
    /// Held to the end, and with it the proof that somebody still uses it.
    private var passingDirectory: LockedDirectory?
    /// Held to the end.
    private var directoryLock: RecordLock?
    /// Called with each version that another has taken the place of.
    package var whenReplaced: (FunctionVersion) -> Void = { _ in }

    package init(state: String, _ worker: Worker, _ randoms: Randoms) {
        directory = "\(state)/functions"
        roots = "\(state)/roots"
        passing = "\(state)/passing"
        self.worker = worker
        self.randoms = randoms
        passingHome = "\(passing)/\(Names.hex(randoms.take(8)))"
    }

    private let passingHome: String

    // MARK: finding

    package subscript(name: String) -> FunctionVersion? { functions[name] }
    package var all: [FunctionVersion] { functions.values.sorted { $0.name < $1.name } }

    /// The root file systems that functions can run in.
    package var runtimes: [String] {
        ((try? Files.names(in: roots)) ?? []).filter(FunctionConfiguration.isRuntimeName).sorted()
    }

    // MARK: loading

    /// Reads what was deployed before, and removes what was not finished. Says what could not be read.
    ///
    /// - Throws: EBUSY when another engine serves these functions: each would remove what the other is about to store.
    ///   One that was killed a moment ago is given a while to go
    package func load() throws(SystemError) -> [String] {
        let lock = try RecordLock(path: "\(directory)/.lock")
        guard try lock.take(0, waiting: 2_000_000_000) else {
            throw SystemError(call: "lock", subject: "\(directory) (another engine serves it)", code: EBUSY)
        }
        directoryLock = consume lock
        var complaints: [String] = []
        clearPassing()
        for name in (try? Files.names(in: directory)) ?? [] where !name.hasPrefix(".") {
            if !Files.exists("\(directory)/\(name)/function.json") {
                // Never finished, or removed when there was no time left for its files.
                removeLater("\(directory)/\(name)")
                continue
            }
            guard isFunctionName(name), let function = read(name) else {
                complaints.append("the function in \(directory)/\(name) cannot be read and is left alone")
                continue
            }
            functions[name] = function
            let keep = function.content.directory
            for other in (try? Files.names(in: "\(directory)/\(name)")) ?? []
            where other != "function.json" && "\(directory)/\(name)/\(other)" != keep {
                removeLater("\(directory)/\(name)/\(other)")
            }
        }
        return complaints
    }

    private func read(_ name: String) -> FunctionVersion? {
        guard let bytes = try? Files.read("\(directory)/\(name)/function.json", limit: 1 << 20),
            let json = try? JSON(parsing: bytes), let revision = json["revision"]?.text,
            let content = json["content"]?.text, isFunctionName(content), let figures = ContentFigures(json: json),
            let modified = json["modified_ms"]?.integer
        else { return nil }
        let others = ["name", "version", "revision", "content", "modified", "modified_ms"] + ContentFigures.memberNames
        guard let configuration = try? FunctionConfiguration(json: json, others: others) else { return nil }
        return FunctionVersion(
            name: name, revision: revision, configuration: configuration,
            content: self.content("\(directory)/\(name)/\(content)", figures, isDoomed: false),
            modified: WallTime(milliseconds: UInt64(max(0, modified))))
    }

    /// Remains of engines that are gone.
    package func clearPassing() {
        guard let directory = try? Files.open(passing, .directory) else { return }
        LockedDirectory.removeAbandoned(in: directory) { _ in true }
    }

    private func content(_ directory: String, _ figures: ContentFigures, isDoomed: Bool) -> FunctionContent {
        let remains = remains
        return FunctionContent(directory: directory, figures, isDoomed: isDoomed) { remains.add($0) }
    }

    private let remains = Remains()

    private func removeLater(_ path: String) {
        worker.perform({ Self.removeNow(path) }, then: {})
    }

    private static func removeNow(_ path: String) {
        try? Trees.remove(path)
        // The home of a function that is gone goes with the last of its contents.
        if let slash = path.lastIndex(of: "/") { try? Files.removeDirectory(String(path[..<slash])) }
    }

    /// Removes what was given up since it was last called.
    package func removeRemains() {
        for path in remains.takeAll() { removeLater(path) }
    }

    // MARK: changing

    package enum Failure: Error {
        case invalid(String)
        case storage(String)
    }

    package typealias Done = (Result<FunctionVersion, Failure>) -> Void

    /// Makes the function what `deployment` says. Earlier versions go when their last environment has.
    package func deploy(_ name: String, _ deployment: Deployment, then done: @escaping Done) {
        let existing = functions[name]
        guard deployment.code != nil || existing != nil else {
            return done(.failure(.invalid("a new function needs code")))
        }
        if deployment.code == nil, deployment.layers != nil {
            return done(.failure(.invalid("new layers need the code beside them")))
        }
        if let problem = runtimeProblem(deployment) { return done(.failure(.invalid(problem))) }
        let home = "\(directory)/\(name)"
        let modified = WallTime(milliseconds: Clock.wallMilliseconds)
        let revision = Names.uuid(randoms.take(16))
        make(deployment, in: home, keeping: existing?.content) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let failure): done(.failure(failure))
            case .success(let content):
                let function = FunctionVersion(
                    name: name, revision: revision, configuration: deployment.configuration, content: content,
                    modified: modified)
                do throws(SystemError) {
                    try write(function, to: home)
                } catch {
                    content.doom()
                    return done(.failure(.storage("\(error)")))
                }
                // The one that is replaced now, which need not be the one from when the work began.
                let old = functions.updateValue(function, forKey: name)
                if let old, old.content !== content { old.content.doom() }
                if let old { whenReplaced(old) }
                done(.success(function))
            }
        }
    }

    private func runtimeProblem(_ deployment: Deployment) -> String? {
        let runtime = deployment.configuration.runtime
        if runtimes.contains(runtime) { return nil }
        return """
            there is no runtime \(runtime): \(runtimes.isEmpty ? "none is built yet" : runtimes.joined(separator: ", "))
            """
    }

    private func write(_ function: FunctionVersion, to home: String) throws(SystemError) {
        var members = function.json.object ?? []
        let content = function.content.directory.split(separator: "/").last.map(String.init) ?? ""
        members.append(("content", .text(content)))
        members.append(("modified_ms", .integer(Int64(function.modified.milliseconds))))
        try Trees.replace("\(home)/function.json", with: Array(JSON.object(members).line.utf8))
    }

    private func make(
        _ deployment: Deployment, in home: String, keeping old: FunctionContent?,
        then done: @escaping (Result<FunctionContent, Failure>) -> Void
    ) {
        guard deployment.code != nil else {
            guard let old else { return }
            return done(.success(old))
        }
        let path = "\(home)/\(Names.hex(randoms.take(8)))"
        let isPassing = home == passingHome
        worker.perform({ Unpacking.unpack(deployment, to: path) }) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let figures): done(.success(content(path, figures, isDoomed: isPassing)))
            case .failure(let failure): done(.failure(failure))
            }
        }
    }

    /// A function that lives as long as somebody holds it.
    package func makePassing(_ name: String, _ deployment: Deployment, then done: @escaping Done) {
        if let problem = runtimeProblem(deployment) { return done(.failure(.invalid(problem))) }
        guard deployment.code != nil else { return done(.failure(.invalid("the function has no code"))) }
        do throws(SystemError) {
            try lockPassing()
        } catch {
            return done(.failure(.storage("\(error)")))
        }
        let modified = WallTime(milliseconds: Clock.wallMilliseconds)
        let revision = Names.uuid(randoms.take(16))
        make(deployment, in: passingHome, keeping: nil) { result in
            done(
                result.map {
                    FunctionVersion(
                        name: name, revision: revision, configuration: deployment.configuration, content: $0,
                        modified: modified)
                })
        }
    }

    private func lockPassing() throws(SystemError) {
        if passingDirectory != nil { return }
        try Files.makeDirectories(passing, mode: 0o700)
        let parent = try Files.open(passing, .directory)
        let name = String(passingHome.dropFirst(passing.count + 1))
        passingDirectory = try LockedDirectory(in: Directory(parent)) { _ in name }
    }

    /// At the end of the engine, when nothing runs any more.
    package func close() {
        for path in remains.takeAll() { Self.removeNow(path) }
        if passingDirectory != nil { try? Trees.remove(passingHome) }
    }

    package func remove(_ name: String) -> Bool {
        guard let function = functions.removeValue(forKey: name) else { return false }
        try? Files.remove("\(directory)/\(name)/function.json")
        // Environments that still run have it under their feet: it goes with the last of them.
        function.content.doom()
        return true
    }
}

/// Trees that are to be removed; filled from wherever their last user was.
private final class Remains: Sendable {
    private let paths = Mutex<[String]>([])

    func add(_ path: String) { paths.withLock { $0.append(path) } }

    func takeAll() -> [String] {
        paths.withLock { all in
            defer { all = [] }
            return all
        }
    }
}
