//! A page on paper, printed by a browser without a window.
//!
//! In: an HTML page. Out: PDF. Invariants: the browser reads one file of ours and has a profile
//! of its own that is gone afterwards; it and all it started end within [`LIMIT`].
//! Deliberately absent: a PDF writer of our own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// The longest that printing may take.
const LIMIT: Duration = Duration::from_secs(30);
/// The programs that can print, the first one found does.
const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A page cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// No browser.
    #[error(
        "print PDF: there is no chromium; install it, put it on PATH or name it in CHROMIUM, or ask for html"
    )]
    NoBrowser,
    /// Files or processes cannot be had.
    #[error("print PDF: {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("print PDF: no end within {} s", LIMIT.as_secs())]
    Timeout,
    /// It ended without a document.
    #[error("print PDF: the browser ended with {status}: {said}")]
    Failed {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last line it said.
        said: String,
    },
}

/// Prints a page.
///
/// # Errors
/// [`PdfError`]
pub async fn print_pdf(html: &str) -> Result<Vec<u8>, PdfError> {
    let io = |what| move |source| PdfError::Io { what, source };
    let program = browser().ok_or(PdfError::NoBrowser)?;
    let folder = Folder::make().await.map_err(io("make a folder"))?;
    let (page, pdf) = (folder.0.join("page.html"), folder.0.join("page.pdf"));
    tokio::fs::write(&page, html).await.map_err(io("write the page"))?;
    let mut command = Command::new(&program);
    command
        .args(["--headless=new", "--disable-gpu", "--disable-extensions", "--no-first-run"])
        .args(["--disable-background-networking", "--no-pdf-header-footer"])
        .arg(argument("--user-data-dir=", &folder.0.join("profile")))
        .arg(argument("--print-to-pdf=", &pdf));
    if is_root() {
        // The sandbox refuses to run as root.
        command.arg("--no-sandbox");
    }
    command
        .arg(argument("file://", &page))
        // With LANG=C or POSIX it stops at its own translations.
        .envs([("LANG", "en_US.UTF-8"), ("LC_ALL", "en_US.UTF-8")])
        .env("HOME", &folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = command.spawn().map_err(io("start the browser"))?;
    let group = Group(child.id());
    let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    // Its helpers may outlive it.
    drop(group);
    let output = ended.map_err(|_| PdfError::Timeout)?.map_err(io("wait for the browser"))?;
    match tokio::fs::read(&pdf).await {
        Ok(bytes) if output.status.success() && bytes.starts_with(b"%PDF-") => Ok(bytes),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or("it said nothing").to_owned();
            Err(PdfError::Failed { status: output.status, said })
        }
    }
}

fn argument(before: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(before);
    argument.push(path);
    argument
}

/// The program to print with.
fn browser() -> Option<std::path::PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM").filter(|named| !named.is_empty()) {
        let named = std::path::PathBuf::from(named);
        return named.is_file().then_some(named);
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let found = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    found.into_iter().find(|file| file.is_file())
}

/// Whether this process runs as root.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A folder that is gone when this is dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    async fn make() -> std::io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ledgerline-report-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What a process of the same number left behind.
        match tokio::fs::remove_dir_all(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut builder = tokio::fs::DirBuilder::new();
        builder.mode(0o700).create(&path).await?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to tidy: it lies in its temporary folder.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A group of processes that ends when this is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self.0 else { return };
        let group = format!("-{leader}");
        // A group that is gone needs no signal.
        let kill = std::process::Command::new("kill")
            .args(["-9", "--", &group])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        drop(kill);
    }
}
