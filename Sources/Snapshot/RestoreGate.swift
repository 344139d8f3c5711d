// The one gate of a restore. Until pid 1 opens it no instruction of the function runs in the sandbox; and pid 1 opens it
// when it has given up its own rights, and every thread of every process has arrived: without any right, and under the
// closed filter.
//
// Nothing of it is memory. A process holds two descriptors while it is restored: the writing end of a pipe, and a counter.
// The last of its threads that arrives writes a packet of zeros and closes the pipe; a step that fails writes which one it
// was, and the process ends. So the pipe's end comes when each process has arrived or is gone, however it ended, and the
// packets tell which it was. The counter is read by the first thread of each process until pid 1 has put something there.
// By then the pipe is closed on both sides: whoever runs finds nothing that anybody with a right still reads.

import CRestorer
import Glibc
import Linux

package struct RestoreGate: ~Copyable {
    private let arrivals: FileDescriptor
    private let gate: FileDescriptor

    /// Puts what the processes need of it under its numbers.
    init() throws(SystemError) {
        for number in [Compiler.beginDescriptor, Compiler.filesDescriptor] {
            try Self.place(try EventCounter.makeSemaphore(), number)
        }
        let counter = try EventCounter.makeSemaphore()
        try FileDescriptor.duplicate(counter.raw, onto: Compiler.gateDescriptor, closeOnExec: true)
        let ends = try Streams.pipe()
        try Self.place(FileDescriptor(owning: ends.write), Compiler.arrivalsDescriptor)
        gate = counter
        arrivals = FileDescriptor(owning: ends.read)
    }

    private static func place(_ descriptor: consuming FileDescriptor, _ number: Int32) throws(SystemError) {
        try FileDescriptor.duplicate(descriptor.raw, onto: number, closeOnExec: true)
    }

    /// The pipe from the processes. Only its end matters to who watches it.
    package var watched: Int32 { arrivals.raw }

    /// The first process, which has been waiting, begins.
    func begin() { EventCounter.add(to: Compiler.beginDescriptor, 1) }

    /// What the processes have said: how many have arrived, and what failed first.
    borrowing func packets() -> (arrived: Int, failure: restorer_packet?) {
        let size = MemoryLayout<restorer_packet>.size
        var (arrived, failure): (Int, restorer_packet?) = (0, nil)
        var bytes = [UInt8](repeating: 0, count: 64 * size)
        while case .count(let count) = Streams.read(arrivals.raw, into: &bytes) {
            for place in stride(from: 0, to: count - count % size, by: size) {
                let packet = unsafe bytes.withUnsafeBytes {
                    unsafe $0.loadUnaligned(fromByteOffset: place, as: restorer_packet.self)
                }
                if packet.failed_step == 0 { arrived += 1 } else if failure == nil { failure = packet }
            }
        }
        return (arrived, failure)
    }

    /// For good: it never closes again, whoever reads it and how often.
    consuming func open() { EventCounter.add(to: gate.raw, .max - 1) }
}
