import Foundation
import Glibc

/// Programs of the system that some of these tests need.
enum Tools {
  static func path(of name: String) -> String? {
    ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].map { $0 + name }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  static func run(_ words: String...) -> Bool { (try? Child(words).wait()) == .exit(0) }

  /// Also false where strace is there and the kernel does not let it trace.
  static let canTrace = path(of: "strace").map { run($0, "-o", "/dev/null", "true") } ?? false
}

/// A disk of one megabyte in memory, which only root can mount.
struct SmallDisk {
  let path: String

  private static let mount = Tools.path(of: "mount")
  private static let umount = Tools.path(of: "umount")

  /// Found out by mounting one.
  static let canBeMounted: Bool = {
    guard getuid() == 0, umount != nil, let folder = try? Folder(),
      let disk = try? SmallDisk(at: folder.file("disk"))
    else { return false }
    disk.unmount()
    return true
  }()

  init(at path: String) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard Tools.run(Self.mount ?? "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path) else {
      throw Unproved("no disk of one megabyte can be mounted at \(path)")
    }
  }

  func makeRoom() throws {
    guard Tools.run(Self.mount ?? "mount", "-o", "remount,size=32m", path) else {
      throw Unproved("the disk at \(path) can't be made larger")
    }
  }

  func unmount() { _ = Tools.run(Self.umount ?? "umount", "-l", path) }
}
