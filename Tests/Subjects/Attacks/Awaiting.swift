// An attack that waits to be told which it is: it connects to where the Runtime API listens, is captured there, and the
// clone that is restored from that becomes whatever the line says that it reads. No program is executed in between: what
// attacks is the very process that was restored.

internal import CAttacks
import Glibc

enum Awaiting {
    private static let port: UInt16 = 9001

    static func serve() -> Never {
        var port = port
        let connection = unsafe attack_tcp(&port, 0)
        guard connection >= 0 else { Attacks.fail("connect: \(Errno(connection))", 70) }
        Attacks.say("ready", to: Int32(connection))
        let words = line(from: connection).split(separator: " ").map(String.init)
        guard let name = words.first else { Attacks.fail("nothing was asked", 70) }
        exit(Attacks.run(name, Stage(words.dropFirst())))
    }

    private static func line(from connection: Int) -> String {
        var bytes: [UInt8] = []
        let buffer = Buffer(4096)
        while bytes.last != 10 {
            let count = call(__NR_read, connection, buffer, buffer.count)
            // Interrupted where it was captured, it reads again.
            if count == -Int(EINTR) { continue }
            guard count > 0 else { Attacks.fail("the engine has hung up: \(count)", 70) }
            unsafe bytes += UnsafeRawBufferPointer(start: buffer.address, count: count)
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }
}
