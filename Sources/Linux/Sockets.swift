// Sequenced-packet sockets: whole messages between two processes, with descriptors beside them.

internal import CLinux
import Glibc

package struct MessageSocket: ~Copyable, Sendable {
    package let descriptor: FileDescriptor
    package var raw: Int32 { descriptor.raw }

    /// Longer messages are refused on both sides; the kernel's own limit (net.core.wmem_default) is above it.
    package static let longest = 160 * 1024

    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    package struct Received: ~Copyable {
        package let bytes: [UInt8]
        package var descriptors: Descriptors

        /// Takes the descriptors out, and the message apart.
        package consuming func takeDescriptors() -> Descriptors { descriptors }
    }

    /// Its end of a channel under a number that was agreed on.
    package init(raw: Int32) { descriptor = FileDescriptor(owning: raw) }

    /// Gives the number away.
    package consuming func release() -> Int32 { descriptor.release() }

    /// Two ends of one channel, both close-on-exec, as numbers: the caller makes a socket of each at once.
    package static func pair() throws(SystemError) -> (here: Int32, there: Int32) {
        try StreamSockets.pair(SOCK_SEQPACKET)
    }

    /// Without `block` it is an error, EAGAIN, when the other side has left too much unread.
    package func send(_ bytes: [UInt8], descriptors: [Int32] = [], block: Bool = true) throws(SystemError) {
        guard bytes.count <= Self.longest else {
            throw SystemError(call: "send", subject: "a message of \(bytes.count) bytes", code: EMSGSIZE)
        }
        let socket = raw
        let flags = block ? 0 : CLINUX_MSG_DONTWAIT
        let result = Kernel.retry {
            unsafe bytes.withUnsafeBytes { message in
                unsafe descriptors.withUnsafeBufferPointer {
                    unsafe clinux_send(
                        socket, message.baseAddress, UInt64(message.count), $0.baseAddress, UInt32($0.count), flags)
                }
            }
        }
        try Kernel.check(result, "sendmsg")
    }

    package enum Reception: ~Copyable {
        case message(Received)
        /// There is none yet.
        case nothing
        /// The other side is gone.
        case closed
    }

    /// The next message, waited for unless told otherwise. One of more than `limit` bytes is an error: a short limit
    /// where only short messages come saves touching memory.
    package func receive(block: Bool = true, limit: Int = longest) throws(SystemError) -> Reception {
        let socket = raw
        let flags = block ? 0 : CLINUX_MSG_DONTWAIT
        var descriptors = [Int32](repeating: -1, count: 16)
        var descriptorCount: UInt32 = 0
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            let space = unsafe buffer
            count = Kernel.retry {
                unsafe clinux_receive(
                    socket, space.baseAddress, UInt64(space.count), &descriptors, &descriptorCount, flags)
            }
            filled = max(0, count)
        }
        if count == -Int(EAGAIN) { return .nothing }
        // The other side went without reading all that we had sent. The kernel says so once, before it gives out what the
        // other side had sent.
        if count == -Int(ECONNRESET) { return try receive(block: block, limit: limit) }
        try Kernel.check(count, "recvmsg")
        let received = Descriptors(owning: Array(descriptors.prefix(Int(descriptorCount))))
        if count == 0 { return .closed }
        return .message(Received(bytes: bytes, descriptors: received))
    }

    /// The next message without waiting for it, with room for no more than it has. Its length is asked of it and not of the
    /// queue: that says nothing of a message that comes between the two calls.
    package func receiveNext(limit: Int) throws(SystemError) -> Reception {
        let socket = raw
        while true {
            let length = Kernel.retry { clinux_next_length(socket) }
            switch length {
            case -Int(EAGAIN): return .nothing
            // As in `receive`: said once.
            case -Int(ECONNRESET): continue
            default: return try receive(block: false, limit: max(1, min(limit, Kernel.check(length, "recv"))))
            }
        }
    }

    /// Whether there is a message, or the end, when at most so much time has passed.
    package func awaitMessage(milliseconds: Int32) throws(SystemError) -> Bool {
        let latest = Clock.now + UInt64(milliseconds) * 1_000_000
        while true {
            let now = Clock.now
            var waiting = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
            let rest = latest > now ? (latest - now + 999_999) / 1_000_000 : 0
            let count = unsafe poll(&waiting, 1, Int32(rest))
            if count >= 0 { return count > 0 }
            guard errno == EINTR else { throw SystemError(call: "poll", subject: "", code: errno) }
        }
    }
}

/// A handful of descriptors that came together, closed together unless somebody takes them one by one.
package struct Descriptors: ~Copyable, Sendable {
    private var raws: [Int32]

    package init(owning raws: [Int32]) { self.raws = raws }

    package var count: Int { raws.count }
    package subscript(index: Int) -> Int32 { raws[index] }
    /// The numbers, lent: they are good for as long as their owner is.
    package var numbers: [Int32] { raws }

    package mutating func add(_ descriptor: consuming FileDescriptor) { raws.append(descriptor.release()) }

    /// Takes the first one out.
    package mutating func next() -> FileDescriptor? {
        raws.isEmpty ? nil : FileDescriptor(owning: raws.removeFirst())
    }

    /// Lends each one to `body`, with its place.
    package borrowing func forEach(
        _ body: (Int, borrowing FileDescriptor) throws(SystemError) -> Void
    ) throws(SystemError) {
        for (index, raw) in raws.enumerated() {
            let descriptor = FileDescriptor(owning: raw)
            do throws(SystemError) {
                try body(index, descriptor)
                _ = descriptor.release()
            } catch {
                _ = descriptor.release()
                throw error
            }
        }
    }

    deinit {
        for raw in raws { _ = FileDescriptor(owning: raw) }
    }
}
