// One thread that waits for everything: connections, pipes, processes' ends, deadlines. Whoever is watched is given a turn,
// does what can be done without waiting and within the turn, and returns; what is left is for its next turn, when all
// others that are ready have had theirs. Each turn is charged to the share of whoever it is for. Nothing here is to be used
// from another thread.

import Glibc
package import Linux

/// Something with a descriptor.
package protocol Watched: AnyObject {
    /// It is readable (or ended), or takes bytes again. Told once for each change: read, through `turn`, until nothing is
    /// left or the turn is used up; there is another one then.
    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn)
}

package final class EventLoop {
    private let events: EventQueue
    private var ready = EventQueue.Ready()
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var timers = TimerHeap()
    private var isRunning = false
    private var afterwards: [() -> Void] = []
    /// The time when this turn began: near enough for everything that is not measured.
    package private(set) var now = Clock.now
    /// Slots that are to have a turn, in this order; and those that have one in the round after.
    private var queue: [Int] = []
    private var pausedShares = 0
    /// Bytes are read into this and then belong to whoever asked; one for all, since there is one thread.
    package var scratch = [UInt8](repeating: 0, count: 64 * 1024)

    private struct Slot {
        var watched: (any Watched)?
        /// Told apart from those that had this slot before.
        var generation: UInt32
        var share: LoopShare?
        var isQueued = false
        var toRead = false
        var toWrite = false
        var hasEnd = false
    }

    /// The right to be told, given back by `forget`.
    package struct Registration: Sendable {
        fileprivate let slot: Int
        fileprivate let token: UInt64
        fileprivate let raw: Int32
    }

    package init() throws(SystemError) { events = try EventQueue() }

    // MARK: descriptors

    package func watch(
        _ raw: Int32, _ watched: any Watched, chargedTo payer: Payer
    ) throws(SystemError) -> Registration {
        let registration = register(watched, raw, payer)
        do throws(SystemError) {
            try events.watch(raw, token: registration.token)
        } catch {
            forget(registration)
            throw error
        }
        return registration
    }

    /// Something without a descriptor, that has a turn whenever it is woken.
    package func watch(_ watched: any Watched, chargedTo payer: Payer) -> Registration { register(watched, -1, payer) }

    private func register(_ watched: any Watched, _ raw: Int32, _ payer: Payer) -> Registration {
        let slot: Int
        if let used = free.popLast() {
            slot = used
        } else {
            slot = slots.count
            slots.append(Slot(watched: nil, generation: 0))
        }
        let generation = slots[slot].generation
        slots[slot] = Slot(watched: watched, generation: generation, share: payer.share)
        return Registration(slot: slot, token: UInt64(generation) << 32 | UInt64(slot), raw: raw)
    }

    /// Another turn, though the descriptor has not become ready anew.
    package func wake(_ registration: Registration, toWrite: Bool = false) {
        if toWrite { slots[registration.slot].toWrite = true } else { slots[registration.slot].toRead = true }
        enqueue(registration.slot)
    }

    private func enqueue(_ slot: Int) {
        guard !slots[slot].isQueued else { return }
        slots[slot].isQueued = true
        queue.append(slot)
    }

    /// Whether to be told when the descriptor takes bytes again.
    package func wantOutput(_ wanted: Bool, _ registration: Registration) {
        try? events.watchAgain(registration.raw, token: registration.token, writing: wanted)
    }

    /// To be called once, before the descriptor is closed.
    package func forget(_ registration: Registration) {
        // What it has in the queue is passed over.
        slots[registration.slot] = Slot(watched: nil, generation: slots[registration.slot].generation &+ 1)
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

    /// One round: a turn for each that is ready.
    func turn() throws(SystemError) {
        let isBusy = !queue.isEmpty || !afterwards.isEmpty
        try events.wait(milliseconds: isBusy ? 0 : timers.millisecondsToNext(), into: &ready)
        now = Clock.now
        for index in 0..<ready.count {
            let event = ready[index]
            let slot = Int(event.token & 0xffff_ffff)
            // One that is gone, of which the kernel had told already.
            guard slots[slot].generation == UInt32(event.token >> 32), slots[slot].watched != nil else { continue }
            if event.readable { slots[slot].toRead = true }
            if event.writable { slots[slot].toWrite = true }
            if ready.hasEnd(index) { slots[slot].hasEnd = true }
            enqueue(slot)
        }
        // Who is not done, or is woken meanwhile, comes in the next round: behind what the kernel tells of then.
        let round = queue
        queue.removeAll(keepingCapacity: true)
        for slot in round { serve(slot) }
        while let timer = timers.takeDue(now) { timer.fire() }
        if !afterwards.isEmpty {
            let actions = afterwards
            afterwards = []
            for action in actions { action() }
        }
    }

    /// One turn of one.
    private func serve(_ slot: Int) {
        guard slots[slot].isQueued, let watched = slots[slot].watched else { return }
        let share = slots[slot].share
        if let share, share.isPaused { return share.waiting.append(slot) }
        let (generation, toRead, toWrite) = (slots[slot].generation, slots[slot].toRead, slots[slot].toWrite)
        (slots[slot].isQueued, slots[slot].toRead, slots[slot].toWrite) = (false, false, false)
        var turn = Turn(hasEnd: slots[slot].hasEnd)
        guard let share else {
            watched.isReady(toRead: toRead, toWrite: toWrite, &turn)
            return isDone(slot, generation, turn)
        }
        let start = Clock.now
        watched.isReady(toRead: toRead, toWrite: toWrite, &turn)
        isDone(slot, generation, turn)
        let end = Clock.now
        if let pause = share.charge(end - start, now: end, pausedShares: pausedShares) { self.pause(share, pause) }
    }

    private func isDone(_ slot: Int, _ generation: UInt32, _ turn: borrowing Turn) {
        guard turn.isUnfinished, slots[slot].generation == generation else { return }
        slots[slot].toRead = true
        enqueue(slot)
    }

    private func pause(_ share: LoopShare, _ nanoseconds: UInt64) {
        pausedShares += 1
        _ = after(nanoseconds) { [self] in
            pausedShares -= 1
            queue += share.resume(Clock.now)
        }
    }
}
