//! The commands of the documents, run by a shell from top to bottom of each page.
//!
//! What stands in a block marked `sh` is run beside a server of its own, in a folder with a few models; what cannot be run
//! like that, such as an installation, is marked otherwise. A page without such a block is no part of this.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::{TempDir, tempdir};

use crate::support::{Server, padded_glb, triangle_glb};

/// Where a server is if nobody says otherwise.
const USUAL_SERVER: &str = "http://127.0.0.1:5000";

/// The commands of a page.
fn commands(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// A folder with what the documents speak of.
fn desk() -> TempDir {
    let desk = tempdir().unwrap();
    let put = |name: &str, bytes: Vec<u8>| fs::write(desk.path().join(name), bytes).unwrap();
    put("model.glb", padded_glb(5_000));
    put("chair.glb", padded_glb(6_000));
    put("before.glb", triangle_glb());
    put("after.glb", triangle_glb());
    put("other.glb", padded_glb(5_000));
    let (gltf, bin) = crate::api::gltf("chair.bin");
    put("chair.gltf", gltf.into_bytes());
    put("chair.bin", bin);
    put("models.zip", crate::api::archive(&[("a.glb", &triangle_glb())]));
    fs::create_dir(desk.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_glb-optimizer"), desk.path().join("bin/glb-optimizer")).unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documents_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|ending| ending == "md"));
    let pages = pages.chain([root.join("README.md")]);
    let mut pages: Vec<_> = pages.filter(|page| !commands(page).is_empty()).collect();
    pages.sort();
    assert!(pages.len() >= 4, "{pages:?}");
    for page in pages {
        let desk = desk();
        let data = desk.path().join("data");
        let server = Server::start_with(&data, &[("WEBHOOK_SECRET", "a secret")]);
        let path = format!("{}/bin:/usr/sbin:/usr/bin:/sbin:/bin", desk.path().display());
        let mut shell = Command::new("bash");
        let commands = commands(&page).replace(USUAL_SERVER, &server.url);
        shell.arg("-c").arg(format!("set -eu\n{commands}")).current_dir(desk.path()).env_clear();
        shell.env("PATH", path).env("HOME", desk.path()).env("DATA_DIR", &data).stdin(Stdio::null());
        // `doctor` looks at the address that the server has.
        let (_, port) = server.url.rsplit_once(':').unwrap();
        shell.env("HOST", "127.0.0.1").env("PORT", port);
        shell.env("SERVER", &server.url).env("GLB_OPTIMIZER_URL", &server.url).env("TOKEN", &server.token);
        let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", page.display());
        assert!(!said.contains("about:blank"), "{}: a command was refused: {said}", page.display());
    }
}
