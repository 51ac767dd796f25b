//! Builds the web page (assets/web) into `OUT_DIR/web`, from where `src/http/assets.rs` embeds it, and tells the code what it
//! is built for.
//!
//! Works on a copy in `OUT_DIR`, so that the source tree stays clean. Runs only when a file of the page changed, and
//! installs the npm packages only when package-lock.json changed. Needs Node and npm to build; the executable needs neither.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOURCES: &str = "assets/web";
/// What a developer's own `npm install` and `npm run build` leave beside the sources.
const NOT_SOURCES: &[&str] = &["node_modules", "dist"];
const OLDEST_NODE: (u32, u32) = (20, 19);
/// Lines of a failed command that are shown; its reason is at the beginning.
const SHOWN_LINES: usize = 8;
const NODE_HINT: &str = "install Node.js 20.19 or newer, which brings npm (https://nodejs.org, or your system's packages `nodejs` and `npm`)";

fn main() {
    name_build();
    if let Err(reason) = build_page() {
        println!("cargo::error=the web page could not be built: {reason}");
    }
}

/// What `--version` tells of the build.
fn name_build() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let compiler = Command::new(variable("RUSTC")).arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rerun-if-env-changed=GLB_OPTIMIZER_COMMIT");
    let commit = Some(variable("GLB_OPTIMIZER_COMMIT")).filter(|commit| !commit.is_empty());
    // Who works on the code does not want it compiled anew after each commit.
    let commit = commit.or_else(|| if variable("PROFILE") == "release" { checked_out() } else { None });
    println!("cargo::rustc-env=GLB_OPTIMIZER_BUILT_FROM={}", commit.as_deref().unwrap_or("not said"));
    println!("cargo::rustc-env=GLB_OPTIMIZER_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=GLB_OPTIMIZER_COMPILER={}", compiler.unwrap_or_else(|_| "unknown".into()));
}

/// The commit that is checked out, if this is a clone and git is there.
fn checked_out() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["log", "-1", "--format=%h of %cs"])
}

fn build_page() -> Result<(), String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let copy = out.join("web-src");
    println!("cargo::rerun-if-changed=build.rs");
    copy_sources(Path::new(SOURCES), &copy).map_err(|error| format!("copying {SOURCES}: {error}"))?;
    require_node()?;
    install_packages(&copy)?;
    let page = out.join("web");
    run(npm(&copy).args(["run", "build", "--silent", "--", "--emptyOutDir", "--outDir"]).arg(page)).map(drop)
}

/// Brings the copy up to date, and tells cargo which files to watch. Installed packages stay where they are.
fn copy_sources(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in entries(to)?.filter(|path| !is_ignored(path)) {
        if entry.is_dir() { fs::remove_dir_all(&entry)? } else { fs::remove_file(&entry)? }
    }
    for entry in entries(from)?.filter(|path| !is_ignored(path)) {
        println!("cargo::rerun-if-changed={}", entry.display());
        copy_all(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in entries(from)? {
        copy_all(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    Ok(paths?.into_iter())
}

fn is_ignored(path: &Path) -> bool {
    path.file_name().is_some_and(|name| NOT_SOURCES.iter().any(|ignored| name == *ignored))
}

fn require_node() -> Result<(), String> {
    let output = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|_| format!("Node.js is missing; {NODE_HINT}"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST_NODE {
        return Err(format!("Node.js {version} is too old; {NODE_HINT}"));
    }
    Ok(())
}

/// Installs exactly what package-lock.json says. What was installed is remembered by a copy of that file.
fn install_packages(folder: &Path) -> Result<(), String> {
    let wanted = fs::read(folder.join("package-lock.json"))
        .map_err(|error| format!("reading package-lock.json: {error}"))?;
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // The type checker and its declarations are development dependencies: the build does not need them.
    run(npm(folder).args([
        "ci",
        "--omit=dev",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]))?;
    fs::write(stamp, wanted).map_err(|error| format!("marking the packages as installed: {error}"))
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(folder);
    command
}

/// Runs a command. On failure its own words are put on one line, because cargo shows one line.
fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("npm is missing; {NODE_HINT}"),
        _ => format!("npm cannot be started: {error}"),
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let worth_reading =
        |line: &&str| !line.is_empty() && !line.starts_with("at ") && !line.starts_with("npm error     at ");
    let words: Vec<&str> = said.lines().map(str::trim).filter(worth_reading).take(SHOWN_LINES).collect();
    let arguments: Vec<_> = command.get_args().take(2).map(|argument| argument.to_string_lossy()).collect();
    Err(format!("`npm {}` failed: {}", arguments.join(" "), words.join(" | ")))
}
