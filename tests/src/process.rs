//! A server of a network as a process of its own, so that its calls to the system can be made to fail and its memory be
//! measured; and a small file system to put its data on.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a process may take to be ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// The process. It is killed when this goes.
pub struct Process {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Process {
    /// Starts a command that serves at the address, and waits until it is open. What it says goes to the file.
    pub async fn start(command: &mut Command, address: &str, log: &Path) -> Self {
        let said = fs::File::options().append(true).create(true).open(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        let mut process = Self { child, address: address.to_owned(), log: log.to_owned() };
        let begin = Instant::now();
        while !process.is_open().await {
            assert!(begin.elapsed() < PATIENCE && process.is_alive(), "it does not serve:\n{}", process.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// Whether it is open, whatever it lacks.
    pub async fn is_open(&self) -> bool {
        is_open(&format!("http://{}", self.address)).await
    }

    /// Whether it is fit for all of its work.
    pub async fn is_ready(&self) -> bool {
        let answer = caller().get(format!("http://{}/readyz", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A field of `/proc/…/status` that is in kilobytes, in bytes: `VmRSS` what it has in memory, `VmHWM` the most it had.
    pub fn memory_bytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process is for that test alone. If not, it has the test run in one that is, and waits for its end: for tests
/// of what a whole process does, such as all that it logs.
pub fn is_alone(test: &str) -> bool {
    const ALONE: &str = "NACRE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|alone| alone == test) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ran = command.args(["--exact", test, "--nocapture"]).env(ALONE, test).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    println!("{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("1 passed"), "{test}, in a process of its own");
    false
}

fn caller() -> reqwest::Client {
    // Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(5)).build().unwrap()
}

/// Whether the server there is open, whatever it lacks.
pub async fn is_open(url: &str) -> bool {
    lacks(url).await.is_some_and(|lacks| !lacks.iter().any(|lack| lack == "opening"))
}

/// What the server there says that it lacks, in words; none if it does not serve.
pub async fn lacks(url: &str) -> Option<Vec<String>> {
    let said = caller().get(format!("{url}/readyz")).send().await.ok()?.json::<serde_json::Value>().await.ok()?;
    Some(said["reasons"].as_array()?.iter().map(|lack| lack["what"].as_str().unwrap().to_owned()).collect())
}

/// Calls of a process that fail, as long as this lives.
pub struct Fault(Child);

impl Fault {
    /// Whether there is a `strace` that may trace.
    pub fn can_be_made() -> bool {
        let traced =
            Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
        let works = traced.is_ok_and(|status| status.success());
        if !works {
            println!("skipped: strace is not there or may not trace");
        }
        works
    }

    /// Lets these system calls of the process fail with that error, if they are on the file.
    pub fn make(process: &Process, calls: &str, error: &str, file: &Path) -> Self {
        let pid = process.id().to_string();
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p", &pid, "-P", file.to_str().unwrap()])
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while !is_traced(process.id()) {
            assert!(begin.elapsed() < PATIENCE, "strace does not attach");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }
}

/// Whether every thread of the process has its tracer.
fn is_traced(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let is_traced = |task: PathBuf| {
        // A thread that has ended meanwhile needs none.
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        status.is_empty() || status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    tasks.into_iter().all(|task| is_traced(task.unwrap().path()))
}

impl Drop for Fault {
    /// The process goes on without it.
    fn drop(&mut self) {
        let interrupted = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(interrupted.is_ok_and(|status| status.success()), "strace cannot be told to detach");
        let _ = self.0.wait();
    }
}

/// A file system of so many bytes, mounted over a folder.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one over the folder, with what is in it. None, and a word about it, where that takes rights that are not there.
    pub fn over(folder: &Path, bytes: u64) -> Option<Self> {
        let aside = tempfile::tempdir().unwrap();
        copy(folder, aside.path());
        let options = format!("size={bytes},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "nacre-test"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("skipped: no file system can be mounted here");
            return None;
        }
        copy(aside.path(), folder);
        Some(Self { folder: folder.to_owned() })
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.folder.join("filler")).unwrap();
        for size in [1 << 16, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn clear(&self) {
        fs::remove_file(self.folder.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "cannot copy {}", from.display());
}
