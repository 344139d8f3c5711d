// The one door to the kernel. A call interrupted by a signal is made again; a bad descriptor or address is our own
// mistake and ends the process where it happens, because going on would act on somebody else's descriptor.

internal import CLinux
import Glibc

enum Kernel {
    /// Makes a system call; a negative result is an errno.
    static func call(
        _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0
    ) -> Int {
        retry { clinux_call(number, a, b, c, d, e, 0) }
    }

    static func retry(_ body: () -> Int) -> Int {
        while true {
            let result = body()
            if result != -Int(EINTR) { return result }
        }
    }

    /// Turns a negative result into an error. The subject is only spelled out when there is one to report.
    @discardableResult
    static func check(
        _ result: Int, _ call: StaticString, _ subject: @autoclosure () -> String = ""
    ) throws(SystemError) -> Int {
        if result >= 0 { return result }
        let code = Int32(-result)
        precondition(code != EBADF && code != EFAULT, "\(call) was given a bad descriptor or address")
        throw SystemError(call: "\(call)", subject: subject(), code: code)
    }
}

extension String {
    /// The address of the string's bytes, ended by a zero, for as long as `body` runs. Interior zero bytes would cut a
    /// path short in the kernel: whoever takes strings from outside refuses them (see Wire).
    func withAddress(_ body: (Int) -> Int) -> Int {
        unsafe withCString { body(Int(bitPattern: $0)) }
    }
}
