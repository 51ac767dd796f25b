//! Files that are broken or made to do harm: refused in a sentence or optimized, and never anything else.
//!
//! No panic, no hang, no memory beyond reason, and no blame on the program: an internal error fails the test.

use std::path::Path;
use std::time::{Duration, Instant};

use glb_optimizer::optimize::document::{Limits, read};
use glb_optimizer::optimize::{Effort, Error, Files, Settings, optimize};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::cli::run_within;
use crate::fixtures::file::{glb, split};
use crate::fixtures::places::{count, nth};
use crate::fixtures::recipe::recipe;
use crate::fixtures::{cases, model};
use crate::roundtrip::beside;

/// How long a hostile file may keep the optimizer; generous, as the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// Processor time of the executable on a hostile file, in seconds; past that it is killed. It ends what hangs: how long it
/// takes is measured elsewhere, with an optimized build.
const CPU_SECONDS: u32 = 40;
/// Address space of the executable while it works on a hostile file, in KiB: 1 GiB.
const MEMORY_KIB: u32 = 1 << 20;

/// Files that need neither be refused nor give a warning, and why.
const PASSED_ON: [(&str, &str); 1] =
    [("pub_meshoptimizer_fuzz.glb", "nothing is wrong with it: another tool's fuzzer starts from it")];

/// Panics unless the bytes are refused or optimized, in time.
fn survive(bytes: &[u8]) {
    let start = Instant::now();
    // One attempt: what hostile bytes do, they do at the first.
    let settings = Settings { effort: Effort::Fast, ..Settings::default() };
    match optimize(bytes, &Files::new(), &settings, &mut |_| {}) {
        Ok(output) => {
            assert!(output.glb.len() <= bytes.len() || !bytes.starts_with(b"glTF"));
            read::read(&output.glb, &Files::new(), &Limits::default()).expect("the result reads");
        }
        Err(error) => assert!(error.is_bad_input(), "{error}"),
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

/// Values that a program does not expect where it looks for an index, a number or an object.
fn nasty_value() -> impl Strategy<Value = Value> {
    let nested = (1usize..120).prop_map(|depth| (0..depth).fold(json!(0), |inner, _| json!([inner])));
    prop_oneof![
        Just(json!(null)),
        Just(json!(-1)),
        Just(json!(0)),
        Just(json!(1)),
        Just(json!(0.5)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(u32::MAX)),
        Just(json!(1_u64 << 40)),
        Just(json!("text")),
        Just(json!("")),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([0, 0])),
        Just(json!({ "extensions": 7 })),
        any::<u8>().prop_map(|number| json!(number)),
        nested,
    ]
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..600), with_magic in any::<bool>()) {
        let magic: &[u8] = if with_magic { b"glTF\x02\0\0\0" } else { b"" };
        survive(&[magic, &bytes].concat());
    }

    #[test]
    fn arbitrary_chunks(text in "[ -~]{0,200}", bin in vec(any::<u8>(), 0..100)) {
        survive(&glb(text.into_bytes(), &bin));
    }

    #[test]
    fn a_file_that_is_cut_off(recipe in recipe(), at in any::<Index>()) {
        let whole = model::glb(&recipe);
        survive(&whole[..at.index(whole.len())]);
    }

    #[test]
    fn flipped_bytes(recipe in recipe(), flips in vec((any::<Index>(), 1u8..), 1..20)) {
        let mut bytes = model::glb(&recipe);
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        survive(&bytes);
    }

    #[test]
    fn values_that_nobody_expects(
        recipe in recipe(), changes in vec((any::<Index>(), nasty_value()), 1..4),
    ) {
        let whole = model::glb(&recipe);
        let (mut json, bin) = split(&whole);
        for (at, value) in changes {
            let mut position = at.index(count(&json));
            *nth(&mut json, &mut position).unwrap() = value;
        }
        survive(&glb(json.to_string().into_bytes(), bin));
    }
}

#[test]
fn json_nested_a_hundred_thousand_deep_is_refused() {
    let text = format!("{{\"asset\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let error = optimize(&glb(text.into_bytes(), &[]), &Files::new(), &Settings::default(), &mut |_| {});
    assert!(matches!(error, Err(Error::Json(_))), "{error:?}");
}

/// The textures pass wrote into `extensions` and panicked when that was a number; found by the mutations above.
#[test]
fn regression_extensions_that_are_no_object_are_refused_with_their_place() {
    let text = json!({
        "asset": { "version": "2.0" }, "images": [{}], "textures": [{ "source": 0, "extensions": 0 }],
    });
    let file = glb(text.to_string().into_bytes(), &[]);
    let error = optimize(&file, &Files::new(), &Settings::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "invalid glTF at /textures/0/extensions: must be an object");
}

/// A list that was no list could not be added to: results that need a decoder did not say so.
#[test]
fn regression_required_extensions_that_are_no_list_are_refused() {
    let text = json!({ "asset": { "version": "2.0" }, "extensionsRequired": {} });
    let file = glb(text.to_string().into_bytes(), &[]);
    let error = optimize(&file, &Files::new(), &Settings::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "invalid glTF at /extensionsRequired: must be an array");
}

#[test]
fn every_bad_file_at_hand_has_an_acceptable_end() {
    let Some(folder) = beside("bad") else { return };
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    let mut faults = Vec::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if let Err(fault) = end_acceptably(&folder.join(columns[0]), columns[2]) {
            faults.push(format!("{}: {fault}", columns[0]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether a report, one line of JSON, holds a warning.
fn warns(stdout: &[u8]) -> bool {
    let line: Value = serde_json::from_slice(stdout).unwrap();
    line["report"]["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty())
}

/// Runs the executable on a file; says what is wrong about how that ended.
fn end_acceptably(file: &Path, acceptable: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("result.glb");
    let ended = run_within(
        MEMORY_KIB,
        CPU_SECONDS,
        &["optimize".as_ref(), file.as_ref(), "-o".as_ref(), result.as_ref(), "--json".as_ref()],
    );
    let errors = String::from_utf8_lossy(&ended.stderr);
    // Progress is a line a stage; what is left is the message.
    let said: Vec<&str> = errors.lines().filter(|line| !line.ends_with("%)")).collect();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    let name = file.file_name().unwrap().to_string_lossy();
    let passed_on = PASSED_ON.iter().any(|(known, _)| *known == name);
    let fault = match ended.status.code() {
        _ if errors.contains("panicked") || errors.contains("internal error") => format!("says {errors}"),
        Some(0) if acceptable == "reject" => "was not refused".into(),
        Some(0) if left != 1 => format!("left {left} files"),
        Some(0) if !said.is_empty() => format!("was done, but says {said:?}"),
        Some(0) if acceptable.ends_with("with_warning") && !warns(&ended.stdout) && !passed_on => {
            "was done without the warning that it asks for".into()
        }
        Some(0) => return Ok(()),
        Some(2) if acceptable.starts_with("optimize") => format!("was refused: {said:?}"),
        Some(2) if left != 0 => format!("was refused, but left {left} files"),
        Some(2) if said.is_empty() || said.len() > 2 || !said[0].contains(&*name) => format!("says {said:?}"),
        Some(2) => return Ok(()),
        code => format!("ended with {code:?}: {said:?}"),
    };
    Err(fault)
}
