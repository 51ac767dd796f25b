//! Reading and writing loses nothing: of every model at hand and of generated ones.
//!
//! Both files are resolved here, without the optimizer's reader: references to bytes are replaced by the bytes.
//! Names of buffer views are storage and not compared; EXT_meshopt_compression and Draco are undone by reading.

mod resolved;

use std::path::PathBuf;

use glb_optimizer::optimize::document::{Limits, read, write};
use glb_optimizer::optimize::{Files, Inventory};
use proptest::prelude::proptest;

use crate::fixtures::recipe::recipe;
use crate::fixtures::{cases, model};

/// A folder beside the project, if it is there; the folder of the project is asked for at run time, so that the
/// test can be run for a copy of it.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn beside(name: &str) -> Option<PathBuf> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let folder = PathBuf::from(root).join("../shared").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {}", folder.display());
    None
}

fn rewritten(glb: &[u8]) -> Vec<u8> {
    write::write(&read::read(glb, &Files::new(), &Limits::default()).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn generated_models_survive_reading_and_writing(recipe in recipe()) {
        let glb = model::glb(&recipe);
        let again = rewritten(&glb);
        resolved::assert_same(&glb, &again, "generated");
        // Buffer views that stay in place for an unknown extension can leave gaps, which are filled and then kept.
        if !recipe.extras.unknown_extension {
            assert!(rewritten(&again) == again, "the second time must change nothing");
        }
    }
}

#[test]
fn every_model_at_hand_survives_reading_and_writing() {
    let Some(folder) = beside("models") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "glb") {
            continue;
        }
        let glb = std::fs::read(&path).unwrap();
        let name = path.display().to_string();
        // Draco streams are opened by reading; what they hold is compared once they are.
        let opened = if name.contains("_draco") { rewritten(&glb) } else { glb.clone() };
        resolved::assert_same(&opened, &rewritten(&opened), &name);
        let inventory: Inventory = glb_optimizer::optimize::inventory::take(&glb, &Files::new()).unwrap();
        let sum: u64 = inventory.bytes_by.parts().iter().map(|&(_, bytes)| bytes).sum();
        assert_eq!(sum, glb.len() as u64, "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "the folder holds no model");
}
