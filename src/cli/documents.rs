//! docs/cli.md and docs/settings.md are made of the code: this test makes them again and compares.
//!
//! `GLB_OPTIMIZER_WRITE_DOCS=1 cargo test --lib documents` writes them instead.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::CommandFactory;

use super::Cli;
use crate::config::{self, Config};
use crate::optimize::settings::{self, Values};

const CLI_HEAD: &str = "\
# The command line

Made of the program itself: `glb-optimizer COMMAND --help` says the same, `glb-optimizer man DIR` writes it as manual
pages, and `glb-optimizer completions SHELL` lets a shell complete it.
";

const SETTINGS_HEAD: &str = "\
# Settings

Made of the code. `glb-optimizer config show` prints what is in force and where it comes from, `config check` what is wrong or
doubtful.

## Of the server

A flag wins over a variable of the environment, that over the settings file, that over the default. The settings file is
TOML: `--config FILE`, or what `GLB_OPTIMIZER_CONFIG` names, or `~/.config/glb-optimizer.toml`, or
`/etc/glb-optimizer.toml`. Its names are those of the variables in small letters:

    port = 8080
    data_dir = \"/srv/models\"
    trusted_proxies = [\"10.0.0.5\", \"loopback\"]

| variable | flag | default | |
|---|---|---|---|
";

const WISHES_HEAD: &str = "
## Of a model

Flags of `optimize`, `watch` and `submit` (with `-` for `_`), and fields or parameters of the API.

| setting | values | default | |
|---|---|---|---|
";

/// Compares the page with what it should be, or writes it.
fn check(page: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    if std::env::var_os("GLB_OPTIMIZER_WRITE_DOCS").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/{page} is not what the code says; GLB_OPTIMIZER_WRITE_DOCS=1 cargo test --lib documents"
    );
}

#[test]
fn the_page_of_commands_is_what_the_commands_say() {
    let mut page = CLI_HEAD.to_owned();
    let mut whole = Cli::command().term_width(110).disable_help_subcommand(true);
    whole.build();
    describe(&mut page, &mut whole, 2);
    check("cli.md", &page);
}

/// A section for the command, and one for each below it.
fn describe(page: &mut String, command: &mut clap::Command, level: usize) {
    let name = command.get_bin_name().unwrap_or("glb-optimizer").to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(page, "\n{} {name}\n\n```text\n{}\n```\n", "#".repeat(level), lines.join("\n").trim_end())
        .unwrap();
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        describe(page, inner, level + 1);
    }
}

#[test]
fn the_page_of_settings_is_what_the_code_says() {
    let mut page = SETTINGS_HEAD.to_owned();
    let usual = Config::of(config::Flags::default(), &|_| None).unwrap();
    for config::Setting { name, flag, usual: words, meaning, show } in config::table() {
        let flag = flag.map(|flag| format!("`{flag}`")).unwrap_or_default();
        let default = words.map_or_else(|| show(&usual), str::to_owned);
        writeln!(page, "| `{name}` | {flag} | {default} | {meaning} |").unwrap();
    }
    page += WISHES_HEAD;
    for settings::Setting { name, about, values, default } in settings::table() {
        let default = default.unwrap_or_default();
        writeln!(page, "| `{name}` | {} | {default} | {about} |", values_of(&values)).unwrap();
    }
    check("settings.md", &page);
}

fn values_of(values: &Values) -> String {
    let words = |choices: &[settings::Choice]| {
        let words: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.value)).collect();
        words.join(", ")
    };
    match values {
        Values::Choice { choices } => words(choices),
        Values::Number { least, most, words: also, .. } if also.is_empty() => format!("{least} to {most}"),
        Values::Number { least, most, words: also, .. } => format!("{}, or {least} to {most}", words(also)),
        Values::Size { example } => format!("a size such as {example}"),
    }
}
