import Linux
import Testing

@Suite struct RecordLocks {
    @Test func aByteHasOneOwner() throws {
        let directory = try TemporaryDirectory()
        let one = try RecordLock(path: "\(directory.path)/locks")
        let other = try RecordLock(path: "\(directory.path)/locks")
        #expect(try one.take(7))
        #expect(try !other.take(7))
        #expect(try other.take(8))
        one.release(7)
        #expect(try other.take(7))
    }

    @Test func theLockGoesWithItsFile() throws {
        let directory = try TemporaryDirectory()
        let other = try RecordLock(path: "\(directory.path)/locks")
        do {
            let one = try RecordLock(path: "\(directory.path)/locks")
            #expect(try one.take(1))
            #expect(try !other.take(1))
        }
        #expect(try other.take(1))
    }
}
