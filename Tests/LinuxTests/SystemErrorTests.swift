import Glibc
import Linux
import Testing

@Suite struct SystemErrors {
    @Test func nameTheCallTheSubjectAndTheReason() {
        let error = SystemError(call: "open", subject: "/nowhere", code: ENOENT)
        #expect(error.description == "open /nowhere: no such file or directory")
    }

    @Test func leaveOutWhatThereIsNot() {
        #expect(
            SystemError(call: "unshare", subject: "", code: EPERM).description == "unshare: operation not permitted")
    }

    @Test func keepCapitalsOfAbbreviations() {
        #expect(SystemError.reason(of: EDOTDOT).hasPrefix("RFS"))
    }
}
