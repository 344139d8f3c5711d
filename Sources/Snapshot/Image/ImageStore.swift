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

    /// - Parameter writer: the process that was writing it
    package func clearDraft(of name: String, by writer: Int32 = getpid()) {
        try? Trees.remove("\(path)/.\(name).\(writer)")
    }

    /// Puts the whole image under its name, in place of one that was there: at any moment, also of one when the power
    /// goes, there is one of them or the other.
    package func finish(_ draft: consuming Draft, _ plan: Plan, as name: String) throws(Refusal) {
        do {
            try draft.pages.finish()
            var plan = plan
            plan.pagesSize = draft.pages.size
            plan.pagesSum = try PageSum.of(draft.pages.raw, size: plan.pagesSize)
            let file = try Files.open("\(draft.directory)/plan", [.write, .create, .exclusive], mode: 0o600)
            let bytes = try PlanFile.encode(plan)
            // What could not be read again is refused now, with its reason.
            _ = try PlanFile.decode(bytes)
            try Files.write(bytes, to: file.raw, named: "plan")
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

    /// As it lies on the disk: nothing in it has been looked at.
    package struct Unread: ~Copyable {
        let name: String
        let plan: [UInt8]
        let pages: FileDescriptor
        let pagesSize: UInt64
        let touched: [UInt8]?
    }

    package struct Image: ~Copyable {
        package let plan: Plan
        package let pages: FileDescriptor
        package let touched: TouchedPages
    }

    package func open(_ name: String) throws(Refusal) -> Image { try unread(name).read() }

    package func unread(_ name: String) throws(Refusal) -> Unread {
        if let problem = SnapshotName.problem(name) { throw Refusal(.snapshot, problem) }
        do throws(SystemError) {
            let file = try Files.open("\(path)/\(name)/plan", [.noFollow])
            let plan = try Files.read(file, limit: PlanFile.longest, named: "plan")
            let pages = try Files.open("\(path)/\(name)/pages", [.noFollow])
            let size = try FileDetails(pages.raw).size
            return Unread(name: name, plan: plan, pages: pages, pagesSize: size, touched: touchedBytes(name))
        } catch {
            if error.code == ENOENT { throw Refusal(.snapshot, "there is no snapshot \(name)") }
            throw Self.unusable(name, error)
        }
    }

    fileprivate static func unusable(_ name: String, _ error: any Error) -> Refusal {
        Refusal(.snapshot, "the snapshot \(name) cannot be used: \(error)")
    }
}

extension ImageStore.Unread {
    package consuming func read() throws(Refusal) -> ImageStore.Image {
        do {
            let decoded = try PlanFile.decode(plan)
            guard pagesSize == decoded.pagesSize else {
                throw PlanFile.Failure("its pages are not all there, or more than there were")
            }
            let hint = touched.flatMap { TouchedPages(decoding: $0) }
            return ImageStore.Image(plan: decoded, pages: pages, touched: hint ?? TouchedPages())
        } catch {
            throw ImageStore.unusable(name, error)
        }
    }
}

extension ImageStore {
    /// Which pages a first event is known to write to; nothing when none has told yet.
    package func touched(_ name: String) -> TouchedPages? {
        touchedBytes(name).flatMap { TouchedPages(decoding: $0) }
    }

    private func touchedBytes(_ name: String) -> [UInt8]? {
        try? Files.read("\(path)/\(name)/touched", limit: TouchedPages.longest)
    }

    package func setTouched(_ pages: TouchedPages, of name: String) throws(SystemError) {
        try Trees.replace("\(path)/\(name)/touched", with: pages.encoded())
    }
}
