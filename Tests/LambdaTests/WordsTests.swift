// What people and programs read: names, times, errors, log lines, byte by byte.

import Lambda
import Testing
import Wire

@Suite struct Times {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"), (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"), (1_677_628_799_001, "2023-02-28T23:59:59.001Z"),
            (1_677_628_800_000, "2023-03-01T00:00:00.000Z"), (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(UInt64, String)]) func areWritten(_ milliseconds: UInt64, _ text: String)
    {
        #expect(WallTime(milliseconds: milliseconds).iso == text)
    }

    @Test func daysFollowOneAnother() {
        // Four hundred years: every kind of leap year there is.
        var last = ""
        var areInOrder = true
        for day in 0..<UInt64(146_097) {
            let date = WallTime(milliseconds: day * 86_400_000).date
            areInOrder = areInOrder && date > last
            last = date
        }
        #expect(areInOrder)
        #expect(last == "2369-12-31")
    }
}

@Suite struct NamesOfThings {
    @Test func identifiers() {
        #expect(Names.uuid([UInt8](repeating: 0xff, count: 16)) == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        #expect(Names.uuid(Array(0..<16)) == "00010203-0405-4607-8809-0a0b0c0d0e0f")
        #expect(Names.hex([0, 255, 16]) == "00ff10")
    }

    @Test func traces() {
        #expect(
            Names.trace(second: 0x1234, Array(0..<20))
                == "Root=1-00001234-000102030405060708090a0b;Parent=0c0d0e0f10111213;Sampled=0")
    }

    @Test func logStreams() {
        let time = WallTime(milliseconds: 951_782_400_000)
        #expect(Names.logStream(time, version: "$LATEST", [1, 2]) == "2000/02/29/[$LATEST]0102")
    }

    @Test func functions() {
        #expect(isFunctionName("a-Z_9") && isFunctionName(String(repeating: "a", count: 64)))
        for name in ["", "a.b", "a/b", "..", "é", "a b", String(repeating: "a", count: 65), "a\u{0}"] {
            #expect(!isFunctionName(name))
        }
        #expect(Place().functionARN("f") == "arn:aws:lambda:us-east-1:000000000000:function:f")
    }
}

@Suite struct FunctionErrors {
    @Test(
        arguments: [
            (nil, "Runtime.Unknown"), ("", "Runtime.Unknown"), ("Runtime.Oops", "Runtime.Oops"),
            ("Function.Bad", "Function.Bad"), ("my Function.Bad; x", "Function.Bad"), ("Runtime.", "Runtime.Unknown"),
            ("Runtime.lower", "Runtime.Unknown"), ("Runtime.X", "Runtime.Unknown"), ("Function.", "Function.Unknown"),
            ("Function.x", "Function.Unknown"), ("Runtime.Ab1", "Runtime.Ab"), ("Other", "Runtime.Unknown"),
            ("Function.A Runtime.Bc", "Runtime.Bc"), ("Runtime.x Runtime.Yz", "Runtime.Yz"),
            ("Runtime.É", "Runtime.Unknown"),
            ("Runtime.Ab\r\nX: y", "Runtime.Ab"),
        ] as [(String?, String)]) func types(_ header: String?, _ type: String)
    {
        #expect(FunctionError.type(fromHeader: header) == type)
    }

    @Test(arguments: [
        (ProcessEnding.exited(0), "Runtime exited without providing a reason"),
        (.exited(3), "Runtime exited with error: exit status 3"),
        (.signalled(9), "Runtime exited with error: signal: killed"),
        (.signalled(11), "Runtime exited with error: signal: segmentation fault"),
        (.signalled(64), "Runtime exited with error: signal: signal 64"),
    ]) func endings(_ ending: ProcessEnding, _ words: String) {
        let error = FunctionError.exited("id", ending)
        #expect(error.type == "Runtime.ExitError" && error.message == "RequestId: id Error: \(words)")
    }

    @Test func payloads() {
        let payload = String(decoding: FunctionError.timedOut("id", seconds: 3).payload, as: UTF8.self)
        #expect(
            payload
                == #"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 3.00 seconds"}"#
        )
    }
}

@Suite struct LogLines {
    let time = WallTime(milliseconds: 951_782_400_000)
    let text = ReportLines(.text)
    let json = ReportLines(.json)

    private func figures(_ change: (inout InvocationFigures) -> Void = { _ in }) -> InvocationFigures {
        var figures = InvocationFigures()
        (figures.durationUS, figures.memoryMB, figures.peakMemory) = (3014, 128, (69 << 20) + 1)
        change(&figures)
        return figures
    }

