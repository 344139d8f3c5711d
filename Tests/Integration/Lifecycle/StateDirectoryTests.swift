// Where root goes by a path, nobody else has a say in where that leads: a directory that others can change is refused, and
// a link that somebody has planted leads nowhere.

import Glibc
import IntegrationSupport
import Linux
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct StateDirectories {
    /// Of the test's own: a state directory, a run directory, and a directory elsewhere that must stay as it is.
    private final class Place {
        let path: String
        var state: String { "\(path)/state" }
        var victim: String { "\(path)/victim" }

        init() throws {
            path = try HostFiles.makeTemporaryDirectory("martlet-planted")
            for name in ["state", "victim", "victim/precious", "victim/root", "theirs"] {
                try HostFiles.makeDirectory("\(path)/\(name)")
            }
            try HostFiles.write("precious", to: "\(victim)/precious/file")
        }

        deinit { HostFiles.remove(path) }

        func serve(state: String? = nil, run: String? = nil, socket: String? = nil) throws -> Outcome {
            var program = Martlet().program(["serve", "--socket", socket ?? "\(path)/control.sock", "--log", "quiet"])
            program.environment["MARTLET_STATE"] = state ?? self.state
            program.environment["MARTLET_RUN"] = run ?? "\(path)/run"
            let running = try program.start()
            // One that is not refused serves until it is told to end.
            _ = Processes.hasEnded(try Processes.open(running.pid), within: 1000 * Int32(Binaries.patience))
            running.signal(SIGTERM)
            return try running.end()
        }

        /// Nothing was made, removed, or given to somebody else there.
        var isUntouched: Bool {
            var about = stat()
            guard unsafe stat(victim, &about) == 0, about.st_uid == 0, about.st_mode & 0o7777 == 0o755 else {
                return false
            }
            return HostFiles.names(in: victim).sorted() == ["precious", "root"]
                && HostProcesses.text("\(victim)/precious/file") == "precious"
                && HostFiles.names(in: "\(victim)/root") == []
        }
    }

    /// The warden goes while the supervisor still reads what functions there are: nothing goes on without it.
    @Test func aWardenThatGoesWhileTheSupervisorBeginsTakesItAlong() throws {
        let place = try Place()
        try HostFiles.makeDirectory("\(place.state)/functions")
        for number in 0..<300 {
            try HostFiles.makeDirectory("\(place.state)/functions/f\(number)")
            try HostFiles.write("{", to: "\(place.state)/functions/f\(number)/function.json")
        }
        try HostFiles.write("no directory", to: "\(place.state)/snapshots")
        var program = Martlet().program(["serve", "--socket", "\(place.path)/control.sock"])
        program.environment["MARTLET_STATE"] = place.state
        program.environment["MARTLET_RUN"] = "\(place.path)/run"
        // Which of the two comes first is not in our hands.
        for _ in 0..<6 {
            let running = try program.start()
            let hasEnded = Processes.hasEnded(try Processes.open(running.pid), within: 3000 * Int32(Binaries.patience))
            if !hasEnded { running.signal(SIGKILL) }
            let outcome = try running.end()
            #expect(hasEnded && outcome.status != 0, "\(outcome.errors.suffix(500))")
            #expect(outcome.errors.hasSuffix(" ended\n"), "\(outcome.errors.suffix(500))")
            guard hasEnded else { return }
        }
    }

    private static let stranger: UInt32 = 12_345

    private func expectRefusal(_ place: Place, _ outcome: Outcome, _ line: SourceLocation = #_sourceLocation) {
        #expect(outcome.status != 0 && outcome.errors.contains("cannot"), "\(outcome)", sourceLocation: line)
        #expect(place.isUntouched, "\(outcome)", sourceLocation: line)
    }

    @Test func oneOfAnotherUserIsRefused() throws {
        let place = try Place()
        unsafe chown(place.state, Self.stranger, Self.stranger)
        expectRefusal(place, try place.serve())
    }

    @Test(arguments: [0o775, 0o757, 0o1777] as [mode_t]) func oneThatOthersMayWriteToIsRefused(_ mode: mode_t) throws {
        let place = try Place()
        unsafe chmod(place.state, mode)
        expectRefusal(place, try place.serve())
    }

    /// Whoever owns a directory above it can put a link in its place.
    @Test func oneBelowAnothersDirectoryIsRefused() throws {
        let place = try Place()
        unsafe rename(place.state, "\(place.path)/theirs/state")
        unsafe chown("\(place.path)/theirs", Self.stranger, Self.stranger)
        expectRefusal(place, try place.serve(state: "\(place.path)/theirs/state"))
        expectRefusal(place, try place.serve(run: "\(place.path)/theirs/run"))
    }

    @Test func oneBehindAnothersLinkIsRefused() throws {
        let place = try Place()
        let link = "\(place.path)/link"
        try HostFiles.makeLink(link, to: place.state)
        unsafe lchown(link, Self.stranger, Self.stranger)
        expectRefusal(place, try place.serve(state: link))
    }

    /// Each place that root goes to by its name, as a link to a directory elsewhere.
    @Test(arguments: ["functions", "logs", "passing", "snapshots"]) func aLinkBelowItLeadsNowhere(
        _ name: String
    ) throws {
        let place = try Place()
        try HostFiles.makeLink("\(place.state)/\(name)", to: place.victim)
        unsafe lchown("\(place.state)/\(name)", Self.stranger, Self.stranger)
        expectRefusal(place, try place.serve())
    }

    @Test func linksAmongImagesAndFunctionsAreRemovedAsLinks() throws {
        let place = try Place()
        for name in ["snapshots", "passing"] {
            try HostFiles.makeDirectory("\(place.state)/\(name)", mode: 0o700)
            try HostFiles.makeDirectory("\(place.state)/\(name)/.f@1.1", mode: 0o700)
            try HostFiles.makeLink("\(place.state)/\(name)/.f@1.1/inner", to: place.victim)
            try HostFiles.makeLink("\(place.state)/\(name)/.f@1.2", to: place.victim)
        }
        unsafe chown("\(place.state)/passing", 0x6fff_ffff, 0x6fff_ffff)
        unsafe chown("\(place.state)/passing/.f@1.1", 0x6fff_ffff, 0x6fff_ffff)
        #expect(try place.serve().status == 0)
        #expect(HostFiles.names(in: "\(place.state)/snapshots") == [])
        #expect(HostFiles.names(in: "\(place.state)/passing") == [])
        #expect(place.isUntouched)
    }

    /// The place of the socket may be another's: it is root's own until it has its owner and its mode.
    @Test func aLinkInThePlaceOfTheSocketIsNotFollowed() throws {
        let place = try Place()
        unsafe chown("\(place.path)/theirs", Self.stranger, Self.stranger)
        try HostFiles.makeLink("\(place.path)/theirs/control.sock", to: "\(place.victim)/precious/file")
        expectRefusal(place, try place.serve(socket: "\(place.path)/theirs/control.sock"))
    }
}
