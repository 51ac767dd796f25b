//! The release archive and install.sh: what is in it, that it is the same twice, and what installing it does.
//!
//! The archive is made by `.ci/release` itself, out of the executable that is tested: only the build is left out.
//! `tests/run --install` installs it in clean systems as well.

#![expect(clippy::print_stderr, reason = "a test that could not be made is named")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::triangle_glb;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes the archive in `folder` and returns where it is.
fn pack(folder: &Path) -> PathBuf {
    let mut command = Command::new(root().join(".ci/release"));
    command.args(["--binary", env!("CARGO_BIN_EXE_glb-optimizer")]).arg(folder);
    // An executable with checks and without optimization is large, and stays here.
    let output = command.env("GZIP_LEVEL", "-1").env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().lines().next().unwrap())
}

/// The archive, made once for all tests.
fn archive() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| pack(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("release")))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn unpacked(archive: &Path) -> TempDir {
    let folder = tempdir().unwrap();
    let mut command = Command::new("tar");
    command.args(["--strip-components=1", "-xzf"]).arg(archive).current_dir(&folder);
    assert!(command.status().unwrap().success());
    folder
}

fn listed(archive: &Path) -> Vec<String> {
    let output = Command::new("tar").arg("-tzf").arg(archive).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once('/')).map(|(_, path)| path.to_owned()).collect()
}

#[test]
fn the_archive_holds_all_that_belongs_to_a_release_and_is_the_same_twice() {
    let files = listed(archive());
    for wanted in [
        "bin/glb-optimizer",
        "install.sh",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "licences.txt",
        "sbom.cdx.json",
        "docs/api.md",
        "lib/systemd/glb-optimizer.service",
        "lib/systemd/glb-optimizer.socket",
        "lib/systemd/glb-optimizer-work.service",
        "lib/systemd/glb-optimizer-user.service",
        "share/man/man1/glb-optimizer.1",
        "share/man/man1/glb-optimizer-optimize.1",
        "share/bash-completion/completions/glb-optimizer",
        "share/zsh/site-functions/_glb-optimizer",
        "share/fish/vendor_completions.d/glb-optimizer.fish",
    ] {
        assert!(files.iter().any(|file| file == wanted), "{wanted} is missing in {files:#?}");
    }
    let again = tempdir().unwrap();
    let again = pack(again.path());
    assert_eq!(archive().file_name(), again.file_name());
    assert!(
        fs::read(archive()).unwrap() == fs::read(&again).unwrap_or_default(),
        "another archive each time"
    );
}

#[test]
fn the_bill_names_every_library_with_its_licence_and_checksum() {
    let folder = unpacked(archive());
    let bill: Value =
        serde_json::from_slice(&fs::read(folder.path().join("sbom.cdx.json")).unwrap()).unwrap();
    assert_eq!(
        (&bill["bomFormat"], &bill["metadata"]["timestamp"]),
        (&"CycloneDX".into(), &"2023-11-14T22:13:20Z".into())
    );
    let parts = bill["components"].as_array().unwrap();
    let named = |name: &str| parts.iter().filter(|part| part["name"] == name).count();
    assert!(["libaom-sys", "redb", "axum", "three"].iter().all(|name| named(name) == 1));
    // What only tests or builds the program is not in it.
    assert_eq!(["proptest", "chromiumoxide", "bindgen", "vite"].map(named), [0; 4]);
    for part in parts {
        assert!(part["licenses"][0].is_object() && part["hashes"][0]["content"].is_string(), "{part}");
    }
    let texts = fs::read_to_string(folder.path().join("licences.txt")).unwrap();
    assert!(texts.contains("libaom-sys") && texts.contains("Alliance for Open Media"));
}

#[test]
fn every_link_of_a_document_leads_to_a_file_of_the_archive() {
    let folder = unpacked(archive());
    let mut count = 0;
    for document in files(folder.path()).into_keys().filter(|path| path.extension() == Some("md".as_ref())) {
        let text = fs::read_to_string(&document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains(':')) {
            let target = document.parent().unwrap().join(link);
            assert!(target.exists(), "{} leads to {link}", document.display());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links were found");
}

/// `.ci/release` measures what the executable needs and compares it with what install.sh says.
#[test]
fn the_documents_name_the_oldest_glibc_that_install_sh_does() {
    let script = fs::read_to_string(root().join("install.sh")).unwrap();
    let oldest = script.lines().find_map(|line| line.strip_prefix("OLDEST_GLIBC=")).unwrap();
    let page = fs::read_to_string(root().join("docs/deploying.md")).unwrap();
    let words = page.split("glibc ").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let named: Vec<&str> = words.filter(|word| word.starts_with('2')).collect();
    assert!(!named.is_empty() && named.iter().all(|word| *word == oldest), "{oldest}: {named:?}");
}

/// install.sh with this home and nothing else in the environment.
fn installer(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg(root().join("install.sh")).args(arguments).current_dir(home);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home);
    command.env("UNIT_DIR", home.join("units"));
    command
}

fn install(home: &Path, arguments: &[&str]) -> Output {
    installer(home, arguments).output().unwrap()
}

/// Every file below a folder with its time.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let time = fs::metadata(&path).unwrap().modified().unwrap();
            found.insert(path, time);
        }
    }
    found
}

