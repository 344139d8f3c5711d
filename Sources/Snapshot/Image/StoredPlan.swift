// The plan of an image as it lies on the disk: opened by a process with the right to, and read by one without.

import Glibc
package import Linux
package import Wire

package struct StoredPlan: ~Copyable {
    let name: String
    package let plan: FileDescriptor
    package let planSize: UInt64
    let pagesSize: UInt64

    /// - Parameter directory: where the image is. Nothing that could make its caller wait is opened.
    static func open(
        _ name: String, in directory: Directory, at path: String
    ) throws(SystemError) -> StoredPlan {
        let named = try Files.open("\(path)/plan", in: directory, [.nameOnly, .noFollow])
        let about = try FileDetails(named.raw)
        guard about.type == 0o100000 else {
            throw SystemError(call: "open", subject: "plan, which is no file", code: EINVAL)
        }
        let plan = try Files.open("/proc/self/fd/\(named.raw)")
        let pages = try FileDetails(of: try Files.open("\(path)/pages", in: directory, [.nameOnly, .noFollow]))
        return StoredPlan(name: name, plan: plan, planSize: about.size, pagesSize: pages.size)
    }

    package borrowing func read(_ ceilings: Ceilings = .largest) throws(Refusal) -> Plan {
        do {
            let bytes = try Files.read(plan, limit: ceilings.planBytes, named: "plan")
            let decoded = try PlanFile.decode(bytes, ceilings)
            guard pagesSize == decoded.pagesSize else {
                throw PlanFile.Failure("its pages are not all there, or more than there were")
            }
            return decoded
        } catch {
            throw ImageStore.unusable(name, error)
        }
    }
}
