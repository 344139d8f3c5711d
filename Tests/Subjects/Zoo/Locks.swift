// Locks on files: each of the three kinds that Linux has, held across the capture.

internal import CZoo
import Glibc

extension Subject {
    static let locks: [Subject] = [
        Subject("lock-of-file", "flock: exclusive on one file, shared on another") {
            let (own, shared) = (try lockFile("exclusive"), try lockFile("shared"))
            try must("flock", call(__NR_flock, own, 2))
            try must("flock", call(__NR_flock, shared, 1))
            return { _ in
                let (other, another) = (try lockFile("exclusive"), try lockFile("shared"))
                try mustFail("locking it as well", EAGAIN, call(__NR_flock, other, 1 | 4))
                try mustFail("locking the shared one alone", EAGAIN, call(__NR_flock, another, 2 | 4))
                try must("sharing the shared one", call(__NR_flock, another, 1 | 4))
                other.close()
                another.close()
            }
        },
        Subject("lock-of-records", "fcntl: bytes 10 to 19 are written by this process alone") {
            let file = try lockFile("records")
            try must("F_SETLK", call(__NR_fcntl, file, F_SETLK, record(F_WRLCK, 10, 10)))
            return { _ in
                let pid = UInt32(call(__NR_getpid))
                let child = try fork {
                    guard let other = try? lockFile("records") else { return 1 }
                    let asked = record(F_RDLCK, 15, 1)
                    _ = call(__NR_fcntl, other, F_GETLK, asked)
                    // l_type and l_pid of what stands in the way
                    guard asked.half(0) & 0xffff == UInt32(F_WRLCK), asked.half(24) == pid else { return 2 }
                    return call(__NR_fcntl, other, F_SETLK, record(F_WRLCK, 20, 1)) == 0 ? 0 : 3
                }
                try expect("what a child finds", try waitFor(child), is: 0)
            }
        },
        Subject("lock-of-open-file", "F_OFD_SETLK: a lock that belongs to a descriptor and its duplicates") {
            let file = try lockFile("open")
            let copy = try Descriptor("dup", call(__NR_dup, file))
            try must("F_OFD_SETLK", call(__NR_fcntl, file, 37, record(F_WRLCK, 0, 100)))
            return { _ in
                try must("by its duplicate", call(__NR_fcntl, copy, 37, record(F_WRLCK, 0, 100)))
                let other = try lockFile("open")
                try mustFail("by another", EAGAIN, call(__NR_fcntl, other, 37, record(F_RDLCK, 50, 1)))
                other.close()
            }
        },
    ]

    private static func lockFile(_ name: String) throws -> Descriptor {
        try Descriptor(opening: "/tmp/lock-\(name)", O_RDWR | O_CREAT)
    }

    /// A `struct flock`: l_type and l_whence, l_start, l_len, l_pid.
    private static func record(_ type: Int32, _ start: UInt64, _ length: UInt64) -> Buffer {
        Buffer(words: [UInt64(type), start, length, 0])
    }
}
