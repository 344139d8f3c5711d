// The measure of a warm invocation: the same interpreter, outside any sandbox, that gives back what it reads from a Unix
// socket.

import Glibc
import Linux

final class Echo {
    private let socket: FileDescriptor
    private let pid: Int32
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

    static let python = """
        import socket
        s = socket.socket(fileno=0)
        while True:
            data = s.recv(65536)
            if not data: break
            s.sendall(data)
        """
    static let node = """
        const s = new (require('net').Socket)({fd: 0});
        s.on('data', data => s.write(data));
        s.on('end', () => process.exit());
        """

    /// - Parameter command: as the root `root` has it
    init(root: String, _ command: [String]) throws {
        let ends = try StreamSockets.pair()
        socket = FileDescriptor(owning: ends.here)
        let there = FileDescriptor(owning: ends.there)
        pid = try Spawn.start(
            "/usr/sbin/chroot", arguments: ["chroot", root] + command, environment: ["PATH=/usr/bin:/bin"],
            streams: [(there.raw, 0)])
    }

    func use(processors: String) throws { try Processors.allow(processors, to: pid) }

    /// One round trip.
    func round(_ bytes: [UInt8]) throws {
        try Files.write(bytes, to: socket.raw, named: "the echo")
        guard case .count = Streams.read(socket.raw, into: &buffer) else {
            throw Broken(description: "the echo has ended")
        }
    }

    func end() {
        Streams.shutDown(socket.raw)
        _ = try? Processes.wait(for: pid)
    }
}
