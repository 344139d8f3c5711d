// The plan as bytes, with what shows that they are whole and of this version. Nothing of it is taken for a plan before the
// digest is right.

import Archive
package import Wire

package enum PlanFile {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    private static let magic = Array("MARTLET\n".utf8)
    /// Grows with every change of the format.
    private static let version: UInt32 = 1
    package static var longest: Int { Ceilings.largest.planBytes }
    private static let headLength = 8 + 4 + 8 + 32

    package static func encode(_ plan: Plan) throws -> [UInt8] {
        var plan = plan
        var visitor = WritingVisitor()
        try plan.visit(&visitor)
        let body = visitor.encoder.bytes
        guard body.count + headLength <= longest else { throw Failure("the plan is too long") }
        var head = Encoder()
        for byte in magic { head.put(byte) }
        head.put(version)
        head.put(UInt64(body.count))
        for byte in SHA256.digest(of: body) { head.put(byte) }
        return head.bytes + body
    }

    package static func decode(_ bytes: [UInt8], _ ceilings: Ceilings = .largest) throws -> Plan {
        guard bytes.count <= ceilings.planBytes else { throw Failure(Ceilings.words(.planBytes, ceilings)) }
        guard bytes.count >= headLength, bytes.starts(with: magic) else { throw Failure("it is no snapshot") }
        var decoder = Decoder(Array(bytes[8..<20]))
        let found = try decoder.integer(UInt32.self)
        guard found == version else { throw Failure("its format is \(found), and this engine's \(version)") }
        guard try decoder.integer(UInt64.self) == UInt64(bytes.count - headLength) else {
            throw Failure("it is not whole")
        }
        let body = Array(bytes[headLength...])
        guard SHA256.digest(of: body) == Array(bytes[20..<headLength]) else { throw Failure("its digest is wrong") }
        let plan = try decode(body: body)
        if let excess = ceilings.excess(of: plan) { throw Failure(excess) }
        return plan
    }

    /// What comes behind the digest.
    package static func decode(body: [UInt8]) throws(DecodingError) -> Plan {
        var visitor = ReadingVisitor(body)
        var plan = Plan()
        try plan.visit(&visitor)
        try visitor.finish()
        try plan.check()
        return plan
    }
}

extension Plan {
    /// What the parts of it say about each other.
    func check() throws(DecodingError) {
        // The first is the one that a template holds, and nothing is restored that has none.
        guard let first = processes.first, !first.isEnded else { throw .outOfRange }
        for (index, process) in processes.enumerated() {
            guard process.parent < Int32(index), process.parent >= -1, process.pid > 1 else { throw .outOfRange }
            for descriptor in process.descriptors
            where descriptor.number < 0 || Int(descriptor.file) >= files.count { throw .outOfRange }
            for mapping in process.mappings {
                if mapping.kind == .shared, Int(mapping.file) >= files.count { throw .outOfRange }
                for run in mapping.runs where run.position + run.pages << 12 > pagesSize { throw .outOfRange }
            }
            if process.isEnded { continue }
            guard !process.threads.isEmpty, process.kernelMappings.count <= Parameter.mostKernelPages,
                process.layout.count == ProcessState.layoutCount
            else { throw .outOfRange }
            for thread in process.threads where thread.registers.count != 27 || thread.vector.count < 576 {
                throw .outOfRange
            }
        }
        for file in files {
            for run in file.contents where !isInImage(run.position, run.pages) { throw .outOfRange }
            if file.kind == .log, file.index >= Parameter.mostLogs { throw .outOfRange }
        }
        for entry in entries where entry.kind == .file {
            guard entry.size < 1 << 40 else { throw .outOfRange }
            for run in entry.contents where !isInImage(run.position, run.pages) { throw .outOfRange }
        }
    }

    private func isInImage(_ position: UInt64, _ pages: UInt64) -> Bool {
        position < 1 << 40 && pages < 1 << 28 && position + pages << 12 <= pagesSize
    }
}
