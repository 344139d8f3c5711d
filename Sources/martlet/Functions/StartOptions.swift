// How the environments of a function shall start, as `deploy` takes it from the command line. `run` has but one, and no
// use for any of this.

import Lambda
import Linux
import Wire

struct StartOptions {
    private var snapshot = false
    private var warmUp: String?
    private var provisioned: UInt32?
    private var reserved: UInt32?
    private var start: StartMode?

    /// Reads the option's value if it is one of these.
    mutating func take(_ option: String, from reader: inout OptionReader) throws(UsageError) -> Bool {
        switch option {
        case "--snapshot": snapshot = true
        case "--warm-up": warmUp = try Places.absolute(reader.value(of: option))
        case "--provisioned":
            provisioned = try reader.number(
                of: option, in: FunctionConfiguration.provisionedRange, unit: "environments")
        case "--reserved":
            reserved = try reader.number(of: option, in: FunctionConfiguration.reservedRange, unit: "environments")
        case "--start": start = try reader.name(of: option, StartMode.self)
        default: return false
        }
        return true
    }

    /// One a line.
    private static func events(_ path: String) throws -> [JSON] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(path, limit: FunctionConfiguration.mostWarmUpBytes * 2)
        } catch {
            throw CommandFailure(ExitStatus.noInput, "cannot read the events of --warm-up: \(error)")
        }
        var events: [JSON] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == 32 || $0 == 9 || $0 == 13 }) { continue }
            do throws(JSONError) {
                events.append(try JSON(parsing: Array(line)))
            } catch {
                throw CommandFailure(
                    ExitStatus.usage, "\(path), line \(index + 1), is not JSON: \(error); give one event a line")
            }
        }
        return events
    }

    /// The members of a configuration that were given.
    func members() throws -> [(String, JSON)] {
        let events = try warmUp.map(Self.events) ?? []
        var members: [(String, JSON)] = []
        // Whoever says how it is done wants it.
        let isImplied = !events.isEmpty || (provisioned ?? 0) > 0 || start == .restore || start == .pooled
        if snapshot || isImplied { members.append(("snapshot", .bool(true))) }
        if !events.isEmpty { members.append(("warm_up", .list(events))) }
        if let provisioned { members.append(("provisioned", .integer(Int64(provisioned)))) }
        if let reserved { members.append(("reserved", .integer(Int64(reserved)))) }
        if let start { members.append(("start", .text(start.rawValue))) }
        // The engine would find the same, after all the files had been sent to it.
        do throws(FunctionConfiguration.Invalid) {
            _ = try FunctionConfiguration(json: .object(members), others: [])
        } catch {
            throw UsageError(message: error.message)
        }
        return members
    }
}
