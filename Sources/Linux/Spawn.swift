// Starting a program. posix_spawn shares the memory with the child until it executes, so the size of the caller does not
// matter; and it says why an execution failed.

import Glibc

package enum Spawn {
    /// Starts `path` with the caller's descriptors, as far as they are not close-on-exec, with no signal blocked or
    /// ignored. `streams` become 0, 1 and 2 where given.
    package static func start(
        _ path: String, arguments: [String], environment: [String], streams: [(from: Int32, to: Int32)] = [],
        ownSession: Bool = false
    ) throws(SystemError) -> Int32 {
        var attributes = posix_spawnattr_t()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawnattr_init(&attributes)
        unsafe posix_spawn_file_actions_init(&actions)
        defer {
            unsafe posix_spawnattr_destroy(&attributes)
            unsafe posix_spawn_file_actions_destroy(&actions)
        }
        var none = sigset_t()
        var usual = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigemptyset(&usual)
        for number in Self.ignorable { unsafe sigaddset(&usual, number) }
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &usual)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        if ownSession { flags |= Self.newSession }
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        for (from, to) in streams { unsafe posix_spawn_file_actions_adddup2(&actions, from, to) }

        var pid: pid_t = 0
        let result = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe posix_spawn(&pid, path, &actions, &attributes, arguments, environment)
            }
        }
        guard result == 0 else { throw SystemError(call: "execute", subject: path, code: result) }
        return pid
    }

    /// POSIX_SPAWN_SETSID, which glibc shows only to C.
    private static let newSession: Int32 = 0x80

    /// The signals that a caller may have been started with ignored (nohup, a shell's background job).
    private static let ignorable = [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU]

    /// The strings as C wants them: an array of pointers, ended by a null.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = unsafe strings.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
    }
}
