// The engine's own lines in a function's log, as Lambda prints them: for people, or as JSON.

package import Wire

/// What one invocation has cost.
package struct InvocationFigures: Equatable, Sendable {
    package var durationUS: UInt64 = 0
    /// When this invocation was the first of its environment.
    package var initUS: UInt64?
    /// When it was the first of an environment that was restored: as a whole, and its hooks, which are paid for.
    package var restoreUS: UInt64?
    package var hooksUS: UInt64 = 0
    package var memoryMB: UInt32 = 0
    package var peakMemory: UInt64?
    package var status = Status.success

    package enum Status: Equatable, Sendable {
        case success
        case timeout
        case error(type: String)

        package var name: String {
            switch self {
            case .success: "success"
            case .timeout: "timeout"
            case .error: "error"
            }
        }
    }

    package init() {}

    /// Whole milliseconds, begun ones too; init is paid for.
    package var billedMS: UInt64 { (durationUS + (initUS ?? 0) + 999) / 1000 }

    package var billedRestoreMS: UInt64 { (hooksUS + 999) / 1000 }

    package var peakMB: UInt64 { peakMemory.map { ($0 + 1_048_575) >> 20 } ?? 0 }
}

/// Why a runtime is started, in the words of AWS.
package enum InitializationType: String, Sendable {
    case onDemand = "on-demand"
    /// To be captured, and restored again and again.
    case snapStart = "snap-start"
}

