// A sandbox beside, with a victim in it.

import IntegrationSupport

struct Neighbour {
    private let program: RunningProgram
    /// Where its secrets are, as somebody would say who could see it from the host.
    let aims: [String]

    init(on stage: Stage) throws {
        let marker = "neighbour=\(UInt64.random(in: 0 ... .max))"
        let token = "secret-\(marker.dropFirst("neighbour=".count))"
        let words = [Binaries.martlet, "exec", "--root", stage.root, "--code", stage.code, "--"]
        let victim = ["/var/task/attacks", "victim", "token=\(token)"]
        var neighbour = Program(words + victim + [marker])
        neighbour.environment.merge(Binaries.engineEnvironment) { $1 }
        program = try neighbour.start()
        let pid = program.pid
        let said = try program.firstLine().split(separator: " ").map(String.init)
        // The innermost of those that have the marker: the engine's own program has it too.
        let processes = HostProcesses.having(marker).filter { $0 != pid }
        aims = ["token=\(token)"] + said + processes.map { "pid=\($0)" }
    }

    func finish() { program.finish() }
}
