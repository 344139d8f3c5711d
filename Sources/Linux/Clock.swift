// Time that only goes forward, in nanoseconds.

import Glibc

package enum Clock {
    package static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    package static func sleep(microseconds: UInt32) { usleep(microseconds) }
}
