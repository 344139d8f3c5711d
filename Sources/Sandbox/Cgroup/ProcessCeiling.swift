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

    /// The group below `parent`, made when it is not there.
    static func group(below parent: String) throws(SystemError) -> String {
        let path = "\(parent)/\(groupName)"
        do throws(SystemError) {
            try Files.makeDirectory(path)
        } catch {
            if error.code != EEXIST { throw error }
        }
        return path
    }

    /// Whoever made the group may have been killed before it set the limit; a start waits for this, so one look is enough
    /// where that is done.
    static func set(in group: String) throws(SystemError) {
        let file = "\(group)/pids.max"
        if KernelText.number(inLine: try Files.read(file, limit: 64)) != nil { return }
        try Files.control(file, String(try ofHost().most))
    }
}
