//! What every view of the page has to stand: it is not blank, fits its window, and axe finds nothing serious in it.
//!
//! axe-core is a development dependency of the page (assets/web/package.json); it is only here, never in the executable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::chromium::Tab;

/// A view with fewer colours than this shows nothing: smoothed letters alone have more.
const LEAST_COLOURS: usize = 24;

/// Runs all rules of WCAG 2.2 A and AA, and answers with what is serious or critical.
const RUN: &str = "axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join(' | '))
        .join('\\n'))";

/// Looks at the tab in both colour schemes. `view` names what is seen, for the message of a failure.
pub(super) async fn look_at(tab: &Tab, view: &str) {
    for is_dark in [false, true] {
        tab.prefer_dark(is_dark).await;
        let scheme = if is_dark { "dark" } else { "light" };
        let colours = tab.screen().await.colours();
        assert!(colours >= LEAST_COLOURS, "{view}, {scheme}: only {colours} colours are seen");
        let sideways = tab.read("document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(sideways, "false", "{view}, {scheme}: it has to be scrolled sideways");
        tab.run_script(axe()).await;
        let faults = tab.read_promise(RUN).await;
        assert!(faults.is_empty(), "{view}, {scheme}: axe finds\n{faults}");
    }
    tab.prefer_dark(false).await;
}

/// The source of axe-core, as one script.
fn axe() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = [root.join("assets/web"), root.join("target/page-test")];
        let script = |folder: &PathBuf| folder.join("node_modules/axe-core/axe.min.js");
        let found = installed.iter().map(script).find(|path| path.exists());
        let path = found.unwrap_or_else(|| script(&install(root)));
        std::fs::read_to_string(path).unwrap()
    })
}

/// Installs the version that the page's package.json names, once.
fn install(root: &Path) -> PathBuf {
    let package = std::fs::read_to_string(root.join("assets/web/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    let version = package["devDependencies"]["axe-core"].as_str().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    std::fs::create_dir_all(&folder).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
    let status = npm.arg(&folder).arg(format!("axe-core@{version}")).status().unwrap();
    assert!(status.success(), "npm cannot install axe-core {version}");
    folder
}
