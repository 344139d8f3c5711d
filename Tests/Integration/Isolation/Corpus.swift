// The corpus of attacks, as the program that holds it lists it.

import IntegrationSupport
import Testing

struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let theme: String
    let control: Control
    let needs: Set<String>
    /// Further options of `martlet exec`.
    let options: [String]
    /// Exit statuses of `martlet exec` that say that it was held, beside the attack's own word.
    let endings: [Int32]
    let tries: String

    var testDescription: String { "\(name): \(tries)" }

    /// Its control can be run here.
    var isControllable: Bool { Binaries.isInTestMachine || !needs.contains("machine") }

    /// How it is shown to be able to succeed.
    enum Control: Sendable {
        case outside(unshare: [String])
        case chrooted
        case without([String])
        case waiving(String)
    }
}

enum Corpus {
    /// Empty when it was not built; a test says so.
    static let all: [Attack] = {
        guard let outcome = try? Program([Binaries.attacks, "list"]).run(), outcome.status == 0 else { return [] }
        return outcome.output.split(separator: "\n").compactMap { Attack(row: String($0)) }
    }()

    static let controllable = all.filter(\.isControllable)

    static let uncontrollable = all.filter { !$0.isControllable }

    /// What aims at another process, or at its sockets and memory.
    static let atNeighbours = all.filter { attack in
        attack.theme == "processes"
            || ["abstract-", "loopback-", "segment-", "queue-"].contains { attack.name.hasPrefix($0) }
    }
}

extension Attack {
    init?(row: String) {
        let columns = row.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard columns.count == 7, let control = Control(columns[2]) else { return nil }
        let words = columns.map { $0.split(separator: " ").map(String.init) }
        (name, theme, self.control, tries) = (columns[0], columns[1], control, columns[6])
        (needs, options, endings) = (Set(words[3]), words[4], words[5].compactMap { Int32($0) })
    }
}

extension Attack.Control {
    init?(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        let rest = Array(words.dropFirst())
        switch words.first {
        case "outside": self = .outside(unshare: rest)
        case "chrooted": self = .chrooted
        case "without": self = .without(rest)
        case "waiving": self = .waiving(rest[0])
        default: return nil
        }
    }
}
