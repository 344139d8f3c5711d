// One thread that waits for everything: connections, pipes, processes' ends, deadlines. Whoever is watched is told, does
// what can be done without waiting, and returns. Nothing here is to be used from another thread, but for `Mailbox`.

import Glibc
package import Linux

/// Something with a descriptor.
package protocol Watched: AnyObject {
    /// It is readable (or ended), or takes bytes again. Told once for each change: read until nothing is left.
    func isReady(toRead: Bool, toWrite: Bool)
}

package final class EventLoop {
    private let queue: EventQueue
    private var ready = EventQueue.Ready()
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var timers = TimerHeap()
    private var isRunning = false
    private var afterwards: [() -> Void] = []
    /// The time when this turn began: near enough for everything that is not measured.
    package private(set) var now = Clock.now
    /// For whoever is being told: after what can be read now comes the end, which is not told once more.
    private(set) var hasEnd = false
    /// Bytes are read into this and then belong to whoever asked; one for all, since there is one thread.
    package var scratch = [UInt8](repeating: 0, count: 64 * 1024)

    private struct Slot {
        var watched: (any Watched)?
        /// Told apart from those that had this slot before.
        var generation: UInt32
    }

    /// The right to be told, given back by `forget`.
    package struct Registration: Sendable {
        fileprivate let slot: Int
        fileprivate let token: UInt64
        fileprivate let raw: Int32
    }

    package init() throws(SystemError) { queue = try EventQueue() }

    // MARK: descriptors

    package func watch(_ raw: Int32, _ watched: any Watched) throws(SystemError) -> Registration {
        let slot: Int
        if let used = free.popLast() {
            slot = used
        } else {
            slot = slots.count
            slots.append(Slot(watched: nil, generation: 0))
        }
        let token = UInt64(slots[slot].generation) << 32 | UInt64(slot)
        do throws(SystemError) {
            try queue.watch(raw, token: token)
        } catch {
            free.append(slot)
            throw error
        }
        slots[slot].watched = watched
        return Registration(slot: slot, token: token, raw: raw)
    }

    /// Whether to be told when the descriptor takes bytes again.
    package func wantOutput(_ wanted: Bool, _ registration: Registration) {
        try? queue.watchAgain(registration.raw, token: registration.token, writing: wanted)
    }

    /// To be called once, before the descriptor is closed.
    package func forget(_ registration: Registration) {
        slots[registration.slot].watched = nil
        slots[registration.slot].generation &+= 1
        free.append(registration.slot)
    }

    // MARK: time

    /// Calls `action` in this many nanoseconds, unless the timer is cancelled before.
    package func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) -> Timer {
        at(Clock.now + nanoseconds, action)
    }

    package func at(_ time: UInt64, _ action: @escaping () -> Void) -> Timer {
        let timer = Timer(time: time, action: action)
        timers.add(timer)
        return timer
    }

    /// Calls `action` when all that is ready now has been seen to.
    package func afterThisTurn(_ action: @escaping () -> Void) { afterwards.append(action) }

    // MARK: the loop

    package func run() throws(SystemError) {
        isRunning = true
        while isRunning { try turn() }
    }

    package func stop() { isRunning = false }

    private func turn() throws(SystemError) {
        try queue.wait(milliseconds: afterwards.isEmpty ? timers.millisecondsToNext() : 0, into: &ready)
        now = Clock.now
        for index in 0..<ready.count {
            let event = ready[index]
            let slot = Int(event.token & 0xffff_ffff)
            // One that was seen to earlier in this turn may have ended this one.
            guard slots[slot].generation == UInt32(event.token >> 32), let watched = slots[slot].watched else {
                continue
            }
            hasEnd = ready.hasEnd(index)
            watched.isReady(toRead: event.readable, toWrite: event.writable)
        }
        while let timer = timers.takeDue(now) { timer.fire() }
        if !afterwards.isEmpty {
            let actions = afterwards
            afterwards = []
            for action in actions { action() }
        }
    }
}
