//! Where results go: their names, and what is refused before any work is done.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::UsageError;

/// The result file of every input: beside it, or what `output` says (a file for one input, else a folder,
/// which is made). Each may get `lods` levels of detail beside it.
///
/// # Errors
/// A result would overwrite an input or another result, or its folder is not there.
pub(super) fn of(inputs: &[PathBuf], output: Option<&Path>, lods: u8) -> anyhow::Result<Vec<PathBuf>> {
    let named = |folder: &Path| inputs.iter().map(|input| folder.join(named_glb(input, ""))).collect();
    let outputs: Vec<PathBuf> = match output {
        None => inputs.iter().map(|input| input.with_file_name(named_glb(input, "-optimized"))).collect(),
        Some(folder) if folder.is_dir() || folder.to_string_lossy().ends_with('/') => {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            named(folder)
        }
        Some(file) if inputs.len() == 1 => vec![file.to_owned()],
        Some(file) => {
            let name = file.display();
            return refuse(format!(
                "{name} is no folder: several inputs need one; end a new one with a slash"
            ));
        }
    };
    for (index, output) in outputs.iter().enumerate() {
        let name = output.display();
        if outputs[..index].contains(output) {
            return refuse(format!("two results would be called {name}; optimize them one by one with -o"));
        }
        let levels = (1..=lods).map(|level| of_level(output, level));
        for written in levels.chain([output.clone()]) {
            if inputs.iter().any(|input| is_same_file(input, &written)) {
                let name = written.display();
                return refuse(format!("the result would overwrite {name}; choose another name with -o"));
            }
        }
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return refuse(format!("{name} cannot be written: its folder does not exist"));
        }
    }
    Ok(outputs)
}

/// The file of a level of detail: `chair.lod1.glb` beside `chair.glb`.
pub(super) fn of_level(output: &Path, level: u8) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let extension = output.extension().unwrap_or("glb".as_ref()).to_string_lossy();
    output.with_file_name(format!("{stem}.lod{level}.{extension}"))
}

fn refuse<T>(message: String) -> anyhow::Result<T> {
    Err(UsageError(message).into())
}

/// `chair.gltf` becomes `chair<suffix>.glb`; .vrm stays .vrm, which is a .glb too.
fn named_glb(input: &Path, suffix: &str) -> String {
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let is_vrm = input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("vrm"));
    format!("{stem}{suffix}.{}", if is_vrm { "vrm" } else { "glb" })
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lie_beside_their_input() {
        let beside = |input: &str| of(&[input.into()], None, 0).unwrap().remove(0);
        assert_eq!(beside("b.glb"), Path::new("b-optimized.glb"));
        assert_eq!(beside("b.v2.gltf"), Path::new("b.v2-optimized.glb"));
        assert_eq!(beside("girl.VRM"), Path::new("girl-optimized.vrm"));
        assert_eq!(of_level("out/girl.vrm".as_ref(), 2), Path::new("out/girl.lod2.vrm"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("a.glb");
        fs::write(&model, b"x").unwrap();
        let refused =
            |inputs: &[PathBuf], output: Option<&Path>| of(inputs, output, 1).unwrap_err().to_string();
        assert!(refused(std::slice::from_ref(&model), Some(&model)).contains("overwrite"));
        assert!(refused(std::slice::from_ref(&model), Some(folder.path())).contains("overwrite"));
        assert!(refused(&["a.glb".into(), "a.gltf".into()], None).contains("two results"));
        assert!(refused(&["a.glb".into(), "b.glb".into()], Some(Path::new("c.glb"))).contains("no folder"));
        assert!(refused(&["a.glb".into()], Some(Path::new("/no/such/a.glb"))).contains("does not exist"));
    }
}
