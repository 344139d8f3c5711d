// What is kept of an environment beside its image, and what the host says of its memory.

import Testing

@testable import Environments

@Suite struct SnapshotMemos {
    static let full: SnapshotMemo = {
        var memo = SnapshotMemo()
        memo.connections = [
            .init(port: nil, pending: .restoreNext), .init(port: 40_001, pending: .invocationNext),
            .init(port: 65_535, pending: .extensionNext(identifier: "5b1d1e2c-0000-4000-8000-0123456789ab")),
            .init(port: 2, pending: .none),
        ]
        memo.processes = [.init(number: 1, name: "spy \"é\""), .init(number: 2, name: nil)]
        memo.extensions = [
            .init(name: "spy", identifier: "x", isExternal: true, events: ["INVOKE", "SHUTDOWN"]),
            .init(name: "inner", identifier: "y", isExternal: false, events: []),
        ]
        memo.subscriptions = [#"{"types":["platform"]}"#]
        memo.warmUpErrors = 2
        return memo
    }()

    @Test func comeBackAsTheyWent() {
        #expect(SnapshotMemo(Self.full.text) == Self.full)
        #expect(SnapshotMemo(SnapshotMemo().text) == SnapshotMemo())
    }

    @Test(arguments: [
        (#""format":1"#, #""format":2"#), (#""tcp""#, #""udp""#), ("40001", "65536"), ("restore-next", "next"),
        (#""number":1"#, #""number":0"#), (#""external":true"#, #""external":1"#), (#""subscriptions""#, #""x""#),
    ]) func areRefusedWhenAnythingIsStrange(_ what: String, _ other: String) {
        var text = Self.full.text
        let range = text.firstRange(of: what)!
        text.replaceSubrange(range, with: other)
        #expect(SnapshotMemo(text) == nil)
    }

    @Test(arguments: ["", "[]", "null", "{}", #"{"format":1}"#]) func areNotJustAnything(_ text: String) {
        #expect(SnapshotMemo(text) == nil)
    }

    @Test func knowWhatWasAsked() {
        let requests = Self.full.connections.map { $0.request.map { String(decoding: $0, as: UTF8.self) } }
        #expect(requests[0] == "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: runtime\r\n\r\n")
        #expect(requests[1] == "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n")
        #expect(
            requests[2]
                == "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: runtime\r\n"
                + "Lambda-Extension-Identifier: 5b1d1e2c-0000-4000-8000-0123456789ab\r\n\r\n")
        #expect(requests[3] == nil)
    }
}

@Suite struct HostMemories {
    @Test func areReadAsTheKernelWritesThem() {
        let memory = HostMemory(
            meminfo:
                "MemTotal:       16384000 kB\nMemFree:          100000 kB\nMemAvailable:    8192000 kB\nHugePages: 0\n",
            pressure: "some avg10=12.34 avg60=1.00 avg300=0.10 total=9\nfull avg10=99.00 avg60=0 avg300=0 total=1\n")
        #expect(memory.total == 16_384_000 << 10 && memory.available == 8_192_000 << 10)
        #expect(memory.pressure == 12.34)
    }

    @Test func withoutThemAllIsWell() {
        #expect(HostMemory(meminfo: "", pressure: "nonsense") == HostMemory())
    }
}
