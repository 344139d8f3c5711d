// What the kernel said when it refused. Every wrapper of this module throws this one type, so that an error always names
// the call, what it was about, and the reason.

import Glibc

package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    package let call: String
    package let subject: String
    package let code: Int32

    package init(call: String, subject: String, code: Int32) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    /// "open_tree /var/lib/x: no such file or directory"
    package var description: String {
        subject.isEmpty ? "\(call): \(reason)" : "\(call) \(subject): \(reason)"
    }

    /// The reason alone, in words and in lower case, as it stands within a sentence.
    package var reason: String { Self.reason(of: code) }

    package static func reason(of code: Int32) -> String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        let words = unsafe String(cString: text)
        // "RPC struct is bad" keeps its capitals; "No such file" loses one.
        let second = words.dropFirst().first
        return second.map { $0.isUppercase } == true ? words : words.prefix(1).lowercased() + words.dropFirst()
    }
}
