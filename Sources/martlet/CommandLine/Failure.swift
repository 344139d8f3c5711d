// Why a command could not do what it was asked: words for a person and an exit status for a program. Every command but
// `exec`, which reports in its own way, ends through `Command.run`.

import Wire

struct CommandFailure: Error {
    let status: Int32
    let message: String

    init(_ status: Int32, _ message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: UsageError) { self.init(ExitStatus.usage, error.message) }
    init(_ refusal: Refusal) { self.init(ExitStatus.of(refusal.kind), refusal.message) }
}

enum Command {
    /// Runs the body; what it throws is said, and becomes the exit status.
    static func run(_ body: () throws -> Int32) -> Int32 {
        do {
            return try body()
        } catch let failure as CommandFailure {
            Terminal.complain(failure.message)
            return failure.status
        } catch let error as UsageError {
            Terminal.complain(error.message)
            return ExitStatus.usage
        } catch let refusal as Refusal {
            Terminal.complain(refusal.message)
            return ExitStatus.of(refusal.kind)
        } catch {
            Terminal.complain("\(error)")
            return ExitStatus.step
        }
    }
}
