// Images on the disk: a directory for each, with its plan and its pages, root's own. One that is being written has a
// name that no snapshot can have, and gets its own in a single step when all of it is there.
//
//     plan    magic, version, length, digest (SHA-256); then the plan as Plan.visit writes it
//     pages   the memory, a page after the other, and the contents of files

import Archive
import Glibc
package import Linux
package import Wire

package struct ImageStore: ~Copyable {
    private let path: String

    /// Opens the directory, made first if need be. One that somebody else may write to is not used: what is in it
    /// steers what root does.
    package init(path: String) throws(Refusal) {
        self.path = path
        do throws(SystemError) {
            if !Files.exists(path) { try Files.makeDirectory(path, mode: 0o700) }
            let about = try FileDetails(of: try Files.open(path, [.directory, .noFollow]))
            guard about.user == Credentials.userID, about.mode & 0o077 == 0 else {
                throw SystemError(call: "open", subject: "\(path), which is not our own alone", code: EPERM)
            }
        } catch {
            throw Refusal(.state, "cannot keep snapshots: \(error)")
        }
    }

    /// Removes what was being written when an engine ended.
    package func clearDrafts() {
        for name in (try? Files.names(in: path)) ?? [] where name.hasPrefix(".") {
            try? Trees.remove("\(path)/\(name)")
        }
    }

    package var names: [String] {
        ((try? Files.names(in: path)) ?? []).filter { SnapshotName.problem($0) == nil }.sorted()
    }

    package func has(_ name: String) -> Bool { Files.exists("\(path)/\(name)/plan") }

    package func remove(_ name: String) {
        guard SnapshotName.problem(name) == nil else { return }
        let doomed = "\(path)/.\(name).\(getpid()).old"
        // What an earlier attempt has not removed must not keep this one.
        try? Trees.remove(doomed)
        do throws(SystemError) {
            try Files.rename("\(path)/\(name)", to: doomed)
            try Trees.remove(doomed)
        } catch {}
    }

    // MARK: writing

    package struct Draft: ~Copyable {
        let directory: String
        package let pages: PageFile
    }

    package func begin(_ name: String) throws(Refusal) -> Draft {
        let directory = "\(path)/.\(name).\(getpid())"
        do throws(SystemError) {
            try? Trees.remove(directory)
            try Files.makeDirectory(directory, mode: 0o700)
            let file = try Files.open("\(directory)/pages", [.readWrite, .create, .exclusive], mode: 0o600)
            return Draft(directory: directory, pages: PageFile(file))
        } catch {
            throw Refusal(.state, "begin a snapshot: \(error)")
        }
    }

    package func clearDraft(of name: String) { try? Trees.remove("\(path)/.\(name).\(getpid())") }

    /// Puts the whole image under its name, in place of one that was there: at any moment, also of one when the power
    /// goes, there is one of them or the other.
    package func finish(_ draft: consuming Draft, _ plan: Plan, as name: String) throws(Refusal) {
        do {
            try draft.pages.finish()
            var plan = plan
            plan.pagesSize = draft.pages.size
            plan.pagesSum = try PageSum.of(draft.pages.raw, size: plan.pagesSize)
            let file = try Files.open("\(draft.directory)/plan", [.write, .create, .exclusive], mode: 0o600)
            try Files.write(PlanFile.encode(plan), to: file.raw, named: "plan")
            try FileRegions.synchronize(file.raw)
            // Its names are on the disk before its own is, or a directory could be found that has not all of them.
            try Files.synchronizeNames(in: draft.directory)
            if Files.exists("\(path)/\(name)") {
                try Files.exchange(draft.directory, with: "\(path)/\(name)")
                try? Trees.remove(draft.directory)
            } else {
                try Files.rename(draft.directory, to: "\(path)/\(name)")
            }
            try Files.synchronizeNames(in: path)
        } catch {
            try? Trees.remove(draft.directory)
            throw Refusal(.state, "write a snapshot: \(error)")
        }
    }

    // MARK: reading

    package struct Image: ~Copyable {
        package let plan: Plan
        package let pages: FileDescriptor
        package let touched: TouchedPages
    }

    package func open(_ name: String) throws(Refusal) -> Image {
        if let problem = SnapshotName.problem(name) { throw Refusal(.snapshot, problem) }
        do {
            let file = try Files.open("\(path)/\(name)/plan", [.noFollow])
            let plan = try PlanFile.decode(try Files.read(file, limit: PlanFile.longest, named: "plan"))
            let pages = try Files.open("\(path)/\(name)/pages", [.noFollow])
            guard try FileDetails(pages.raw).size == plan.pagesSize else {
                throw PlanFile.Failure("its pages are not all there, or more than there were")
            }
            return Image(plan: plan, pages: pages, touched: touched(name) ?? TouchedPages())
        } catch let error as SystemError where error.code == ENOENT {
            throw Refusal(.snapshot, "there is no snapshot \(name)")
        } catch {
            throw Refusal(.snapshot, "the snapshot \(name) cannot be used: \(error)")
        }
    }
}

extension ImageStore {
    /// Which pages a first event is known to write to; nothing when none has told yet.
    package func touched(_ name: String) -> TouchedPages? {
        guard let bytes = try? Files.read("\(path)/\(name)/touched", limit: TouchedPages.longest) else { return nil }
        return TouchedPages(decoding: bytes)
    }

    package func setTouched(_ pages: TouchedPages, of name: String) throws(SystemError) {
        try Trees.replace("\(path)/\(name)/touched", with: pages.encoded())
    }
}

/// A sum over pages that finds accidents: what changed on a disk. Nobody but root can have written there.
enum PageSum {
    private static let chunk = 1 << 20

    static func of(_ raw: Int32, size: UInt64) throws(SystemError) -> UInt64 {
        var sum = UInt64(0x9e37_79b9_7f4a_7c15)
        var done: UInt64 = 0
        while done < size {
            let bytes = try FileRegions.read(raw, at: done, count: Int(min(UInt64(chunk), size - done)))
            if bytes.isEmpty { break }
            sum = add(bytes, to: sum)
            done += UInt64(bytes.count)
        }
        return sum
    }

    private static func add(_ bytes: [UInt8], to sum: UInt64) -> UInt64 {
        unsafe bytes.withUnsafeBytes { buffer in
            var lanes = (sum, ~sum)
            for offset in stride(from: 0, to: buffer.count & ~15, by: 16) {
                let one = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let other = unsafe buffer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                lanes.0 = (lanes.0 ^ one) &* 0xff51_afd7_ed55_8ccd
                lanes.1 = (lanes.1 ^ other) &* 0xc4ce_b9fe_1a85_ec53
                lanes.0 ^= lanes.0 >> 32
                lanes.1 ^= lanes.1 >> 29
            }
            return lanes.0 &+ (lanes.1 << 1 | lanes.1 >> 63)
        }
    }
}
