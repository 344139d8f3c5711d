// Deadlines, the nearest first. One that was cancelled stays in the heap until its time comes, or until those outnumber
// the others: most deadlines are cancelled, soon after they were set.

import Linux

package final class Timer {
    let time: UInt64
    private var action: (() -> Void)?

    init(time: UInt64, action: @escaping () -> Void) {
        self.time = time
        self.action = action
    }

    var isCancelled: Bool { action == nil }

    package func cancel() { action = nil }

    func fire() {
        guard let action else { return }
        self.action = nil
        action()
    }
}

struct TimerHeap {
    private var heap: [Timer] = []
    private var sizeAfterCleaning = 0

    mutating func add(_ timer: Timer) {
        if heap.count > 64, heap.count > 4 * sizeAfterCleaning { clean() }
        heap.append(timer)
        rise(heap.count - 1)
    }

    private mutating func clean() {
        let left = heap.filter { !$0.isCancelled }
        heap = []
        for timer in left {
            heap.append(timer)
            rise(heap.count - 1)
        }
        sizeAfterCleaning = max(heap.count, 16)
    }

    mutating func takeDue(_ now: UInt64) -> Timer? {
        dropCancelled()
        guard let first = heap.first, first.time <= now else { return nil }
        removeFirst()
        return first
    }

    mutating func millisecondsToNext() -> Int32 {
        dropCancelled()
        guard let first = heap.first else { return -1 }
        let now = Clock.now
        return first.time <= now ? 0 : Int32(min((first.time - now + 999_999) / 1_000_000, 60_000))
    }

    private mutating func dropCancelled() {
        while let first = heap.first, first.isCancelled { removeFirst() }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(0)
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0, heap[index].time < heap[(index - 1) / 2].time {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            let (left, right) = (2 * index + 1, 2 * index + 2)
            var least = index
            if left < heap.count, heap[left].time < heap[least].time { least = left }
            if right < heap.count, heap[right].time < heap[least].time { least = right }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
