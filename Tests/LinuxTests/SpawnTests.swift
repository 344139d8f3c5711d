// Programs that are started: their streams, their signals, and why one could not be.

import Glibc
import Testing

@testable import Linux

@Suite struct SpawnTests {
    private func run(_ script: String, streams: [(from: Int32, to: Int32)] = []) throws -> Processes.Ending? {
        let pid = try Spawn.start(
            "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], streams: streams)
        return try Processes.wait(for: pid)?.ending
    }

    @Test func itsEndIsTheProgramsOwn() throws { #expect(try run("exit 7") == .exited(7)) }

    @Test func whatCannotBeExecutedSaysWhy() throws {
        for (path, code) in [("/no/such/program", ENOENT), ("/etc", EACCES), ("/etc/passwd", EACCES)] {
            let error = #expect(throws: SystemError.self) {
                try Spawn.start(path, arguments: [path], environment: [])
            }
            #expect(error?.code == code && error?.subject == path)
        }
    }

    @Test func aStreamIsInheritedUnderItsOwnNumberAndUnderAnother() throws {
        let ends = try StreamSockets.pair()
        let here = FileDescriptor(owning: ends.here)
        let there = FileDescriptor(owning: ends.there)
        // Both are close-on-exec with the caller.
        let script = "test -e /proc/self/fd/\(there.raw) && echo there"
        #expect(try run(script, streams: [(there.raw, there.raw), (there.raw, 1)]) == .exited(0))
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = unsafe read(here.raw, &buffer, buffer.count)
        #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self) == "there\n")
    }

    @Test func noSignalIsBlockedInTheProgram() throws {
        let diverted = try Signals.divert([SIGUSR2])
        // The program is ended by it, so it was neither blocked nor ignored there.
        #expect(try run("kill -USR2 $$; exit 0") == .signalled(SIGUSR2))
        #expect(diverted.raw >= 0)
    }
}
