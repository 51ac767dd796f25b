//! Reads the source and fails where it leaves its shape: an import that runs back, a file without a header,
//! a library outside the one folder that owns it.
//!
//! Nothing is compiled or run. The shape itself is explained in ARCHITECTURE.md; change both together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules from left to right. One imports only what stands in a later row.
const ROWS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["http", "worker", "watch", "service"],
    &["health", "doctor"],
    &["bridge"],
    &["config"],
    &["webhook"],
    &["jobs"],
    &["queue", "blobs", "events", "sandbox"],
    &["ids", "meter", "sample", "secrets", "timestamp", "log"],
    &["optimize"],
];

/// A library, and the one place under `src` that may use it.
const OWNERS: &[(&str, &str)] = &[
    ("redb", "queue"),
    ("redis", "bridge"),
    ("object_store", "blobs/shared.rs"),
    ("axum", "http"),
    ("tower_http", "http"),
    ("hyper", "http"),
    ("hyper_util", "http"),
    ("clap", "cli"),
    ("utoipa_axum", "http"),
    ("reqwest", "webhook"),
    ("sd_notify", "service"),
    ("listenfd", "service"),
    ("toml", "config/file.rs"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("tracing_subscriber", "log"),
    ("ring", "webhook"),
    ("zip", "cli/child"),
    ("governor", "http"),
    ("metrics", "meter"),
    ("metrics_exporter_prometheus", "meter"),
    ("draco_oxide", "optimize/codecs"),
    ("draco_oxide_decoder", "optimize/codecs"),
    ("meshopt", "optimize/codecs"),
    ("image", "optimize/codecs"),
    ("libwebp_sys", "optimize/codecs"),
    ("basisu", "optimize/codecs/ktx2"),
    ("basisu_c_sys", "optimize/codecs/ktx2"),
];

/// Flags are declared beside the variables that they override.
/// Archives of results are written where they are sent.
const EXCEPTIONS: &[(&str, &str)] =
    &[("clap", "config.rs"), ("clap", "config/remote.rs"), ("zip", "http/zip.rs")];

/// What the pure core may not touch: files, clocks, sockets, async code.
const IMPURE: &[&str] = &["std::fs", "std::time", "std::net", "std::env", "std::process", "tokio"];

struct Source {
    /// Relative to `src`, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    /// The module of the first level that the file belongs to.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// The text without comments and without its tests.
    fn code(&self) -> String {
        let before_tests = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "found only {} files below {}", files.len(), root.display());
    files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
            text: fs::read_to_string(&file).unwrap(),
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Where a module stands; none for one that is not in [`ROWS`].
fn row_of(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The modules of the first level that the code names by `crate::` or by the crate's own name.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "glb_optimizer::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(group_heads(group)),
                None => found.push(head(rest)),
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The first words of the entries of `a::{b, c}, d}`: `a` and `d`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut entry) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => heads.push(head(std::mem::take(&mut entry).trim())),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                entry.push(c);
            }
        }
    }
    heads.push(head(entry.trim()));
    heads
}

fn head(path: &str) -> String {
    path.chars().take_while(|&c| is_name(c)).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the code imports a module of ours that has the library's name.
fn is_shadowed(code: &str, library: &str) -> bool {
    let uses = code
        .split(';')
        .map(str::trim)
        .filter(|statement| statement.starts_with("use crate::") || statement.starts_with("use super::"));
    uses.flat_map(|statement| statement.split(|c| !is_name(c))).any(|word| word == library)
}

/// Whether the code names `path` as the beginning of a path.
fn mentions(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + path.len()..];
        let is_path = after.starts_with("::") || (path.contains("::") && !after.starts_with(is_name));
        let is_use = code[..at].ends_with("use ") && after.starts_with(';');
        !before.is_some_and(|c| is_name(c) || c == ':') && (is_path || is_use)
    })
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_file_begins_with_what_it_is() {
    let headless = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    assert_none(&headless.map(|source| format!("src/{} has no //! header", source.path)).collect::<Vec<_>>());
}

