import Lambda
import Linux
import Reactor
import Testing
import Wire

@testable import Environments

@Suite struct FunctionStores {
    let place: Temporary
    let loop: EventLoop
    let worker: Worker
    let store: FunctionStore

    init() throws {
        place = try Temporary()
        for name in ["roots/provided", "functions", "passing"] { try Files.makeDirectories("\(place.path)/\(name)") }
        loop = try EventLoop()
        worker = try Worker(loop)
        store = FunctionStore(state: place.path, worker, Randoms())
    }

    private func turn(_ milliseconds: UInt64 = 50) throws {
        _ = loop.after(milliseconds * 1_000_000) { [loop] in loop.stop() }
        try loop.run()
    }

    private func deploy(_ text: String, _ name: String = "f", passing: Bool = false) throws -> FunctionVersion {
        var result: Result<FunctionVersion, FunctionStore.Failure>?
        let deployment = try Deployment(json: JSON(parsing: Array(text.utf8)))
        let done = { (given: Result<FunctionVersion, FunctionStore.Failure>) in
            result = given
            loop.stop()
        }
        if passing {
            store.makePassing(name, deployment, then: done)
        } else {
            store.deploy(name, deployment, then: done)
        }
        if result == nil { try loop.run() }
        return try #require(result).get()
    }

    private func contents(_ name: String = "f") -> [String] {
        ((try? Files.names(in: "\(place.path)/functions/\(name)")) ?? []).filter { $0 != "function.json" }
    }

    private func text(_ function: FunctionVersion, _ file: String) -> String? {
        (try? Files.read("\(function.content.code)/\(file)", limit: 100)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func whatIsDeployedIsThere() throws {
        let function = try deploy(#"{"code": {"files": {"a/b": "one"}}, "memory": 256}"#)
        #expect(store["f"] === function && store.all.map(\.name) == ["f"])
        #expect(function.configuration.memoryMB == 256)
        #expect(text(function, "a/b") == "one")
        #expect(function.json["revision"]?.text == function.revision)
    }

    @Test func newCodeReplacesTheOldWhenNobodyUsesThat() throws {
        var old: FunctionVersion? = try deploy(#"{"code": {"files": {"a": "old"}}}"#)
        let new = try deploy(#"{"code": {"files": {"a": "new"}}}"#)
        #expect(store["f"] === new && new.revision != old?.revision)
        store.removeRemains()
        try turn()
        #expect(contents().count == 2)
        #expect(try text(#require(old), "a") == "old")
        old = nil
        store.removeRemains()
        try turn()
        #expect(contents().count == 1)
        #expect(text(new, "a") == "new")
    }

    @Test func deploymentsThatOverlapReplaceOneAnother() throws {
        var replaced: [FunctionVersion] = []
        var made: [FunctionVersion] = []
        store.whenReplaced = { replaced.append($0) }
        for text in ["1", "2", "3"] {
            let json = try JSON(parsing: Array(#"{"code": {"files": {"a": "\#(text)"}}}"#.utf8))
            store.deploy("f", try Deployment(json: json)) { result in
                if case .success(let function) = result { made.append(function) }
            }
        }
        try turn()
        #expect(made.count == 3 && store["f"] === made[2])
        // Each is told of, not the one that was there when the work began.
        #expect(replaced.map(\.revision) == made[..<2].map(\.revision))
    }

    @Test func aNewConfigurationKeepsTheCode() throws {
        let old = try deploy(#"{"code": {"files": {"a": "x"}}}"#)
        let new = try deploy(#"{"memory": 512}"#)
        #expect(new.content === old.content && new.configuration.memoryMB == 512)
        #expect(contents().count == 1)
    }

    @Test(arguments: [
        "{}", #"{"layers": []}"#, #"{"runtime": "provided.x", "code": {"files": {}}}"#, #"{"code": {"zip": "AAAA"}}"#,
    ]) func whatCannotBeDeployedLeavesNothing(_ text: String) throws {
        #expect(throws: FunctionStore.Failure.self) { try deploy(text) }
        #expect(store.all.isEmpty && contents().isEmpty)
    }

    @Test func aDeploymentThatFailsChangesNothing() throws {
        let function = try deploy(#"{"code": {"files": {"a": "x"}}}"#)
        #expect(throws: FunctionStore.Failure.self) { try deploy(#"{"code": {"zip": "AAAA"}}"#) }
        #expect(throws: FunctionStore.Failure.self) { try deploy(#"{"layers": []}"#) }
        #expect(store["f"] === function && text(function, "a") == "x")
    }

    @Test func whatIsRemovedGoesWithItsLastUser() throws {
        var function: FunctionVersion? = try deploy(#"{"code": {"files": {"a": "x"}}}"#)
        #expect(store.remove("f"))
        #expect(!store.remove("f"))
        #expect(store["f"] == nil)
        store.removeRemains()
        try turn()
        #expect(try text(#require(function), "a") == "x")
        function = nil
        store.removeRemains()
        try turn()
        #expect(!Files.exists("\(place.path)/functions/f"))
    }

    @Test func anotherEngineFindsWhatWasDeployed() throws {
        let function = try deploy(
            #"{"code": {"files": {"bootstrap": "x"}}, "environment": {"A1": "é"}, "description": "d"}"#)
        _ = try deploy(#"{"code": {"files": {}}}"#, "g")
        // Remains of one that did not come to its end.
        try Files.makeDirectories("\(place.path)/functions/f/0123456789abcdef/code")
        let other = FunctionStore(state: place.path, worker, Randoms())
        #expect(try other.load() == [])
        // Only one at a time: it would take what the other is about to store for remains.
        #expect(throws: SystemError.self) { try FunctionStore(state: place.path, worker, Randoms()).load() }
        #expect(other.all.map(\.name) == ["f", "g"])
        let found = try #require(other["f"])
        #expect(found.json == function.json)
        #expect(found.content.directory == function.content.directory)
        try turn()
        #expect(contents().count == 1)
    }

    @Test(arguments: [
        "", "nonsense", "{}", #"{"revision": "x", "content": "../../etc"}"#,
        #"""
        {"revision": "x", "content": "../../../etc", "layers": 0, "extensions": [], "code_size": 0, "code_sha256": "",
         "modified_ms": 0}
        """#,
        #"""
        {"revision": "x", "content": "c", "layers": -1, "extensions": [], "code_size": 0, "code_sha256": "",
         "modified_ms": 0}
        """#,
    ]) func whatCannotBeReadIsComplainedOfAndLeft(_ text: String) throws {
        try Files.makeDirectories("\(place.path)/functions/f/content")
        try Trees.replace("\(place.path)/functions/f/function.json", with: Array(text.utf8))
        #expect(try store.load().count == 1)
        #expect(store.all.isEmpty && contents() == ["content"])
    }

    @Test func passingOnesGoWithTheirLastUser() throws {
        var function: FunctionVersion? = try deploy(#"{"code": {"files": {"a": "x"}}}"#, passing: true)
        #expect(store.all.isEmpty)
        #expect(try text(#require(function), "a") == "x")
        let directory = try #require(function).content.directory
        function = nil
        store.removeRemains()
        try turn()
        #expect(!Files.exists(directory))
        store.close()
        #expect(try Files.names(in: "\(place.path)/passing").isEmpty)
    }
}
