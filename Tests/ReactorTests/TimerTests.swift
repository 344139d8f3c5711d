import Linux
import Testing

@testable import Reactor

@Suite struct Timers {
    private func fired(_ heap: inout TimerHeap, at time: UInt64) -> [UInt64] {
        var times: [UInt64] = []
        while let timer = heap.takeDue(time) { times.append(timer.time) }
        return times
    }

    @Test func comeInTheirOrder() {
        var heap = TimerHeap()
        var random = SystemRandomNumberGenerator()
        let times = (0..<1000).map { _ in UInt64.random(in: 1...500, using: &random) }
        for time in times { heap.add(Timer(time: time) {}) }
        #expect(fired(&heap, at: 0).isEmpty)
        let early = fired(&heap, at: 250)
        let late = fired(&heap, at: 500)
        #expect(early + late == times.sorted())
        #expect(early.allSatisfy { $0 <= 250 } && late.allSatisfy { $0 > 250 })
        #expect(heap.millisecondsToNext() == -1)
    }

    @Test func oneThatWasCancelledNeverComes() {
        var heap = TimerHeap()
        let timers = (1...1000).map { time in Timer(time: UInt64(time)) { Issue.record("it was cancelled") } }
        for timer in timers { heap.add(timer) }
        for timer in timers where timer.time % 2 == 0 { timer.cancel() }
        let times = fired(&heap, at: 1000)
        #expect(times == (1...1000).filter { $0 % 2 == 1 }.map(UInt64.init))
    }

    @Test func thoseThatWereCancelledDoNotGather() {
        // A deadline for each of many events, each cancelled at once, as in a busy engine.
        var heap = TimerHeap()
        weak var old: Timer?
        for time in 1...10_000 {
            let timer = Timer(time: UInt64(time)) {}
            if time == 100 { old = timer }
            heap.add(timer)
            timer.cancel()
        }
        #expect(old == nil)
        #expect(heap.millisecondsToNext() == -1)
    }

    @Test func theNextIsInWholeMilliseconds() {
        var heap = TimerHeap()
        heap.add(Timer(time: Clock.now + 10_000_000) {})
        #expect((9...11).contains(heap.millisecondsToNext()))
        heap.add(Timer(time: 1) {})
        #expect(heap.millisecondsToNext() == 0)
        var far = TimerHeap()
        far.add(Timer(time: .max) {})
        #expect(far.millisecondsToNext() == 60_000)
    }

    @Test func oneFiresOnce() {
        var count = 0
        let timer = Timer(time: 0) { count += 1 }
        timer.fire()
        timer.fire()
        #expect(count == 1)
        #expect(timer.isCancelled)
    }

    @Test func theLoopKeepsTime() throws {
        let loop = try EventLoop()
        var words: [String] = []
        _ = loop.after(20_000_000) {
            words.append("third")
            loop.stop()
        }
        _ = loop.after(10_000_000) { words.append("second") }
        let cancelled = loop.after(5_000_000) { words.append("never") }
        loop.afterThisTurn {
            words.append("first")
            cancelled.cancel()
        }
        let start = Clock.now
        try loop.run()
        #expect(words == ["first", "second", "third"])
        #expect(Clock.now - start >= 20_000_000)
    }
}
