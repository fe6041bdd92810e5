//! The table, the markers, the command.

use super::*;
use crate::bench::options;
use crate::bench::reports::record::tests::sample;

const ABOUT: About<'_> = About {
    date: "2026-01-02",
    machine: "2 x CPU",
    warning: None,
    runs: 3,
    command: "cargo xtask bench",
};

#[test]
fn only_what_stands_between_the_markers_is_replaced() {
    let text = format!("# x\n{BEGIN}\nold\nlines\n{END}\ny\n");
    let new = replace(&text, "new\n").unwrap();
    assert_eq!(new, format!("# x\n{BEGIN}\nnew\n{END}\ny\n"));
    assert_eq!(replace(&new, "new\n").unwrap(), new);
}

#[test]
fn markers_must_be_there_once_and_in_order() {
    let cases = [
        (String::new(), "the marker <!-- bench:begin --> is missing"),
        (BEGIN.to_string(), "the marker <!-- bench:end --> is missing"),
        (format!("{BEGIN}{END}{BEGIN}"), "the marker <!-- bench:begin --> is there 2 times"),
        (format!("{END}\n{BEGIN}"), "<!-- bench:end --> stands before <!-- bench:begin -->"),
    ];
    for (text, want) in cases {
        assert_eq!(replace(&text, "x").unwrap_err(), want);
    }
    let missing = check(Path::new("no/README.md")).unwrap_err();
    assert_eq!(missing.status(), 4);
    let want = "bench: --update-readme: no/README.md: cannot be read: ";
    assert!(missing.to_string().starts_with(want));
}

#[test]
fn this_readme_has_them() {
    check(&crate::metadata::root().join("README.md")).unwrap();
}

#[test]
fn a_file_is_updated_in_place_and_left_alone_on_errors() {
    let file = std::env::temp_dir().join(format!("gort-readme-{}.md", std::process::id()));
    fs::write(&file, format!("# x\n{BEGIN}\n{END}\ny\n")).unwrap();
    update(&file, &sample(), &ABOUT).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&format!("# x\n{BEGIN}\ngort / peer, medians of 3")), "{text}");
    assert!(text.ends_with(&format!("|\n{END}\ny\n")), "{text}");
    let error = update(&file, &[], &ABOUT).unwrap_err();
    assert!(error.to_string().ends_with(": there are no figures for it"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    fs::write(&file, "no markers\n").unwrap();
    assert_eq!(update(&file, &sample(), &ABOUT).unwrap_err().status(), 4);
    assert_eq!(fs::read_to_string(&file).unwrap(), "no markers\n");
    fs::remove_file(&file).unwrap();
}

#[test]
fn rows_name_metrics_that_exist() {
    let metrics = || WORKLOADS.iter().flat_map(|w| w.cases).flat_map(|c| c.metrics);
    for (metric, _) in ROWS {
        assert!(metrics().any(|m| m.name == *metric), "{metric}");
    }
}

#[test]
fn a_row_has_go_and_the_hardest_peer() {
    let want = "\
gort / peer, medians of 3 alternating runs on 2 x CPU, 2026-01-02; less is better where nothing else is said. \
Made by `cargo xtask bench`.

| | Go, P=1 | Go, P=2 | best other peer, P=1 | P=2 |
|---|---|---|---|---|
| spawn a task and join it | 0.50 |  | 0.25 tokio |  |
| TCP echo, requests/s (more is better) | 2.00 |  | 1.33 tokio |  |
";
    assert_eq!(render(&sample(), &ABOUT).unwrap(), want);
    assert!(render(&[], &ABOUT).is_none());
    let loaded = About { warning: Some("not quiet"), ..ABOUT };
    assert!(render(&sample(), &loaded).unwrap().contains(", 2026-01-02 (not quiet); less"));
}

#[test]
fn the_command_makes_it_again() {
    let cases: &[(&[&str], &str)] = &[
        (&["--json", "x"], "cargo xtask bench --runs 5 --update-readme"),
        (
            &["--only", "skynet,yield", "--procs", "2", "--peers", "none", "--runs", "7"],
            "cargo xtask bench --runs 7 --only yield,skynet --procs 2 --peers none --update-readme",
        ),
        (&["--peers", "may,go"], "cargo xtask bench --runs 5 --peers go,may --update-readme"),
    ];
    for (args, want) in cases {
        let options = options::parse(args.iter().map(Into::into).collect()).unwrap().unwrap();
        assert_eq!(command(&options), *want);
    }
}
