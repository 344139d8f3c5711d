// Many clients at once, each sending its next event when its last was answered; in one thread, because the machine has
// few processors and the functions want them too.

import Linux

struct Crowd {
    private let request: [UInt8]
    private let clients: [ControlClient]

    init(_ socket: String, _ request: [UInt8], clients count: Int) throws {
        self.request = request
        var clients: [ControlClient] = []
        for _ in 0..<count { clients.append(try ControlClient(socket)) }
        self.clients = clients
    }

    func run(_ name: String) throws {
        // As many environments as clients: all ask at once.
        for _ in 0..<3 {
            for client in clients { try client.send(request) }
            for client in clients { _ = try client.receive() }
        }
        let queue = try EventQueue()
        for (index, client) in clients.enumerated() { try queue.watch(client.raw, token: UInt64(index)) }
        var sentAt = [UInt64](repeating: 0, count: clients.count)
        var times: [UInt64] = []
        let begin = Clock.now
        for (index, client) in clients.enumerated() {
            sentAt[index] = Clock.now
            try client.send(request)
        }
        while Clock.now - begin < 5_000_000_000 {
            for token in try queue.wait(milliseconds: 1000) {
                let (index, client) = (Int(token), clients[Int(token)])
                let answer = try client.receive()
                guard answer.status == 200 else { throw Broken(description: "status \(answer.status)") }
                let now = Clock.now
                times.append(now - sentAt[index])
                sentAt[index] = now
                try client.send(request)
            }
        }
        let seconds = Double(Clock.now - begin) / 1e9
        for client in clients { _ = try client.receive() }
        let all = Times(times)
        let rate = String(Int(Double(times.count) / seconds))
        print(
            "  \(name)\(String(repeating: " ", count: 58 - name.count - rate.count))\(rate)"
                + Times.cell(all.median) + Times.cell(all.quantile(0.99)))
    }
}
