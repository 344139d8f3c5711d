// A thread of its own, which never ends.

import Glibc

package enum Threads {
    private final class Body {
        let run: @Sendable () -> Never
        init(_ run: @escaping @Sendable () -> Never) { self.run = run }
    }

    package static func start(_ body: @escaping @Sendable () -> Never) throws(SystemError) {
        var thread = pthread_t()
        // The thread takes the reference that it is given here; when there is no thread, it is taken back.
        let argument = unsafe Unmanaged.passRetained(Body(body))
        let result = unsafe pthread_create(
            &thread, nil, { unsafe Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run() }, argument.toOpaque())
        if result != 0 {
            unsafe argument.release()
            throw SystemError(call: "pthread_create", subject: "", code: result)
        }
        pthread_detach(thread)
    }
}
