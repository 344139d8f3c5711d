// Starting a program. The child shares the caller's memory until it executes, so the size of the caller does not matter;
// and an execution that failed says why.

internal import CLinux
import Glibc

package enum Spawn {
    /// Starts `path` with the caller's descriptors, as far as they are not close-on-exec, with no signal blocked or
    /// ignored. `streams` become 0, 1 and 2 where given.
    package static func start(
        _ path: String, arguments: [String], environment: [String], streams: [(from: Int32, to: Int32)] = [],
        ownSession: Bool = false
    ) throws(SystemError) -> Int32 {
        var pairs: [Int32] = []
        for (from, to) in streams {
            pairs.append(from)
            pairs.append(to)
        }
        let result = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe pairs.withUnsafeBufferPointer { pairs in
                    unsafe Self.ignorable.withUnsafeBufferPointer { signals in
                        var plan = unsafe clinux_spawn_plan(
                            streams: pairs.baseAddress, signals: signals.baseAddress,
                            stream_count: UInt32(pairs.count / 2), signal_count: UInt32(signals.count),
                            own_session: ownSession ? 1 : 0)
                        return unsafe clinux_spawn(path, arguments, environment, &plan)
                    }
                }
            }
        }
        guard result > 0 else { throw SystemError(call: "execute", subject: path, code: Int32(-result)) }
        return Int32(result)
    }

    /// The signals that a caller may have been started with ignored (nohup, a shell's background job).
    private static let ignorable = [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU]

    /// The strings as C wants them: an array of pointers, ended by a null.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        // Not an array: the type of one of pointers is made at run time, which a start would wait for.
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { unsafe pointers[index] = unsafe strdup(string) }
        unsafe pointers[strings.count] = nil
        defer {
            for index in strings.indices { unsafe free(pointers[index]) }
            unsafe pointers.deallocate()
        }
        return unsafe body(pointers)
    }
}