    @Test func reports() {
        #expect(
            text.report(time, requestID: "id", figures())
                == "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
                + "Max Memory Used: 70 MB\t\n")
        #expect(
            text.report(time, requestID: "id", figures { ($0.initUS, $0.status) = (10_000, .timeout) })
                == "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 14 ms\tMemory Size: 128 MB\t"
                + "Max Memory Used: 70 MB\tInit Duration: 10.00 ms\tStatus: timeout\n")
        #expect(
            text.report(time, requestID: "id", figures { $0.status = .error(type: "Runtime.ExitError") })
                .hasSuffix("MB\tStatus: error\tError Type: Runtime.ExitError\n"))
    }

    @Test func reportsInJSON() {
        let start =
            #"{"time":"2000-02-29T00:00:00.000Z","type":"platform.report","record":{"requestId":"id","metrics":{"#
        let metrics = #""durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":70"#
        #expect(
            json.report(time, requestID: "id", figures()) == start + metrics + #"},"status":"success"}}"# + "\n")
        #expect(
            json.report(time, requestID: "id", figures { ($0.initUS, $0.status) = (1000, .error(type: "X")) })
                == start + metrics.replacing4With5
                + #","initDurationMs":1.0},"status":"error","errorType":"X"}}"# + "\n")
    }

    @Test func startsAndEnds() {
        #expect(text.start(time, requestID: "id", version: "$LATEST") == "START RequestId: id Version: $LATEST\n")
        #expect(text.end(requestID: "id") == "END RequestId: id\n")
        #expect(json.end(requestID: "id") == "")
        #expect(
            json.start(time, requestID: "id", version: "1")
                == #"{"time":"2000-02-29T00:00:00.000Z","type":"platform.start","record":{"requestId":"id","version":"1"}}"#
                + "\n")
    }

    @Test func inits() {
        #expect(
            text.initStart(time, .onDemand, runtime: "r", function: "f", version: "v")
                == "INIT_START Runtime Version: r\tRuntime Version ARN: \n")
        #expect(
            text.initReport(time, .onDemand, durationUS: 10_000_000, phase: "init", status: .timeout)
                == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n")
        #expect(
            json.initReport(time, .onDemand, durationUS: 1500, phase: "invoke", status: .error(type: "X"))
                == #"{"time":"2000-02-29T00:00:00.000Z","type":"platform.initReport","record":{"#
                + #""initializationType":"on-demand","phase":"invoke","status":"error","errorType":"X","#
                + #""metrics":{"durationMs":1.5}}}"# + "\n")
    }

    @Test func restores() {
        #expect(
            text.restoreStart(time, runtime: "python3.11", function: "f")
                == "RESTORE_START Runtime Version: python3.11\tRuntime Version ARN: \n")
        #expect(
            text.restoreReport(time, durationUS: 511_250, status: .success)
                == "RESTORE_REPORT Restore Duration: 511.25 ms\n")
        #expect(
            text.restoreReport(time, durationUS: 1500, status: .error(type: "Runtime.AfterRestoreError"))
                == "RESTORE_REPORT Restore Duration: 1.50 ms\tStatus: error\tError Type: Runtime.AfterRestoreError\n")
        var figures = InvocationFigures()
        (figures.durationUS, figures.memoryMB, figures.restoreUS, figures.hooksUS) = (3010, 128, 511_250, 302_100)
        #expect(
            text.report(time, requestID: "r", figures)
                == "REPORT RequestId: r\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
                + "Max Memory Used: 0 MB\tRestore Duration: 511.25 ms\tBilled Restore Duration: 303 ms\t\n")
        #expect(
            json.restoreReport(time, durationUS: 1500, status: .timeout).hasSuffix(
                #""type":"platform.restoreReport","record":{"status":"timeout","metrics":{"durationMs":1.5}}}"# + "\n"))
        #expect(
            json.report(time, requestID: "r", figures).contains(
                #""restoreDurationMs":511.25,"billedRestoreDurationMs":303"#))
    }

    @Test func faultsAndExtensions() {
        let error = FunctionError(type: "T", message: "m")
        #expect(text.fault(time, requestID: "id", error) == "2000-02-29T00:00:00.000Z m\nT\n")
        #expect(json.fault(time, requestID: "id", error).contains(#""errorType":"T","errorMessage":"m""#))
        #expect(
            text.extensionState(time, name: "e", state: "Ready", events: ["INVOKE", "SHUTDOWN"])
                == "EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n")
    }

    @Test(
        arguments: [
            (0, "0.00"), (4, "0.00"), (5, "0.01"), (10, "0.01"), (994, "0.99"), (995, "1.00"), (1_005_000, "1005.00"),
            (12_345, "12.35"),
        ] as [(UInt64, String)]) func milliseconds(_ microseconds: UInt64, _ text: String)
    {
        #expect(ReportLines.milliseconds(microseconds) == text)
    }

    @Test func billing() {
        #expect(figures { $0.durationUS = 0 }.billedMS == 0)
        #expect(figures { $0.durationUS = 1 }.billedMS == 1)
        #expect(figures { $0.durationUS = 1000 }.billedMS == 1)
        #expect(figures { ($0.durationUS, $0.initUS) = (1001, 999) }.billedMS == 2)
        #expect(figures { $0.peakMemory = nil }.peakMB == 0)
    }
}

extension String {
    /// With init, that much more is billed.
    fileprivate var replacing4With5: String { String(map { $0 == "4" ? "5" : $0 }) }
}
