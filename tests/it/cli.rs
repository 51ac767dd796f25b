//! The command line as scripts and people meet it: files, streams and exit codes of the real executable.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::fixtures::file::{Elements, File, split};
use crate::fixtures::form::{Form, Geometry};
use crate::fixtures::image::{self, Picture};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_glb-optimizer");

/// Runs the executable with a limit on its address space, in KiB, and on its processor time, in seconds: unlike
/// the clock on the wall, that does not depend on what else the machine is doing.
pub fn run_within(memory_kib: u32, cpu_seconds: u32, arguments: &[&OsStr]) -> Output {
    let script = format!("ulimit -v {memory_kib}; ulimit -t {cpu_seconds}; exec \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script, EXECUTABLE]).args(arguments).output().unwrap()
}

/// A folder to run commands in.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn with(self, name: &str, bytes: &[u8]) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(EXECUTABLE);
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// The names of all files, sorted.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.0.path(), self.0.path(), &mut found);
        found.sort();
        found
    }
}

fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
}

#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Ended with this exit code and these words on stderr, and nothing on stdout.
    pub fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }
}

/// A torus without indices: there is something to gain.
fn torus() -> File {
    torus_of(24, 12)
}

fn torus_of(columns: u32, rows: u32) -> File {
    let geometry = Geometry::new(Form::Torus, columns, rows, 1.0).unwelded();
    let mut file = File::new();
    let positions = file.attribute(&Elements::floats("VEC3", &geometry.positions.concat()));
    let texcoords = file.attribute(&Elements::floats("VEC2", &geometry.texcoords.concat()));
    let attributes = json!({ "POSITION": positions, "TEXCOORD_0": texcoords });
    file.push("meshes", json!({ "primitives": [{ "attributes": attributes }] }));
    file.push("nodes", json!({ "mesh": 0, "name": "ring" }));
    file.push("scenes", json!({ "nodes": [0] }));
    file.root.insert("scene".into(), 0.into());
    file
}

fn model() -> Vec<u8> {
    torus().glb()
}

/// A .gltf whose buffer and image are at these addresses.
fn gltf(buffer: &str, picture: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut json, bin) = torus().parts();
    json["buffers"][0]["uri"] = buffer.into();
    json["images"] = json!([{ "uri": picture }]);
    json["textures"] = json!([{ "source": 0 }]);
    json["materials"] = json!([{ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } }]);
    json["meshes"][0]["primitives"][0]["material"] = 0.into();
    (json.to_string().into_bytes(), bin)
}

fn png() -> Vec<u8> {
    image::file(Picture::Gradient, 64, false).0
}

#[test]
fn one_file_goes_beside_its_input_which_stays_as_it_is() {
    let desk = Desk::new().with("chair.glb", &model());
    let ended = desk.run(&["optimize", "chair.glb"]).done();
    assert_eq!(desk.files(), ["chair-optimized.glb", "chair.glb"]);
    assert_eq!(desk.read("chair.glb"), model());
    assert!(desk.read("chair-optimized.glb").len() < model().len() / 2);
    assert!(ended.stdout.contains("chair-optimized.glb") && ended.stdout.contains("smaller"), "{ended:?}");
    assert!(ended.stderr.contains("chair.glb: weld"), "a line a stage: {ended:?}");
}

#[test]
fn who_asks_for_the_long_search_is_told_how_long_before() {
    let desk = Desk::new().with("chair.glb", &torus_of(16, 8).glb());
    let ended = desk.run(&["optimize", "chair.glb", "--effort", "best"]).done();
    let first = ended.stderr.lines().next().unwrap_or_default();
    assert!(first.starts_with("chair.glb: the search takes some 5 s to "), "{ended:?}");
}

/// Who asked for it found no file, and no word.
#[test]
fn regression_a_view_that_is_not_written_is_said_not_to_be() {
    let desk = Desk::new().with("chair.glb", &model());
    desk.run(&["optimize", "chair.glb", "-o", "small.glb", "--worst-view", "first.png"]).done();
    let ended = desk.run(&["optimize", "small.glb", "-o", "same.glb", "--worst-view", "second.png"]).done();
    assert_eq!(desk.read("same.glb"), desk.read("small.glb"), "it is as small as it gets");
    assert!(ended.stderr.contains("second.png is not written"), "{ended:?}");
    assert_eq!(desk.files(), ["chair.glb", "first.png", "same.glb", "small.glb"]);
}