package struct ReportLines: Sendable {
    package let format: FunctionConfiguration.LogFormat

    package init(_ format: FunctionConfiguration.LogFormat) { self.format = format }

    package func initStart(
        _ time: WallTime, _ type: InitializationType, runtime: String, function: String, version: String
    ) -> String {
        switch format {
        case .text: "INIT_START Runtime Version: \(runtime)\tRuntime Version ARN: \n"
        case .json:
            platform(
                time, "platform.initStart",
                [
                    ("initializationType", .text(type.rawValue)), ("phase", .text("init")),
                    ("runtimeVersion", .text(runtime)), ("functionName", .text(function)),
                    ("functionVersion", .text(version)),
                ])
        }
    }

    /// Only of an init that failed.
    package func initReport(
        _ time: WallTime, _ type: InitializationType, durationUS: UInt64, phase: String,
        status: InvocationFigures.Status
    ) -> String {
        switch format {
        case .text:
            return "INIT_REPORT Init Duration: \(Self.milliseconds(durationUS)) ms\tPhase: \(phase)\t\(words(status))\n"
        case .json:
            var record: [(String, JSON)] = [
                ("initializationType", .text(type.rawValue)), ("phase", .text(phase)), ("status", .text(status.name)),
            ]
            if case .error(let type) = status { record.append(("errorType", .text(type))) }
            record.append(("metrics", .object([("durationMs", Self.number(durationUS))])))
            return platform(time, "platform.initReport", record)
        }
    }

    package func restoreStart(_ time: WallTime, runtime: String, function: String) -> String {
        switch format {
        case .text: "RESTORE_START Runtime Version: \(runtime)\tRuntime Version ARN: \n"
        case .json:
            platform(
                time, "platform.restoreStart", [("runtimeVersion", .text(runtime)), ("functionName", .text(function))])
        }
    }

    package func restoreReport(_ time: WallTime, durationUS: UInt64, status: InvocationFigures.Status) -> String {
        switch format {
        case .text:
            let line = "RESTORE_REPORT Restore Duration: \(Self.milliseconds(durationUS)) ms"
            return line + (status == .success ? "\n" : "\t\(words(status))\n")
        case .json:
            var record: [(String, JSON)] = [("status", .text(status.name))]
            if case .error(let type) = status { record.append(("errorType", .text(type))) }
            record.append(("metrics", .object([("durationMs", Self.number(durationUS))])))
            return platform(time, "platform.restoreReport", record)
        }
    }

    package func start(_ time: WallTime, requestID: String, version: String) -> String {
        switch format {
        case .text: "START RequestId: \(requestID) Version: \(version)\n"
        case .json:
            platform(
                time, "platform.start", [("requestId", .text(requestID)), ("version", .text(version))])
        }
    }

    package func end(requestID: String) -> String {
        switch format {
        case .text: "END RequestId: \(requestID)\n"
        case .json: ""
        }
    }

    package func report(_ time: WallTime, requestID: String, _ figures: InvocationFigures) -> String {
        switch format {
        case .text:
            var line = """
                REPORT RequestId: \(requestID)\tDuration: \(Self.milliseconds(figures.durationUS)) ms\t\
                Billed Duration: \(figures.billedMS) ms\tMemory Size: \(figures.memoryMB) MB\t\
                Max Memory Used: \(figures.peakMB) MB\t
                """
            if let initUS = figures.initUS { line += "Init Duration: \(Self.milliseconds(initUS)) ms\t" }
            if let restoreUS = figures.restoreUS {
                line += "Restore Duration: \(Self.milliseconds(restoreUS)) ms\t"
                line += "Billed Restore Duration: \(figures.billedRestoreMS) ms\t"
            }
            if figures.status != .success { line += words(figures.status) }
            return line + "\n"
        case .json:
            var metrics: [(String, JSON)] = [
                ("durationMs", Self.number(figures.durationUS)),
                ("billedDurationMs", .integer(Int64(figures.billedMS))),
                ("memorySizeMB", .integer(Int64(figures.memoryMB))),
                ("maxMemoryUsedMB", .integer(Int64(figures.peakMB))),
            ]
            if let initUS = figures.initUS { metrics.append(("initDurationMs", Self.number(initUS))) }
            if let restoreUS = figures.restoreUS {
                metrics.append(("restoreDurationMs", Self.number(restoreUS)))
                metrics.append(("billedRestoreDurationMs", .integer(Int64(figures.billedRestoreMS))))
            }
            var record: [(String, JSON)] = [("requestId", .text(requestID)), ("metrics", .object(metrics))]
            record.append(("status", .text(figures.status.name)))
            if case .error(let type) = figures.status { record.append(("errorType", .text(type))) }
            return platform(time, "platform.report", record)
        }
    }

    package func extensionState(_ time: WallTime, name: String, state: String, events: [String]) -> String {
        switch format {
        case .text: "EXTENSION\tName: \(name)\tState: \(state)\tEvents: [\(events.joined(separator: ","))]\n"
        case .json:
            platform(
                time, "platform.extension",
                [("name", .text(name)), ("state", .text(state)), ("events", .list(events.map(JSON.text)))])
        }
    }

    /// What the engine has to say about a function that failed, in the function's log.
    package func fault(_ time: WallTime, requestID: String, _ error: FunctionError) -> String {
        switch format {
        case .text: "\(time.iso) \(error.message)\n\(error.type)\n"
        case .json:
            platform(
                time, "platform.fault",
                [
                    ("requestId", .text(requestID)), ("errorType", .text(error.type)),
                    ("errorMessage", .text(error.message)),
                ])
        }
    }

    private func words(_ status: InvocationFigures.Status) -> String {
        switch status {
        case .success: "Status: success"
        case .timeout: "Status: timeout"
        case .error(let type): "Status: error\tError Type: \(type)"
        }
    }

    private func platform(_ time: WallTime, _ type: String, _ record: [(String, JSON)]) -> String {
        JSON.object([("time", .text(time.iso)), ("type", .text(type)), ("record", .object(record))]).line + "\n"
    }

    /// `3.01`: milliseconds with two places.
    package static func milliseconds(_ microseconds: UInt64) -> String {
        let hundredths = (microseconds + 5) / 10
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    package static func number(_ microseconds: UInt64) -> JSON { .number(Double(microseconds / 10 * 10) / 1000) }
}
