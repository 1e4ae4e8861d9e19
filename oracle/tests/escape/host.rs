//! The host is what must not change: files, processes, sockets, kernel objects and the settings
//! of a bystander. It is looked at after every load.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// System V keys that nobody else uses.
const KEY: u32 = 0x6173_7379;

/// What is watched.
pub struct Host {
    canary: TempDir,
    tag: String,
    tcp: TcpListener,
    unix: UnixListener,
    named: UnixListener,
    bystander: Child,
    files: BTreeMap<PathBuf, String>,
    settings: String,
}

impl Host {
    /// Sets everything up; this process adopts whatever its descendants leave behind.
    pub fn new() -> Self {
        let us = rustix::process::getpid();
        reap_orphans();
        rustix::process::set_child_subreaper(Some(us)).unwrap();
        let mut canary = tempfile::Builder::new();
        canary.prefix("assay-canary-");
        // Not in /tmp, which the sandbox hides.
        let canary = canary.tempdir_in("/var/tmp").or_else(|_| canary.tempdir()).unwrap();
        // Open to all: it is the sandbox that must keep it.
        fs::set_permissions(canary.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(canary.path().join("file"), "the host's").unwrap();
        fs::set_permissions(canary.path().join("file"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::create_dir(canary.path().join("dir")).unwrap();
        let tag = format!("assay-escape-{}", std::process::id());
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let unix = UnixListener::bind(canary.path().join("socket")).unwrap();
        let name = SocketAddr::from_abstract_name(&tag).unwrap();
        let named = UnixListener::bind_addr(&name).unwrap();
        tcp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        named.set_nonblocking(true).unwrap();
        let bystander = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let files = walk(canary.path());
        let mut host =
            Self { canary, tag, tcp, unix, named, bystander, files, settings: String::new() };
        host.settings = host.settings_now();
        host
    }

    /// The assignments by which a pickle's code knows what to harm.
    pub fn names(&self) -> String {
        let canary = self.canary.path().display();
        let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        let (tag, port) = (&self.tag, self.tcp.local_addr().unwrap().port());
        let (host, bystander) = (std::process::id(), self.bystander.id());
        format!(
            "CANARY, FILE, HOME, TAG = '{canary}', '{canary}/file', '{home}', '{tag}'\n\
             PORT, HOST, BYSTANDER, KEY = {port}, {host}, {bystander}, {KEY}"
        )
    }

    /// What has changed.
    pub fn changes(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let files = walk(self.canary.path());
        if files != self.files {
            found.push(format!("files: {:?} became {files:?}", self.files));
        }
        for place in ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "."] {
            let Ok(entries) = fs::read_dir(place) else { continue };
            let tagged = |name: &str| name.contains(&self.tag);
            let left = entries.flatten().map(|entry| entry.path());
            found.extend(
                left.filter(|path| tagged(&path.to_string_lossy()))
                    .map(|path| format!("left behind: {}", path.display())),
            );
        }
        if !matches!(self.bystander.try_wait(), Ok(None)) {
            found.push("the bystander is gone".to_owned());
        }
        let settings = self.settings_now();
        if settings != self.settings {
            found.push(format!("settings: {} became {settings}", self.settings));
        }
        let quiet = |result: io::Result<()>| matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if !quiet(self.tcp.accept().map(drop)) {
            found.push("someone connected by TCP".to_owned());
        }
        if !quiet(self.unix.accept().map(drop)) || !quiet(self.named.accept().map(drop)) {
            found.push("someone connected by a unix socket".to_owned());
        }
        found.extend(self.processes());
        found
    }

    /// Processes beneath this one that should not be: a worker has at most its keeper beneath it.
    fn processes(&self) -> Vec<String> {
        let all = processes();
        let me = std::process::id();
        let mut found = Vec::new();
        for process in &all {
            let parent = all.iter().find(|other| other.id == process.parent);
            let depth = match parent {
                _ if process.parent == me => 1,
                Some(parent) if parent.parent == me => 2,
                Some(parent) if all.iter().any(|o| o.id == parent.parent && o.parent == me) => 3,
                _ => continue,
            };
            let siblings = all.iter().filter(|other| other.parent == process.parent).count();
            let expected = match depth {
                1 => process.state != 'Z',
                2 => siblings == 1 && process.state != 'Z',
                _ => false,
            };
            if !expected {
                found.push(format!("a process too many: {process:?}"));
            }
        }
        found
    }

    /// What a bystander, this process and the machine are set to.
    fn settings_now(&self) -> String {
        let mut out = String::new();
        for id in [self.bystander.id(), std::process::id()] {
            let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}"));
            let status = read("status").unwrap_or_default();
            let kept = ["Uid", "Gid", "Cpus_allowed:", "NoNewPrivs", "Sig", "TracerPid"];
            for line in status.lines().filter(|line| kept.iter().any(|k| line.starts_with(k))) {
                // Signals come and go; those ignored and blocked do not.
                if !line.starts_with("SigQ") && !line.starts_with("SigP") {
                    out += &format!("{line}; ");
                }
            }
            let stat = read("stat").unwrap_or_default();
            let after = stat.rsplit(')').next().unwrap_or_default();
            let fields: Vec<&str> = after.split_ascii_whitespace().collect();
            // Group, session, priority, nice.
            for n in [2, 3, 15, 16] {
                out += &format!("{:?} ", fields.get(n));
            }
            out += &read("oom_score_adj").unwrap_or_default();
            out += &read("limits").unwrap_or_default();
        }
        for path in ["/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/swaps"] {
            out += &fs::read_to_string(path).unwrap_or_default();
        }
        for kind in ["shm", "msg", "sem"] {
            let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
            out += if text.contains(&KEY.to_string()) { "a key left behind; " } else { "" };
        }
        out += if fs::read_to_string("/proc/net/unix")
            .is_ok_and(|text| text.contains(&format!("{}-new", self.tag)))
        {
            "a name left behind; "
        } else {
            ""
        };
        out += &format!("{:?}", std::env::current_dir().ok());
        out
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
    }
}

/// Buries the keepers of earlier pools, here and in scenarios: they die with their workers, and
/// are ours then.
fn reap_orphans() {
    let orphans = processes().into_iter().filter(|process| process.parent == std::process::id());
    for orphan in orphans {
        let id = rustix::process::Pid::from_raw(orphan.id as i32);
        let _ = rustix::process::waitpid(id, rustix::process::WaitOptions::empty());
    }
}

/// Everything beneath a directory, with what it is and holds.
fn walk(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if about.is_dir() {
            out.extend(walk(&path));
        }
        let content =
            if about.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let (mode, links, owner) = (about.mode(), about.nlink(), (about.uid(), about.gid()));
        let changed = (about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec());
        let said = format!(
            "{mode:o} {links} {owner:?} {} {changed:?} {:?}",
            about.ino(),
            String::from_utf8_lossy(&content)
        );
        out.insert(path, said);
    }
    let about = fs::metadata(dir).unwrap();
    out.insert(
        dir.to_owned(),
        format!("{:o} {} {}", about.mode(), about.mtime(), about.mtime_nsec()),
    );
    out
}

#[derive(Debug)]
struct Process {
    id: u32,
    parent: u32,
    state: char,
    #[allow(dead_code, reason = "shown when a test fails")]
    name: String,
}

fn processes() -> Vec<Process> {
    let mut out = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, rest)) = text.rsplit_once(')') else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next().and_then(|s| s.chars().next()).unwrap_or('?');
        let parent = fields.next().and_then(|s| s.parse().ok()).unwrap_or(0);
        out.push(Process { id, parent, state, name: name.to_owned() });
    }
    out
}