#[test]
fn many_files_go_into_a_folder_that_is_made_for_them() {
    let desk = Desk::new().with("a.glb", &model()).with("b.glb", &model());
    desk.run(&["optimize", "a.glb", "b.glb", "-o", "small/"]).done();
    assert_eq!(desk.files(), ["a.glb", "b.glb", "small/a.glb", "small/b.glb"]);
    assert_eq!(desk.read("small/a.glb"), desk.read("small/b.glb"));
}

#[test]
fn levels_of_detail_lie_beside_the_result_and_have_less_each() {
    let desk = Desk::new().with("chair.glb", &torus_of(128, 64).glb());
    let more = ["--lods", "2", "--effort", "fast", "--json"];
    let ended = desk.run(&[&["optimize", "chair.glb", "-o", "small.glb"][..], &more].concat()).done();
    assert_eq!(desk.files(), ["chair.glb", "small.glb", "small.lod1.glb", "small.lod2.glb"]);
    let line: Value = serde_json::from_str(&ended.stdout).unwrap();
    let (mut bytes, mut triangles) =
        (desk.read("small.glb").len(), line["report"]["after"]["triangles"].as_u64().unwrap());
    for (level, lod) in line["lods"].as_array().unwrap().iter().enumerate() {
        let name = format!("small.lod{}.glb", level + 1);
        assert_eq!((&lod["output"], &lod["bytes"]), (&json!(name), &json!(desk.read(&name).len())));
        let fewer = lod["triangles"].as_u64().unwrap();
        assert!(desk.read(&name).len() < bytes && fewer <= triangles * 2 / 3, "{}", line["lods"]);
        assert!(lod["comparison"]["mean"].as_f64().unwrap() > 0.0);
        assert_eq!(split(&desk.read(&name)).0["nodes"][0]["name"], "ring");
        (bytes, triangles) = (desk.read(&name).len(), fewer);
    }
}

#[test]
fn levels_of_detail_can_lie_inside_of_the_result() {
    let desk = Desk::new().with("chair.glb", &torus_of(64, 32).glb());
    let more = ["--lods", "2", "--lods-as", "msft-lod", "--effort", "fast"];
    let ended = desk.run(&[&["optimize", "chair.glb", "-o", "small.glb"][..], &more].concat()).done();
    assert_eq!(desk.files(), ["chair.glb", "small.glb"]);
    assert_eq!(split(&desk.read("small.glb")).0["nodes"][0]["extensions"]["MSFT_lod"]["ids"], json!([1, 2]));
    assert!(ended.stdout.contains("level 1: ") && ended.stdout.contains("level 2: "), "{ended:?}");
    let refused = desk.run(&["optimize", "chair.glb", "--lods", "9"]);
    assert!(refused.code != 0 && refused.stderr.contains("from 0 to 8"), "{refused:?}");
}

