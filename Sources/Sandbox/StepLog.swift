// Takes the time of each step of a start, and turns a failure into a refusal that names the step.

import Linux
package import Wire

package struct StepLog {
    private let side: Step.Side
    package private(set) var steps: [Step] = []

    package init(_ side: Step.Side) { self.side = side }

    mutating func add(_ name: String, from start: UInt64) {
        steps.append(Step(side: side, name: name, start: start, end: Clock.now))
    }

    mutating func step<Result: ~Copyable>(
        _ name: String, _ body: () throws(SystemError) -> Result
    ) throws(Refusal) -> Result {
        let start = Clock.now
        do throws(SystemError) {
            let result = try body()
            add(name, from: start)
            return result
        } catch {
            throw Refusal(.step, "\(name): \(error)")
        }
    }
}
