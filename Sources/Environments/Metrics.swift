// Counters since the start, in the text form that Prometheus reads.

package final class Metrics {
    package var invocations: UInt64 = 0
    package var functionErrors: UInt64 = 0
    package var timeouts: UInt64 = 0
    package var throttles: UInt64 = 0
    package var coldStarts: UInt64 = 0
    package var initFailures: UInt64 = 0
    package var restores: UInt64 = 0
    package var restoreFailures: UInt64 = 0
    package var poolHits: UInt64 = 0
    package var snapshotsMade: UInt64 = 0
    package var snapshotsRefused: UInt64 = 0
    package var environmentsStarted: UInt64 = 0
    package var environmentsEnded: UInt64 = 0
    package var invokeDuration = Histogram()
    package var initDuration = Histogram()
    package var restoreDuration = Histogram()

    package struct Histogram {
        /// Upper bounds in microseconds.
        static let bounds: [UInt64] = [
            50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
            2_500_000,
            5_000_000, 10_000_000,
        ]
        private var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        private var sum: UInt64 = 0

        package mutating func add(_ microseconds: UInt64) {
            sum += microseconds
            counts[Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count] += 1
        }

        func write(_ name: String, _ help: String, to text: inout String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
            var total: UInt64 = 0
            for (bound, count) in zip(Self.bounds, counts) {
                total += count
                text += "\(name)_bucket{le=\"\(Double(bound) / 1_000_000)\"} \(total)\n"
            }
            total += counts[Self.bounds.count]
            text += "\(name)_bucket{le=\"+Inf\"} \(total)\n"
            text += "\(name)_sum \(Double(sum) / 1_000_000)\n\(name)_count \(total)\n"
        }
    }

    init() {}

    package func text(
        environments: [(state: String, count: Int)], functions: Int, snapshots: Int
    ) -> String {
        var text = ""
        func counter(_ name: String, _ help: String, _ value: UInt64) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n\(name) \(value)\n"
        }
        counter("martlet_invocations_total", "Events that were given to functions.", invocations)
        counter(
            "martlet_function_errors_total", "Invocations that ended with an error of the function.", functionErrors)
        counter("martlet_timeouts_total", "Invocations that took longer than they may.", timeouts)
        counter("martlet_throttles_total", "Invocations that were refused for want of room.", throttles)
        counter("martlet_cold_starts_total", "Environments that were started for an event.", coldStarts)
        counter("martlet_init_failures_total", "Inits that failed.", initFailures)
        counter("martlet_restores_total", "Environments that came out of a snapshot.", restores)
        counter("martlet_restore_failures_total", "Restores that failed, and cold starts instead.", restoreFailures)
        counter("martlet_pool_hits_total", "Events that found a parked environment.", poolHits)
        counter("martlet_snapshots_made_total", "Snapshots that were made.", snapshotsMade)
        counter("martlet_snapshots_refused_total", "Snapshots that could not be made.", snapshotsRefused)
        counter("martlet_environments_started_total", "Sandboxes that were made.", environmentsStarted)
        counter("martlet_environments_ended_total", "Sandboxes that have ended.", environmentsEnded)
        text += "# HELP martlet_environments Environments by state.\n# TYPE martlet_environments gauge\n"
        for (state, count) in environments { text += "martlet_environments{state=\"\(state)\"} \(count)\n" }
        text += "# HELP martlet_functions Functions that are deployed.\n# TYPE martlet_functions gauge\n"
        text += "martlet_functions \(functions)\n"
        text += "# HELP martlet_snapshots Snapshots that can be restored.\n# TYPE martlet_snapshots gauge\n"
        text += "martlet_snapshots \(snapshots)\n"
        invokeDuration.write("martlet_invoke_duration_seconds", "From event to answer, without init.", to: &text)
        restoreDuration.write(
            "martlet_restore_duration_seconds", "From the request for a restore to the request for an event.", to: &text
        )
        initDuration.write("martlet_init_duration_seconds", "From start to the first request for an event.", to: &text)
        return text
    }
}