#[test]
fn a_release_is_installed_twice_without_a_change_works_and_goes_without_a_trace() {
    let home = tempdir().unwrap();
    let release = archive().to_str().unwrap();
    let prefix = home.path().join("here");
    let arguments = ["--release", release, "--prefix", "here", "--service"];
    let output = install(home.path(), &arguments);
    assert!(output.status.success(), "{}", said(&output));
    let first = files(home.path());
    for wanted in [
        "bin/glb-optimizer",
        "share/man/man1/glb-optimizer-serve.1",
        "share/zsh/site-functions/_glb-optimizer",
    ] {
        assert!(first.contains_key(&prefix.join(wanted)), "{first:#?}");
    }
    let unit = first.keys().find(|path| path.ends_with("glb-optimizer.service")).unwrap();
    let line = format!("ExecStart={}/bin/glb-optimizer serve", prefix.display());
    assert!(fs::read_to_string(unit).unwrap().contains(&line));
    let again = install(home.path(), &arguments);
    assert!(said(&again).contains("nothing has changed"), "{}", said(&again));
    assert_eq!(files(home.path()), first);

    fs::write(home.path().join("model.glb"), triangle_glb()).unwrap();
    let mut command = Command::new(prefix.join("bin/glb-optimizer"));
    command.args(["optimize", "model.glb"]).current_dir(home.path()).env_clear();
    assert!(command.status().unwrap().success());
    assert!(home.path().join("model-optimized.glb").is_file());

    let output = install(home.path(), &["--uninstall", "--prefix", "here"]);
    assert!(output.status.success(), "{}", said(&output));
    let left: Vec<_> = files(home.path()).into_keys().collect();
    assert_eq!(left, [home.path().join("model-optimized.glb"), home.path().join("model.glb")]);
}

#[test]
fn a_release_that_is_not_what_it_should_be_is_refused_and_nothing_installed() {
    let home = tempdir().unwrap();
    let release = home.path().join("release.tar.gz");
    fs::copy(archive(), &release).unwrap();
    let arguments = ["--release", "release.tar.gz"];
    let output = install(home.path(), &arguments);
    assert!(
        !output.status.success() && said(&output).contains("nothing says what the SHA-256"),
        "{}",
        said(&output)
    );
    fs::write(home.path().join("release.tar.gz.sha256"), "0123  release.tar.gz\n").unwrap();
    let output = install(home.path(), &arguments);
    assert!(
        !output.status.success() && said(&output).contains("is not what it should be"),
        "{}",
        said(&output)
    );
    assert!(!home.path().join(".local").exists());
}

#[test]
fn a_place_that_no_service_can_run_from_is_refused_and_nothing_installed() {
    let home = tempdir().unwrap();
    let release = archive().to_str().unwrap();
    for prefix in ["my models", "a&b", "a|b", "100%", "it's", "a\\b"] {
        let output = install(home.path(), &["--release", release, "--prefix", prefix, "--service"]);
        let said = said(&output);
        assert!(!output.status.success() && said.contains("a service cannot run from"), "{prefix}: {said}");
    }
    assert!(files(home.path()).is_empty());
}

/// Where nobody is at home: neither in the folder of root, nor at the top of the file system.
#[test]
fn without_a_home_somebody_has_to_say_where_to_install_and_nothing_is_left_behind() {
    let home = tempdir().unwrap();
    let (stubs, scratch) = (home.path().join("stubs"), home.path().join("scratch"));
    fs::create_dir(&stubs).unwrap();
    fs::create_dir(&scratch).unwrap();
    // Somebody else than root, whoever runs this test.
    let path = format!("{}:/usr/bin:/bin", stubs.display());
    let write = "printf '#!/bin/sh\\necho 1000\\n' >id && chmod 755 id";
    assert!(Command::new("sh").args(["-c", write]).current_dir(&stubs).status().unwrap().success());
    let run = |more: &[&str]| {
        let arguments = [&["--release", archive().to_str().unwrap()][..], more].concat();
        let mut command = installer(home.path(), &arguments);
        command.env_remove("HOME").env("PATH", &path).env("TMPDIR", &scratch).output().unwrap()
    };
    for arguments in [vec![], vec!["--prefix", "here", "--service"]] {
        let output = run(&arguments);
        assert!(!output.status.success() && said(&output).contains("HOME is not set"), "{}", said(&output));
    }
    let output = run(&["--prefix", "here"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(home.path().join("here/bin/glb-optimizer").is_file());
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "a temporary folder is left");
}

#[test]
fn the_scripts_are_clean() {
    let scripts = ["install.sh", ".ci/release", ".ci/run", "tests/run", "tests/install"];
    match Command::new("shellcheck").args(scripts).current_dir(root()).output() {
        Ok(output) => assert!(output.status.success(), "{}", said(&output)),
        Err(_) => eprintln!("NOT TESTED: shellcheck is missing"),
    }
}