#[test]
fn a_refused_file_does_not_stop_the_others() {
    let desk = Desk::new().with("bad.glb", b"no model").with("good.glb", &model());
    let ended = desk.run(&["optimize", "bad.glb", "good.glb", "-o", "small/"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("bad.glb") && ended.stderr.contains("1 of 2 files failed"), "{ended:?}");
    assert!(desk.path("small/good.glb").exists() && !desk.path("small/bad.glb").exists());
}

#[test]
fn json_is_one_line_a_file_and_tells_the_truth() {
    let desk = Desk::new().with("a.glb", &model()).with("b.glb", &model());
    let ended =
        desk.run(&["optimize", "a.glb", "b.glb", "--json", "--preset", "high", "--target", "universal"]);
    let lines: Vec<Value> =
        ended.done().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (line, name) in lines.iter().zip(["a", "b"]) {
        assert_eq!(line["input"], format!("{name}.glb"));
        assert_eq!(line["output"], format!("{name}-optimized.glb"));
        let settings = json!({
            "preset": "high", "target": "universal", "effort": "normal",
            "geometry": "auto", "simplify": "auto", "animation": "auto", "nodes": "auto",
        });
        assert_eq!(line["report"]["settings"], settings);
        assert_eq!(line["report"]["before"]["bytes"], model().len());
        let result = desk.read(&format!("{name}-optimized.glb"));
        assert_eq!(line["report"]["after"]["bytes"], result.len());
        assert_eq!(line["report"]["output_hash"], blake3::hash(&result).to_hex().to_string());
        let seconds = |value: &Value| value["seconds"].as_f64().unwrap();
        let of_stages: f64 = line["report"]["stages"].as_array().unwrap().iter().map(seconds).sum();
        assert!(
            (0.99..=1.0).contains(&(of_stages / seconds(&line["report"]))),
            "{}",
            line["report"]["stages"]
        );
        assert_eq!(split(&result).0.get("extensionsRequired"), None);
    }
}

#[test]
fn presets_and_targets_make_a_difference() {
    let desk = Desk::new().with("a.glb", &model());
    let size = |flags: &[&str]| {
        desk.run(&[&["optimize", "a.glb", "-o", "out.glb"], flags].concat()).done();
        desk.read("out.glb").len()
    };
    let (high, maximum) = (size(&["--preset", "high"]), size(&["--preset", "maximum"]));
    assert!(maximum < high, "{maximum} and {high}");
    assert_eq!(size(&["--preset", "maximum_compression"]), maximum);
    assert!(size(&["--target", "universal"]) > size(&["--target", "web"]));
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let (json, bin) = gltf("a.bin", "a.png");
    let desk = Desk::new().with("a.gltf", &json).with("a.bin", &bin).with("a.png", &png());
    for threads in ["1", "2", "5"] {
        let out = format!("{threads}.glb");
        let ended =
            desk.command(&["optimize", "a.gltf", "-o", &out]).env("RAYON_NUM_THREADS", threads).output();
        assert!(ended.unwrap().status.success());
        assert!(desk.read(&out) == desk.read("1.glb"), "{threads} threads");
    }
}

#[test]
fn wrong_usage_is_told_on_stderr_with_exit_code_2() {
    let desk = Desk::new().with("a.glb", &model()).with("b.glb", &model());
    desk.run(&["optimize"]).failed(2, &["<IN>"]);
    desk.run(&["optimize", "a.glb", "--preset", "tiny"]).failed(2, &["high, balanced, maximum"]);
    desk.run(&["optimize", "a.glb", "--target", "moon"]).failed(2, &["web, gpu, universal"]);
    desk.run(&["optimize", "a.glb", "--geometry", "clay"]).failed(2, &["auto, meshopt, draco"]);
    desk.run(&["optimize", "a.glb", "--colour"]).failed(2, &["--colour"]);
    desk.run(&["optimise", "a.glb"]).failed(2, &["optimise"]);
    desk.run(&["optimize", "a.glb", "b.glb", "-o", "one.glb"]).failed(2, &["one.glb is no folder"]);
    desk.run(&["optimize", "missing.glb"]).failed(2, &["missing.glb"]);
    desk.run(&["inspect", "missing.glb"]).failed(2, &["missing.glb"]);
    assert_eq!(desk.files(), ["a.glb", "b.glb"]);
}

#[test]
fn a_result_that_cannot_be_written_is_no_fault_of_the_input() {
    let desk = Desk::new().with("a.glb", &model());
    let endless = format!("{}.glb", "x".repeat(300));
    desk.run(&["optimize", "a.glb", "-o", &endless]).failed(1, &["cannot be written"]);
    assert_eq!(desk.files(), ["a.glb"]);
}

#[test]
fn what_cannot_end_well_is_refused_before_any_work() {
    let desk = Desk::new().with("a.glb", &model());
    for (args, words) in [
        (&["a.glb", "-o", "no/such/out.glb"][..], "its folder does not exist"),
        (&["a.glb", "-o", "a.glb"], "would overwrite a.glb"),
        (&["a.glb", "a.glb"], "two results"),
    ] {
        let ended = desk.run(&[&["optimize"], args].concat()).failed(2, &[words]);
        assert!(!ended.stderr.contains("read (0 %)"), "{ended:?}");
    }
    assert_eq!(desk.files(), ["a.glb"]);
}

#[test]
fn a_forgotten_command_is_pointed_out() {
    let desk = Desk::new().with("a.glb", &model());
    desk.run(&["a.glb"]).failed(2, &["glb-optimizer optimize a.glb"]);
    desk.run(&["optimize", "b.glb"]).failed(2, &["b.glb: there is no such file"]);
    desk.run(&["optimize", "."]).failed(2, &["is a folder"]);
}

#[test]
fn a_failure_leaves_an_older_result_alone() {
    let desk = Desk::new().with("a.glb", b"glTF but no more").with("out.glb", b"older result");
    desk.run(&["optimize", "a.glb", "-o", "out.glb"]).failed(2, &["a.glb"]);
    assert_eq!(desk.files(), ["a.glb", "out.glb"]);
    assert_eq!(desk.read("out.glb"), b"older result");
}

#[test]
fn an_older_result_is_replaced_and_nothing_else_is_left() {
    let desk = Desk::new().with("a.glb", &model()).with("out.glb", b"older result");
    desk.run(&["optimize", "a.glb", "-o", "out.glb"]).done();
    assert_eq!(desk.files(), ["a.glb", "out.glb"]);
    assert_eq!(&desk.read("out.glb")[..4], b"glTF");
}

#[test]
fn a_gltf_brings_the_files_beside_it() {
    let (json, bin) = gltf("bins/my%20ring.bin", "./b%C3%A4r.png");
    let desk = Desk::new().with("ring.gltf", &json).with("bins/my ring.bin", &bin).with("bär.png", &png());
    desk.run(&["optimize", "ring.gltf"]).done();
    let result = desk.read("ring-optimized.glb");
    let (json, _) = split(&result);
    assert_eq!(json["images"][0].get("uri"), None, "{json}");
    assert!(json["images"][0]["bufferView"].is_u64(), "{json}");
    assert_eq!(json["nodes"][0]["name"], "ring");
}

#[test]
fn a_missing_buffer_is_named() {
    let (json, _) = gltf("gone.bin", "gone.png");
    let desk = Desk::new().with("ring.gltf", &json);
    desk.run(&["optimize", "ring.gltf"]).failed(2, &["ring.gltf", "gone.bin"]);
}

#[test]
fn no_file_outside_the_models_folder_is_read() {
    const SECRET: &[u8] = b"the secret that must stay where it is, and some more of it";
    let outside = tempdir().unwrap();
    let secret = outside.path().join("secret.png");
    fs::write(&secret, SECRET).unwrap();
    let absolute = secret.to_string_lossy().into_owned();
    let file_uri = format!("file://{absolute}");
    let addresses = [
        "../secret.png",
        "..%2fsecret.png",
        "a/../../secret.png",
        "link.png",
        "/etc/passwd",
        &absolute,
        &file_uri,
    ];
    for address in addresses {
        let (json, bin) = gltf("ring.bin", address);
        let desk = Desk::new().with("secret.png", SECRET).with("m/ring.gltf", &json).with("m/ring.bin", &bin);
        fs::create_dir(desk.path("m/a")).unwrap();
        std::os::unix::fs::symlink(&secret, desk.path("m/link.png")).unwrap();
        let ended = desk.run(&["optimize", "m/ring.gltf", "-o", "out.glb"]);
        if ended.code == 0 {
            let result = desk.read("out.glb");
            assert!(!result.windows(16).any(|part| SECRET.starts_with(part)), "{address} was read");
            assert_eq!(split(&result).0["images"][0]["uri"], address, "kept as it was written");
        } else {
            ended.failed(2, &["ring.gltf", "outside"]);
        }
    }
}

#[test]
fn inspect_shows_what_is_in_a_file() {
    let desk = Desk::new().with("a.glb", &model());
    let text = desk.run(&["inspect", "a.glb"]).done();
    assert!(text.stdout.contains("vertices") && text.stdout.contains("triangles"), "{text:?}");
    let json: Value = serde_json::from_str(&desk.run(&["inspect", "a.glb", "--json"]).done().stdout).unwrap();
    assert_eq!(json["bytes"], model().len());
    let parts: u64 = json["bytes_by"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(parts, model().len() as u64, "{json}");
    assert_eq!(desk.files(), ["a.glb"]);
}

#[test]
fn help_shows_examples() {
    let desk = Desk::new();
    for arguments in [&["--help"][..], &["optimize", "--help"], &["inspect", "--help"]] {
        let ended = desk.run(arguments).done();
        assert!(ended.stdout.contains("Examples:") && ended.stdout.contains("chair.glb"), "{ended:?}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let desk = Desk::new().with("a.glb", &model());
    for arguments in [&["inspect", "a.glb"][..], &["optimize", "a.glb", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = desk.command(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
