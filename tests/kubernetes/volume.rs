//! A disk of a process's own that can be full or read-only: a mount in a namespace of the process, which ends with it; that takes root.
//! Used by tests of what operator and sidecar say of their disks.

use std::path::{Path, PathBuf};

/// A volume that only one process sees, and what that is told at its start.
pub(super) struct Volume {
    folder: tempfile::TempDir,
}

impl Volume {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Volume { folder }
    }

    pub(super) fn at(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Mounts it, read-only from the second start on where that is asked for, notes the process, and becomes whatever follows.
    pub(super) fn script(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "cd {folder} && mount -t tmpfs -o size=16m none data && \
             if [ -e read-only ]; then mount -o remount,ro data; fi && echo $$ > pid && exec \"$0\" \"$@\""
        )
    }

    /// The program, and its arguments, that runs such a script and becomes what follows.
    pub(super) fn under(script: &str) -> [&str; 5] {
        ["unshare", "--mount", "sh", "-c", script]
    }

    /// What is started from now on finds it read-only.
    pub(super) fn is_read_only_next(&self) {
        std::fs::write(self.folder.path().join("read-only"), "").unwrap();
    }

    fn pid(&self) -> String {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        pid.trim().to_owned()
    }

    /// A file of it, as the process sees it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        let within = self.at().join(name);
        root.join(within.strip_prefix("/").unwrap())
    }

    pub(super) fn becomes_writable(&self) {
        let pid = format!("--target={}", self.pid());
        let mut remount = std::process::Command::new("nsenter");
        remount.args([&pid, "--mount", "mount", "-o", "remount,rw"]);
        assert!(remount.arg(self.at()).status().unwrap().success());
    }
}

/// Takes all the room that is left.
pub(super) fn fill(file: &Path) {
    let full = std::fs::write(file, vec![7; 32 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}