#[test]
fn imports_run_from_left_to_right() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let (path, module) = (&source.path, source.module());
        let Some(own_row) = row_of(module) else {
            faults.push(format!("src/{path}: give module `{module}` a row in tests/tidy.rs"));
            continue;
        };
        for import in imports(&source.code()).iter().filter(|import| *import != module) {
            if row_of(import).is_some_and(|row| row <= own_row) {
                faults.push(format!("src/{path}: `{module}` must not import `{import}`"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn heavy_libraries_have_one_owner() {
    let mut faults = Vec::new();
    for source in sources() {
        let code = source.code();
        for (library, owner) in OWNERS {
            let is_owner = source.path.starts_with(owner) || EXCEPTIONS.contains(&(library, &source.path));
            if !is_owner && mentions(&code, library) && !is_shadowed(&code, library) {
                faults.push(format!("src/{}: {library} belongs to src/{owner}", source.path));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn the_core_is_pure() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.module() == "optimize" && !source.is_test()) {
        for impure in IMPURE.iter().filter(|impure| mentions(&source.code(), impure)) {
            faults.push(format!("src/{}: the core must not use {impure}", source.path));
        }
    }
    assert_none(&faults);
}

/// The rows of the security standards that the project answers to; docs/security.md has one line for each.
const SECURITY_ROWS: [&str; 20] = [
    "ASVS 5.1.1",
    "ASVS 5.2.1",
    "ASVS 5.2.2",
    "ASVS 5.2.3",
    "ASVS 5.2.4",
    "ASVS 5.2.5",
    "ASVS 5.2.6",
    "ASVS 5.3.1-3",
    "ASVS 5.4.1-2",
    "ASVS 5.4.3",
    "ASVS 2.4.1",
    "ASVS 2.3.3",
    "ASVS 4.1.1, 4.1.3",
    "ASVS 4.2.1",
    "ASVS 13.1.2/.3, 13.2.6",
    "ASVS 13.2.4/.5",
    "ASVS 13.4.2/.5/.6",
    "ASVS 16.2-16.5",
    "CS File Upload",
    "CS DoS",
];

#[test]
fn every_security_row_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let code = code_of(root);
    let mut faults = Vec::new();
    for row in SECURITY_ROWS {
        let line = page.lines().find(|line| line.starts_with(&format!("| {row} |")));
        let tests = line.and_then(|line| line.split(" | ").nth(2)).unwrap_or_default();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !tests.starts_with("none: ") {
            faults.push(format!("docs/security.md: {row} names neither a test nor a reason for none"));
        }
        let missing = names.into_iter().filter(|name| !code.contains(&format!("fn {name}(")));
        faults.extend(missing.map(|name| format!("docs/security.md: {row} names {name}, which is no test")));
    }
    assert_none(&faults);
}

#[test]
fn what_durability_promises_is_shown_by_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/durability.md")).unwrap();
    let code = code_of(root);
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let names: Vec<&str> = rows
        .filter_map(|row| row.split(" | ").nth(2))
        .flat_map(|tests| tests.split('`').skip(1).step_by(2))
        .collect();
    assert!(names.len() > 5);
    let missing = names.into_iter().filter(|name| !code.contains(&format!("fn {name}(")));
    assert_none(
        &missing.map(|name| format!("docs/durability.md names {name}, which is no test")).collect::<Vec<_>>(),
    );
}

/// All of the code and its tests, as one text.
fn code_of(root: &Path) -> String {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    collect(&root.join("tests"), &mut files);
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn this_test_sees_what_it_looks_for() {
    let code = "use crate::{http::{self, Site}, jobs};\nuse crate::queue::Job;\nlet a = crate::ids::X;";
    assert_eq!(imports(code), ["http", "jobs", "queue", "ids"]);
    assert!(mentions("use redb::Database;", "redb"));
    assert!(mentions("use image;", "image"));
    assert!(mentions("let now = std::time::Instant::now();", "std::time"));
    assert!(mentions("use std::fs;", "std::fs"));
    assert!(!mentions("use super::image::Probe;", "image"));
    assert!(is_shadowed("use crate::optimize::codecs::{meshopt, resize};", "meshopt"));
    assert!(!is_shadowed("use meshopt::encode;", "meshopt"));
    assert!(!mentions("let image = my_image::new();", "image"));
    assert!(row_of("queue") > row_of("jobs") && row_of("nowhere").is_none());
}
