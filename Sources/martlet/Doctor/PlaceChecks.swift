// The engine's own places on this host.

import Glibc
import Linux

enum PlaceChecks {
    static func all(_ places: Places) -> [Finding] { [roots(places), space(places), run(places)] }

    private static func roots(_ places: Places) -> Finding {
        let names = ((try? Files.names(in: "\(places.state)/roots")) ?? []).filter { !$0.hasPrefix(".") }.sorted()
        return Finding(
            "root file systems", names.isEmpty ? .poorer : .good,
            names.isEmpty ? "none in \(places.state)/roots" : names.joined(separator: ", "),
            "what runtimes run in (--runtime)", mend: "build them with scripts/roots; --root DIR works without")
    }

    private static func space(_ places: Places) -> Finding {
        // The nearest directory that is there stands for the one that will be made.
        var path = places.state
        while !path.isEmpty, !Files.exists(path) {
            path = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
        }
        let meaning = "three root file systems take about half a GB"
        guard let space = try? Files.space(at: path.isEmpty ? "/" : path) else {
            return Finding(
                "disk", .poorer, "cannot look at \(places.state)", meaning, mend: "choose another with --state")
        }
        let free = space.available >> 20
        return Finding(
            "disk", free >= 1024 ? .good : .poorer, "\(free) MB free at \(places.state)", meaning,
            mend: "make room, or choose another place with --state (MARTLET_STATE)")
    }

    private static func run(_ places: Places) -> Finding {
        let parent = String(places.run.prefix(upTo: places.run.lastIndex(of: "/") ?? places.run.startIndex))
        let path = Files.exists(places.run) ? places.run : parent.isEmpty ? "/" : parent
        let writable = (try? Files.access(path, W_OK)) != nil
        return Finding(
            "run directory", writable ? .good : .missing, writable ? places.run : "\(path) cannot be written",
            "locks and mount points", mend: "choose a writable one with --run (MARTLET_RUN)")
    }
}
