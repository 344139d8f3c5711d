import Lambda
import Testing
import Wire

@testable import Environments

@Suite struct TelemetrySubscriptions {
    private func options(_ text: String) throws -> TelemetryOptions { try TelemetryOptions(body: Array(text.utf8)) }

    private static let there = #""destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/x"}"#

    @Test func withWhatIsUsual() throws {
        let options = try options(#"{"types": ["platform", "extension", "platform"], \#(Self.there)}"#)
        #expect(options.types == [.platform, .extension])
        #expect(options.mostItems == 10_000 && options.mostBytes == 262_144 && options.timeoutMS == 1000)
        guard case .http(8080, "/x", "sandbox.localdomain:8080") = options.destination else {
            Issue.record("another destination")
            return
        }
    }

    @Test(arguments: [
        #""protocol": "HTTP", "URI": "http://sandbox""#, #""protocol": "HTTP", "uri": "http://127.0.0.1:1/""#,
        #""protocol": "HTTP", "URI": "http://localhost:65535/a?b=c""#, #""protocol": "TCP", "port": 4000"#,
    ]) func destinations(_ members: String) throws {
        _ = try options(#"{"types": ["function"], "destination": {\#(members)}}"#)
    }

    @Test(arguments: [
        "", #""protocol": "UDP", "port": 1"#, #""protocol": "TCP""#, #""protocol": "TCP", "port": 0"#,
        #""protocol": "TCP", "port": 65536"#, #""protocol": "TCP", "port": "80""#, #""protocol": "HTTP""#,
        #""protocol": "HTTP", "URI": "https://sandbox/""#, #""protocol": "HTTP", "URI": "http://example.com/""#,
        #""protocol": "HTTP", "URI": "http://sandbox:0/""#, #""protocol": "HTTP", "URI": "http://sandbox:70000/""#,
        #""protocol": "HTTP", "URI": "http://sandbox:+80/""#, #""protocol": "HTTP", "URI": "http://sandbox:/""#,
        #""protocol": "HTTP", "URI": "http://sandbox:80:81/""#, #""protocol": "HTTP", "URI": "http://a@sandbox/""#,
        #""protocol": "HTTP", "URI": "http://sandbox/ HTTP/1.1\r\nX: y""#, #""protocol": "HTTP", "URI": "http://""#,
    ]) func destinationsThatThereAreNot(_ members: String) {
        #expect(throws: TelemetryOptions.Invalid.self) {
            try options(#"{"types": ["function"], "destination": {\#(members)}}"#)
        }
    }

    @Test(arguments: [
        ("maxItems", 1000, 10_000), ("maxBytes", 262_144, 1_048_576), ("timeoutMs", 25, 30_000),
    ]) func bufferingHasLimits(_ name: String, _ least: Int, _ most: Int) throws {
        func text(_ value: String) -> String {
            #"{"types": ["function"], \#(Self.there), "buffering": {"\#(name)": \#(value)}}"#
        }
        _ = try options(text("\(least)"))
        _ = try options(text("\(most)"))
        for wrong in ["\(least - 1)", "\(most + 1)", "\"\(least)\"", "null", "\(least).5"] {
            #expect(throws: TelemetryOptions.Invalid.self) { try options(text(wrong)) }
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"types": []}"#, #"{"types": ["x"]}"#, #"{"types": [1]}"#, #"{"types": "platform"}"#,
    ])
    func bodiesThatSayNothing(_ text: String) {
        #expect(throws: TelemetryOptions.Invalid.self) { try options(text) }
    }
}

@Suite struct Deployments {
    private func deployment(_ text: String) throws -> Deployment {
        try Deployment(json: JSON(parsing: Array(text.utf8)))
    }

    @Test func filesAndArchives() throws {
        let both = try deployment(
            #"{"code": {"files": {"a/b": "x", "a/c": ""}}, "layers": [{"zip": "UEsFBg=="}], "memory": 256}"#)
        #expect(both.configuration.memoryMB == 256)
        guard case .files(let files) = both.code, case .zip(let bytes) = both.layers?.first else {
            Issue.record("other trees")
            return
        }
        #expect(files.map(\.path) == ["a/b", "a/c"] && files.map(\.text) == ["x", ""])
        #expect(bytes == [80, 75, 5, 6])
        #expect(try deployment("{}").code == nil)
        #expect(try deployment("{}").layers == nil)
    }

    @Test(arguments: [
        #"{"code": null}"#, #"{"code": []}"#, #"{"code": {}}"#, #"{"code": {"zip": 1}}"#, #"{"code": {"zip": "!"}}"#,
        #"{"code": {"files": []}}"#, #"{"code": {"files": {"a": 1}}}"#, #"{"code": {"files": {}, "zip": ""}}"#,
        #"{"code": {"tar": ""}}"#, #"{"layers": {}}"#, #"{"layers": [1]}"#, #"{"layers": [{}]}"#,
        #"{"layers": [{"zip": ""}, {"zip": ""}, {"zip": ""}, {"zip": ""}, {"zip": ""}, {"zip": ""}]}"#,
        #"{"code": {"files": {"a": "", "a/b": ""}}}"#, #"{"code": {"files": {"a/b/c": "", "a/b": ""}}}"#,
    ]) func thatAreNone(_ text: String) {
        #expect(throws: FunctionConfiguration.Invalid.self) { try deployment(text) }
    }

    @Test(arguments: ["a", "a/b", ".a", "a..", "é", "a b"]) func pathsThatStayBelow(_ path: String) {
        #expect(Deployment.isSafePath(path))
    }

    @Test(arguments: [
        "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/./b", "../a", "a/../b", "a/..", "a\u{0}",
        String(repeating: "a", count: 256), String(repeating: "a/", count: 512) + "a",
    ]) func pathsThatDoNot(_ path: String) {
        #expect(!Deployment.isSafePath(path))
    }
}
