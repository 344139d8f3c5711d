// What the README tells people to type works as it stands.

import IntegrationSupport
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct Tour {
    @Test func theTourWithCurlWorks() throws {
        let server = try ServerUnderTest()
        // This file stands three directories below the package.
        let package = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let outcome = try Program(["/\(package)/scripts/curl-tour", server.socket]).run()
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.errors.isEmpty, "\(outcome)")
        for words in [
            #"{"hello": "curl"}"#, #"{"hello": "again"}"#, "martlet-started: warm", "I was called",
            #"{"environments":[]}"#,
        ] {
            #expect(outcome.output.lowercased().contains(words.lowercased()), "\(words): \(outcome)")
        }
        #expect(try server.martlet("functions").output.isEmpty)
    }
}
