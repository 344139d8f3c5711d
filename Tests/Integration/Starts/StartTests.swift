// Where events find their environments: cold, restored, from the pool, warm; what each answer says of it, and what is
// said where it cannot be had.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Starts {
    static let python = """
        import os, random, time
        from snapshot_restore_py import register_after_restore, register_before_snapshot
        seen = {"before": 0, "after": 0, "events": 0}
        @register_before_snapshot
        def before(): seen["before"] += 1
        @register_after_restore
        def after(): seen["after"] += 1
        def handler(event, context):
            seen["events"] += 1
            if event == "crash": os._exit(3)
            return dict(seen, random=random.random(), pid=os.getpid(), wall=time.time(), kind=os.environ[
                "AWS_LAMBDA_INITIALIZATION_TYPE"], host=os.uname().nodename)
        """

    @Test func eachAsItIsAskedFor() throws {
        let server = try ServerUnderTest()
        try server.deployStart("f", Self.python)
        let snapshot = try server.makeSnapshot("f")
        #expect(snapshot["state"]?.text == "ready" && (snapshot["bytes"]?.integer ?? 0) > 100_000)
        var environments: Set<String> = []
        var numbers: Set<Double> = []
        for _ in 0..<5 {
            let answer = try server.start("f", "restore")
            #expect(
                answer.started == "restored" && answer.phase("restore") > 0 && answer.phase("init") == 0, "\(answer)")
            #expect(answer.json?["before"] == .integer(1) && answer.json?["after"] == .integer(1), "\(answer)")
            #expect(answer.json?["events"] == .integer(1) && answer.json?["kind"] == .text("snap-start"), "\(answer)")
            environments.insert(answer.environment)
            numbers.insert(answer.json?["random"]?.number ?? 0)
        }
        #expect(environments.count == 5 && numbers.count == 5)
        let cold = try server.start("f", "cold")
        #expect(cold.started == "cold" && cold.phase("init") > 0 && cold.phase("restore") == 0, "\(cold)")
        #expect(cold.json?["before"] == .integer(0) && cold.json?["kind"] == .text("on-demand"), "\(cold)")
        #expect(try server.start("f", "warm").started == "warm")
        #expect(try server.start("f", "auto").started == "warm")
        #expect(
            Answer(reply: try server.request("POST", "/v1/functions/f/invoke", [("Martlet-Start", "hot")])).reply.status
                == 400)
        try server.end()
    }

    @Test func thePoolIsFilledAgain() throws {
        let server = try ServerUnderTest()
        try server.deployStart("f", Self.python, [("provisioned", .integer(2))])
        for _ in 0..<3 {
            try server.waitForParked("f", 2)
            let answer = try server.start("f", "pooled")
            #expect(answer.started == "pooled" && answer.phase("restore") == 0, "\(answer)")
            #expect(answer.json?["events"] == .integer(1) && answer.json?["after"] == .integer(1), "\(answer)")
        }
        try server.waitForParked("f", 2)
        usleep(100_000)
        let parked = try server.environments(of: "f").filter { $0["state"]?.text == "parked" }
        #expect(parked.count >= 2 && parked.allSatisfy { $0["frozen"] == .bool(true) }, "\(parked)")
        // What comes with no wish of its own is served by what waits.
        try server.deployStart("f", Self.python + "\n", [("provisioned", .integer(1))])
        try server.waitForParked("f", 1)
        // The one that the snapshot was made of waits too.
        #expect(try server.invoke("f").started == "warm")
        for one in try server.environments(of: "f") where one["state"]?.text == "idle" {
            _ = try server.request("DELETE", "/v1/environments/\(one["id"]?.text ?? "")")
        }
        #expect(try server.invoke("f").started == "pooled")
        try server.end()
    }

    @Test func theLogTellsOfRestores() throws {
        let server = try ServerUnderTest()
        try server.deployStart("f", Self.python)
        _ = try server.makeSnapshot("f")
        let answer = try server.start("f", "restore")
        let log = try server.log("f", until: "END RequestId: \(answer.requestID)")
        #expect(log.contains("RESTORE_START Runtime Version: python3.11\tRuntime Version ARN: \n"), "\(log)")
        #expect(log.contains("RESTORE_REPORT Restore Duration: "), "\(log)")
        let report = log.split(separator: "\n").first { $0.hasPrefix("REPORT RequestId: \(answer.requestID)") } ?? ""
        #expect(report.contains("\tRestore Duration: ") && report.contains("\tBilled Restore Duration: "), "\(report)")
        #expect(!report.contains("Init Duration"), "\(report)")
        try server.end()
    }

    @Test func whatCannotBeHadIsRefusedInWords() throws {
        let server = try ServerUnderTest()
        try server.deployStart("plain", Self.python, [("snapshot", .bool(false))])
        let refused = try server.start("plain", "restore")
        #expect(refused.reply.status == 409 && refused.json?["type"]?.text == "NoSnapshot", "\(refused)")
        #expect(refused.json?["action"]?.text?.contains("martlet snapshot create") == true, "\(refused)")
        // Asked for by hand, it is made.
        _ = try server.makeSnapshot("plain")
        #expect(try server.start("plain", "restore").started == "restored")
        #expect(try server.request("DELETE", "/v1/functions/plain/snapshot").status == 204)
        #expect(try server.start("plain", "restore").reply.status == 409)
        #expect(try server.start("plain", "auto").reply.status == 200)
        #expect(server.removesSnapshots(of: "plain"))
        try server.end()
    }

    @Test func aFunctionThatCannotStartHasNone() throws {
        let server = try ServerUnderTest()
        try server.deployStart("broken", "import nothing_of_that_name\n")
        let reply = try server.request("POST", "/v1/functions/broken/snapshot")
        #expect(reply.status == 409, "\(reply.text)")
        #expect(reply.json?["message"]?.text?.contains("Runtime.ImportModuleError") == true, "\(reply.text)")
        #expect(try server.invoke("broken").errorType == "Runtime.ImportModuleError")
        try server.end()
    }

    @Test func snapshotsOutliveTheEngine() throws {
        let first = try ServerUnderTest()
        try first.deployStart("kept", Self.python)
        try first.deployStart("gone", Self.python)
        _ = try first.makeSnapshot("kept")
        _ = try first.makeSnapshot("gone")
        try first.end(keeping: true)
        // As if the engine had died in the middle of removing it.
        HostFiles.remove("\(first.place)/state/functions/gone")
        let second = try ServerUnderTest(after: first.place)
        #expect(try second.start("kept", "restore").started == "restored")
        let known = try second.request("GET", "/v1/snapshots").json?["snapshots"]?.list ?? []
        #expect(known.count == 1 && (known.first?["bytes"]?.integer ?? 0) > 100_000, "\(known)")
        #expect((known.first?["threads"]?.integer ?? 0) == 1, "\(known)")
        let made = try second.request("GET", "/metrics").text
        #expect(made.contains("martlet_snapshots_made_total 0\n") && made.contains("martlet_snapshots 1\n"), "\(made)")
        #expect(second.removesSnapshots(of: "gone"))
        try second.end()
    }

    @Test func hooksThatFailAreTheAnswer() throws {
        let server = try ServerUnderTest()
        try server.deployStart(
            "after",
            """
            from snapshot_restore_py import register_after_restore
            @register_after_restore
            def after(): raise ValueError("no good")
            def handler(event, context): return 1
            """)
        _ = try server.makeSnapshot("after")
        let answer = try server.start("after", "restore")
        #expect(answer.isError && answer.reply.field("martlet-error-type") == "Runtime.AfterRestoreError", "\(answer)")
        #expect(answer.errorMessage == "no good", "\(answer)")
        let log = try server.log("after")
        #expect(log.contains("\tStatus: error\tError Type: Runtime.AfterRestoreError\n"), "\(log)")
        try server.deployStart(
            "before",
            """
            from snapshot_restore_py import register_before_snapshot
            @register_before_snapshot
            def before(): raise ValueError("no good")
            def handler(event, context): return 1
            """)
        let reply = try server.request("POST", "/v1/functions/before/snapshot")
        #expect(reply.status == 409 && reply.text.contains("Runtime.BeforeSnapshotError"), "\(reply.text)")
        #expect(try server.invoke("before").text == "1")
        try server.end()
    }

    @Test func aCloneThatFailsStartsAnewLikeAnyOther() throws {
        let server = try ServerUnderTest()
        try server.deployStart("f", Self.python)
        _ = try server.makeSnapshot("f")
        let first = try server.start("f", "restore")
        let crash = Answer(
            reply: try server.request("POST", "/v1/environments/\(first.environment)/invoke", json: #""crash""#))
        #expect(crash.errorType == "Runtime.ExitError", "\(crash)")
        let next = Answer(reply: try server.request("POST", "/v1/environments/\(first.environment)/invoke", json: "{}"))
        #expect(next.json?["events"] == .integer(1) && next.json?["kind"] == .text("on-demand"), "\(next)")
        try server.end()
    }

    @Test func manyAtOnce() throws {
        let server = try ServerUnderTest()
        try server.deployStart("f", Self.python)
        _ = try server.makeSnapshot("f")
        let pending = try (0..<40).map { _ in try server.begin("f", "{}", [("Martlet-Start", "restore")]) }
        let answers = try pending.map { try $0.finish() }
        #expect(answers.allSatisfy { $0.started == "restored" && $0.json?["events"] == .integer(1) })
        #expect(Set(answers.map { $0.json?["random"]?.number ?? 0 }).count == 40)
        // They do not stay.
        for _ in 0..<200 where try server.environments(of: "f").count > 10 { usleep(20_000) }
        #expect(try server.environments(of: "f").count <= 10)
        try server.end()
    }
}

extension Answer {
    var started: String { reply.field("martlet-started") ?? "" }

    /// Microseconds.
    func phase(_ name: String) -> Int {
        for part in (reply.field("martlet-phases") ?? "").split(separator: ",") {
            let pair = part.drop { $0 == " " }.split(separator: "=")
            if pair.count == 2, pair[0] == name { return Int(pair[1]) ?? 0 }
        }
        return 0
    }
}

extension ServerUnderTest {
    /// A function of one file of Python, which has a snapshot made unless told otherwise.
    func deployStart(_ name: String, _ text: String, _ more: [(String, JSON)] = []) throws {
        let snapshot: [(String, JSON)] = more.contains { $0.0 == "snapshot" } ? [] : [("snapshot", .bool(true))]
        try deploy(
            name, runtime: "python3.11", handler: "app.handler", files: [("app.py", text)],
            snapshot + [("memory", .integer(1769)), ("timeout", .integer(10))] + more)
    }

    /// Waits until it is made.
    func makeSnapshot(_ name: String) throws -> JSON {
        let reply = try request("POST", "/v1/functions/\(name)/snapshot")
        guard reply.status == 201, let json = reply.json else {
            throw Program.Failure(description: "no snapshot of \(name): \(reply.text)")
        }
        return json
    }

    func start(_ name: String, _ mode: String, _ event: String = "{}") throws -> Answer {
        try invoke(name, event, [("Martlet-Start", mode)])
    }

    /// Whether its files go, which is the warden's work and not waited for.
    func removesSnapshots(of name: String) -> Bool {
        for _ in 0..<200 {
            if !HostFiles.names(in: "\(state)/snapshots").contains(where: { $0.hasPrefix("\(name)@") }) { return true }
            usleep(10_000)
        }
        return false
    }

    func waitForParked(_ name: String, _ count: Int) throws {
        for _ in 0..<500 {
            let pools = try request("GET", "/v1/pools").json?["pools"]?.list ?? []
            if pools.first(where: { $0["function"]?.text == name })?["parked"]?.integer ?? 0 >= count { return }
            usleep(10_000)
        }
        throw Program.Failure(description: "there are no \(count) parked of \(name)")
    }
}
