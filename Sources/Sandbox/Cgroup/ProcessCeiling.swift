// The group that all sandboxes stand in, below the one that the engine was started in. It bounds their processes
// together: each may have 1,024, and on a small host a few dozen such would have all numbers that the kernel gives out, so
// that nobody could log in to end them. Engines that were started in one group share it; it is left behind, empty, because
// another engine may be about to make a sandbox in it.

import Glibc
package import Linux

package struct ProcessCeiling {
    package static let groupName = "martlet"

    /// A quarter stays for the host.
    package static func most(numbers: UInt64, threads: UInt64) -> UInt64 {
        max(GroupLimits.mostPids, min(numbers, threads) / 4 * 3)
    }

    /// This host's, and what it is a part of.
    package static func ofHost() throws(SystemError) -> (most: UInt64, host: UInt64) {
        func number(_ name: String) throws(SystemError) -> UInt64 {
            let path = "/proc/sys/kernel/\(name)"
            guard let number = KernelText.number(inLine: try Files.read(path, limit: 64)) else {
                throw SystemError(call: "read", subject: path, code: EINVAL)
            }
            return number
        }
        let (numbers, threads) = (try number("pid_max"), try number("threads-max"))
        return (most(numbers: numbers, threads: threads), min(numbers, threads))
    }

    /// Makes the group below `parent`.
    static func makeGroup(below parent: String) throws(SystemError) -> String {
        let path = "\(parent)/\(groupName)"
        do throws(SystemError) {
            try Files.makeDirectory(path)
        } catch {
            if error.code != EEXIST { throw error }
        }
        return path
    }

    /// Whoever starts sets it anew: it may have been made by somebody who was killed at once.
    static func set(in group: String) throws(SystemError) {
        try Files.control("\(group)/pids.max", String(try ofHost().most))
    }
}
