// The directory of images: one is there whole or not at all, also while another takes its place.

import Glibc
import Linux
import Synchronization
import Testing
import Wire

@testable import Snapshot

@Suite struct ImageStores {
    /// A directory that goes when the test ends.
    final class Place: Sendable {
        let path = "/tmp/martlet-images-\(getpid())-\(UInt64.random(in: 0..<UInt64.max))"
        deinit { try? Trees.remove(path) }
    }

    let place = Place()

    /// Puts one into the store whose memo is the text.
    static func put(_ memo: String, as name: String, in store: borrowing ImageStore) throws {
        let draft = try store.begin(name)
        _ = try draft.pages.append(Array(repeating: 7, count: 4096)[...])
        var plan = Sample.plan
        plan.memo = memo
        plan.files = []
        plan.entries = []
        for index in plan.processes.indices {
            plan.processes[index].descriptors = []
            plan.processes[index].mappings = []
        }
        try store.finish(draft, plan, as: name)
    }

    @Test func whatIsPutIntoOneComesBack() throws {
        let store = try ImageStore(path: place.path)
        try Self.put("first", as: "f@1", in: store)
        let image = try store.open("f@1")
        #expect(image.plan.memo == "first" && image.plan.pagesSize == 4096)
        #expect(store.names == ["f@1"])
        store.remove("f@1")
        #expect(store.names == [])
        #expect(try Files.names(in: place.path) == [])
    }

    @Test func oneIsAlwaysThereWhileItIsReplaced() throws {
        let store = try ImageStore(path: place.path)
        try Self.put("0", as: "f@1", in: store)
        let watcher = Watcher("\(place.path)/f@1/plan")
        try watcher.start()
        for count in 1...100 { try Self.put("\(count)", as: "f@1", in: store) }
        let (looks, misses) = watcher.stop()
        #expect(misses == 0, "it was gone in \(misses) of \(looks) looks")
        #expect(try store.open("f@1").plan.memo == "100")
        #expect(try Files.names(in: place.path) == ["f@1"])
    }

    @Test func whatAnEarlierRemovalHasLeftHindersNone() throws {
        let store = try ImageStore(path: place.path)
        try Self.put("one", as: "f@1", in: store)
        try Files.makeDirectories("\(place.path)/.f@1.\(getpid()).1/more")
        store.remove("f@1")
        #expect(store.names == [])
        store.clearDrafts()
        #expect(try Files.names(in: place.path) == [])
    }

    /// As that of `martlet run` is, beside a server on the same state directory.
    @Test func anotherEnginesStartRemovesNoDraftThatIsBeingWritten() throws {
        let store = try ImageStore(path: place.path)
        let draft = try store.begin("f@1")
        let other = try ImageStore(path: place.path)
        let isClear = other.clearDrafts()
        #expect(!isClear)
        _ = try draft.pages.append(Array(repeating: 7, count: 4096)[...])
        var plan = Sample.plan
        (plan.files, plan.entries) = ([], [])
        for index in plan.processes.indices {
            (plan.processes[index].descriptors, plan.processes[index].mappings) = ([], [])
        }
        try store.finish(draft, plan, as: "f@1")
        let (isClearNow, names) = (other.clearDrafts(), other.names)
        #expect(isClearNow && names == ["f@1"])
        // One whose writer is gone is a remnant.
        _ = try store.begin("f@2")
        let isClearAgain = other.clearDrafts()
        #expect(isClearAgain)
        #expect(try Files.names(in: place.path) == ["f@1"])
    }

    @Test func aDirectoryThatOthersMayWriteToIsNotUsed() throws {
        try Files.makeDirectory(place.path, mode: 0o700)
        #expect(unsafe chmod(place.path, 0o770) == 0)
        #expect(throws: Refusal.self) { _ = try ImageStore(path: place.path) }
    }

    /// Looks whether a file is there, again and again, on a thread of its own.
    private final class Watcher: Sendable {
        private let path: String
        private let state = Mutex((looks: 0, misses: 0, isDone: false, hasEnded: false))

        init(_ path: String) { self.path = path }

        func start() throws {
            try Threads.start { [self] in
                while !state.withLock({ $0.isDone }) {
                    let isThere = Files.exists(path)
                    state.withLock {
                        $0.looks += 1
                        if !isThere { $0.misses += 1 }
                    }
                }
                state.withLock { $0.hasEnded = true }
                while true { sleep(1000) }
            }
        }

        func stop() -> (Int, Int) {
            state.withLock { $0.isDone = true }
            while !state.withLock({ $0.hasEnded }) { usleep(100) }
            return state.withLock { ($0.looks, $0.misses) }
        }
    }
}
