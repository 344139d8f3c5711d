// What stands as an argument of a system call that a subject makes by its number.

/// A number, or something whose address is passed.
package protocol Argument {
    func withWord(_ body: (Int) -> Int) -> Int
}

extension Int: Argument {
    package func withWord(_ body: (Int) -> Int) -> Int { body(self) }
}

extension Int32: Argument {
    package func withWord(_ body: (Int) -> Int) -> Int { body(Int(self)) }
}

extension String: Argument {
    package func withWord(_ body: (Int) -> Int) -> Int { unsafe withCString { body(Int(bitPattern: $0)) } }
}

/// All of them as the six words of a call, good for as long as `body` runs.
package func withWords(_ arguments: [any Argument], _ body: ([Int]) -> Int) -> Int {
    func pass(_ words: [Int]) -> Int {
        if words.count < arguments.count { return arguments[words.count].withWord { pass(words + [$0]) } }
        return body(words + Array(repeating: 0, count: 6 - words.count))
    }
    return pass([])
}
