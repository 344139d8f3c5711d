// The command line of `martlet bench`.

import Lambda
import Linux

struct BenchOptions {
    var start = StartMode.auto
    var count: UInt32 = 200
    var concurrency: UInt32 = 0
    /// Where the function's files are for the bare interpreter; nothing: in the engine's state directory.
    var code: String?
    var state = Places().state
    var hasBare = true

    mutating func take(_ name: String, _ reader: inout OptionReader) throws(UsageError) -> Bool {
        switch name {
        case "--start": start = try reader.name(of: name, StartMode.self)
        case "--count": count = try reader.number(of: name, in: 1...100_000, unit: "events")
        case "--concurrency": concurrency = try reader.number(of: name, in: 1...1000, unit: "events")
        case "--code": code = try Places.absolute(reader.value(of: name))
        case "--state": state = try Places.absolute(reader.value(of: name))
        case "--no-bare": hasBare = false
        default: return false
        }
        return true
    }
}
