//! A fuzz target for the reader: sound models, broken in ways that know what a glTF is made of.
//!
//! A plain test, so that it needs no other compiler: a fixed number of files a run, or as long as `FUZZ_MINUTES`
//! says (`tests/run --fuzz 30`). The seed is printed, and every file follows from the seed and its number, so that
//! a failure comes again with `FUZZ_SEED` and `FUZZ_FIRST`. Found crashes become tests of their own in `hostile`.

#![expect(clippy::print_stderr, reason = "the seed is needed to see a failure again")]

use std::time::{Duration, Instant};

use glb_optimizer::optimize::document::{Limits, read, write};
use glb_optimizer::optimize::{Error, Files};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::fixtures::file::{glb, split};
use crate::fixtures::places::{count, nth};
use crate::fixtures::recipe::recipe;
use crate::fixtures::{cases, model};

/// Files tried where no time is given.
const FILES: u64 = 3000;
/// Sound models that are broken.
const MODELS: usize = 24;
/// Longer on one file counts as a hang; generous, as the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap()
    }

    fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn models() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::new(cases(1));
    let recipes = (0..MODELS).map(|_| recipe().new_tree(&mut runner).unwrap().current());
    recipes.map(|recipe| model::glb(&recipe)).collect()
}

#[test]
fn broken_models_are_read_or_refused() {
    let seed = number("FUZZ_SEED").unwrap_or(0x676C_5446);
    let first = number("FUZZ_FIRST").unwrap_or(0);
    let end = number("FUZZ_MINUTES").map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let models = models();
    let mut tried = 0;
    let mut taken = 0;
    for file in first.. {
        if end.map_or(tried >= FILES, |end| Instant::now() >= end) {
            break;
        }
        let bytes = broken(&models, &mut Dice(seed ^ file.wrapping_mul(0xD134_2543_DE82_EF95)));
        let outcome = std::panic::catch_unwind(|| survive(&bytes));
        taken += u64::from(
            outcome.unwrap_or_else(|_| panic!("FUZZ_SEED={seed} FUZZ_FIRST={file} shows this again")),
        );
        tried += 1;
    }
    eprintln!("seed {seed}: {tried} files, {taken} of them read");
    assert!(
        first > 0 || taken > tried / 50,
        "nearly every file is refused at the door: {taken} of {tried} were read"
    );
}

/// Reads a file and writes it again if it could be read, which is the answer.
fn survive(bytes: &[u8]) -> bool {
    let start = Instant::now();
    let limits = Limits { decoded_bytes: 64 << 20, ..Limits::default() };
    let read = read::read(bytes, &Files::new(), &limits);
    let is_read = read.is_ok();
    match read.and_then(|document| write::write(&document)) {
        Ok(again) => drop(read::read(&again, &Files::new(), &limits).expect("what is written can be read")),
        Err(error @ Error::Internal(_)) => panic!("{error}"),
        Err(_) => {}
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    is_read
}

fn broken(models: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let whole = dice.pick(models);
    match dice.below(8) {
        0 => {
            let mut bytes = whole.clone();
            break_bytes(&mut bytes, dice);
            bytes
        }
        1 => {
            let (json, _) = split(whole);
            let (_, other) = split(dice.pick::<Vec<u8>>(models));
            glb(json.to_string().into_bytes(), other)
        }
        2 => {
            let (json, bin) = split(whole);
            let mut text = json.to_string().into_bytes();
            break_bytes(&mut text, dice);
            glb(text, bin)
        }
        _ => {
            let (mut json, bin) = split(whole);
            for _ in 0..=dice.below(4) {
                break_json(&mut json, dice);
            }
            let mut bin = bin.to_vec();
            if dice.below(4) == 0 {
                break_bytes(&mut bin, dice);
            }
            glb(json.to_string().into_bytes(), &bin)
        }
    }
}

fn break_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.roll().to_le_bytes()[0]),
            2 if at + 4 <= bytes.len() => {
                let word = *dice.pick(&[0, 1, u32::MAX, 1 << 31, 0x7F80_0000]);
                bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            _ => {}
        }
    }
}

fn break_json(json: &mut Value, dice: &mut Dice) {
    let mut position = dice.below(count(json));
    let elsewhere = { nth(json, &mut dice.below(count(json))).cloned() };
    let Some(target) = nth(json, &mut position) else { return };
    match (dice.below(6), &mut *target) {
        (0, Value::Object(members)) => {
            let names: Vec<String> = members.keys().cloned().collect();
            if !names.is_empty() {
                members.shift_remove(dice.pick(&names));
            }
        }
        (0, Value::Array(items)) => {
            let again = items.get(dice.below(items.len())).cloned();
            items.extend(again);
        }
        (1, Value::Number(number)) => {
            let near = number.as_i64().unwrap_or(0).wrapping_add(*dice.pick(&[-1, 1, 2, 1000]));
            *target = near.into();
        }
        (2, _) => *target = elsewhere.unwrap_or_default(),
        _ => *target = nasty(dice),
    }
}

fn nasty(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(1_u64 << 31),
        json!(1_u64 << 40),
        json!(""),
        json!("/nodes/0/rotation"),
        json!("data:application/octet-stream;base64,AAAA"),
        json!(true),
        json!([]),
        json!({}),
        json!([[[[0]]]]),
    ];
    dice.pick(&values).clone()
}
