// Waiting for several descriptors at once.

internal import CLinux
import Glibc

package struct EventQueue: ~Copyable {
    private let descriptor: FileDescriptor

    package init() throws(SystemError) {
        let raw = try Kernel.check(Kernel.call(CLINUX_SYS_epoll_create1, Int(CLINUX_O_CLOEXEC)), "epoll_create1")
        descriptor = FileDescriptor(owning: Int32(raw))
    }

    /// Watches `raw` until it is closed; `token` comes back once whenever there is something new to read, or the other
    /// side has gone: whoever handles it reads until nothing is left.
    package func watch(_ raw: Int32, token: UInt64) throws(SystemError) {
        let events = CLINUX_EPOLLIN | CLINUX_EPOLLRDHUP | CLINUX_EPOLLET
        try Kernel.check(clinux_epoll_add(descriptor.raw, raw, events, token), "epoll_ctl")
    }

    /// Watches a pipe for nothing but its end: what is written to it wakes nobody.
    package func watchEnd(_ raw: Int32, token: UInt64) throws(SystemError) {
        try Kernel.check(clinux_epoll_add(descriptor.raw, raw, CLINUX_EPOLLET, token), "epoll_ctl")
    }

    /// The same for a descriptor that is watched already; with `writing` its token comes also when it can be written to.
    package func watchAgain(_ raw: Int32, token: UInt64, writing: Bool) throws(SystemError) {
        let events = CLINUX_EPOLLIN | CLINUX_EPOLLRDHUP | CLINUX_EPOLLET | (writing ? CLINUX_EPOLLOUT : 0)
        try Kernel.check(clinux_epoll_change(descriptor.raw, raw, events, token), "epoll_ctl")
    }

    /// What is ready, into `ready`, which is used again from turn to turn. A signal or the end of the time leaves none.
    package func wait(milliseconds: Int32, into ready: inout Ready) throws(SystemError) {
        let queue = descriptor.raw
        let count = unsafe clinux_epoll_wait(queue, &ready.tokens, &ready.events, milliseconds)
        ready.count = max(0, count)
        if count != -Int(EINTR) { try Kernel.check(count, "epoll_wait") }
    }

    package struct Ready {
        package internal(set) var count = 0
        var tokens = [UInt64](repeating: 0, count: 64)
        var events = [UInt32](repeating: 0, count: 64)

        package init() {}

        package subscript(index: Int) -> (token: UInt64, readable: Bool, writable: Bool) {
            // Whatever is not about writing is found out by reading: data, the end, an error.
            (tokens[index], events[index] & ~CLINUX_EPOLLOUT != 0, events[index] & CLINUX_EPOLLOUT != 0)
        }

        /// The other side has gone: after what is there to be read comes the end, and that is not told once more.
        package func hasEnd(_ index: Int) -> Bool { events[index] & (CLINUX_EPOLLHUP | CLINUX_EPOLLRDHUP) != 0 }
    }

    /// The tokens of what is ready; none when `milliseconds` have passed (-1 waits for ever) or a signal came.
    package func wait(milliseconds: Int32) throws(SystemError) -> [UInt64] {
        var count = 0
        var events = [UInt32](repeating: 0, count: 64)
        let queue = descriptor.raw
        let tokens = unsafe [UInt64](unsafeUninitializedCapacity: 64) { buffer, filled in
            count = unsafe clinux_epoll_wait(queue, buffer.baseAddress, &events, milliseconds)
            filled = max(0, count)
        }
        if count == -Int(EINTR) { return [] }
        try Kernel.check(count, "epoll_wait")
        return tokens
    }
}

/// A counter that a process or the kernel adds to, and that wakes whoever watches it.
package enum EventCounter {
    package static func make(blocking: Bool = false) throws(SystemError) -> FileDescriptor {
        let flags = Int(CLINUX_O_CLOEXEC) | (blocking ? 0 : Int(O_NONBLOCK))
        let raw = try Kernel.check(Kernel.call(CLINUX_SYS_eventfd2, 0, flags), "eventfd")
        return FileDescriptor(owning: Int32(raw))
    }

    /// One of which each reader takes one, and waits while there is none.
    package static func makeSemaphore() throws(SystemError) -> FileDescriptor {
        // EFD_SEMAPHORE
        let raw = try Kernel.check(Kernel.call(CLINUX_SYS_eventfd2, 0, Int(CLINUX_O_CLOEXEC) | 1), "eventfd")
        return FileDescriptor(owning: Int32(raw))
    }

    package static func add(to counter: borrowing FileDescriptor) { add(to: counter.raw, 1) }

    package static func add(to counter: Int32, _ number: UInt64) {
        var number = number
        _ = unsafe withUnsafeMutablePointer(to: &number) {
            Kernel.call(CLINUX_SYS_write, Int(counter), Int(bitPattern: $0), 8)
        }
    }

    /// What it has counted, and sets it to zero; nil when that is nothing.
    package static func value(of counter: Int32) -> UInt64? {
        var count: UInt64 = 0
        let result = unsafe withUnsafeMutablePointer(to: &count) {
            Kernel.call(CLINUX_SYS_read, Int(counter), Int(bitPattern: $0), 8)
        }
        return result == 8 ? count : nil
    }

    /// Sets it to zero; one that blocks is waited for until it is more than that.
    package static func take(from counter: borrowing FileDescriptor) {
        var count: UInt64 = 0
        let raw = Int(counter.raw)
        _ = unsafe withUnsafeMutablePointer(to: &count) { Kernel.call(CLINUX_SYS_read, raw, Int(bitPattern: $0), 8) }
    }
}
