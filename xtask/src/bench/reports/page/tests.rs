//! The page as a whole.

use proptest::prelude::*;

use super::*;
use crate::bench::reports::record::tests::sample;

fn about() -> About {
    About {
        date: "2026-01-02".into(),
        machine: "2 x <CPU> & co".into(),
        settings: "governor <none>".into(),
        warning: Some("busy".into()),
        runs: 3,
        quick: false,
        systems: vec![("gort".into(), "0.1.0".into()), ("go".into(), "go1.27.3".into())],
        missing: vec!["skynet P=1, may: <no> stacks".into(), "tcp_echo P=2, may: crash".into()],
    }
}

/// Every element that needs an end has one, in order.
fn is_well_formed(page: &str) -> Result<(), String> {
    const EMPTY: [&str; 3] = ["meta", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let body = page.replace(super::style::SHEET, "");
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').ok_or_else(|| format!("no end: {piece}"))?;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> ends {last:?}"));
            }
        } else if !tag.ends_with('/') && !EMPTY.contains(&name) {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} are open")) }
}

#[test]
fn data_is_escaped_and_elements_end() {
    let page = render(&sample(), &about());
    for text in ["2 x &lt;CPU&gt; &amp; co", "governor &lt;none&gt;", "&lt;no&gt; stacks", "busy"] {
        assert!(page.contains(text), "{text}");
    }
    is_well_formed(&page).unwrap();
}

#[test]
fn what_a_system_could_not_do_stands_in_its_card_and_below() {
    let page = render(&sample(), &about());
    assert_eq!(page.matches("tcp_echo P=2, may: crash").count(), 2);
    // Of skynet there is no card.
    assert_eq!(page.matches("skynet P=1, may").count(), 1);
}

#[test]
fn anchors_exist_once() {
    let page = render(&sample(), &about());
    for link in page.split("href=\"#").skip(1) {
        let (anchor, _) = link.split_once('"').unwrap();
        assert_eq!(page.matches(&format!("id=\"{anchor}\"")).count(), 1, "{anchor}");
    }
}

#[test]
fn nothing_is_fetched() {
    let page = render(&sample(), &about());
    for word in ["http:", "https:", "src=", "@import", "url(", "<script"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn no_records_make_a_page() {
    let page = render(&[], &about());
    is_well_formed(&page).unwrap();
}

#[test]
fn a_quick_run_says_so() {
    let quick = About { quick: true, runs: 1, ..about() };
    let page = render(&sample(), &quick);
    assert!(page.contains("A quick run") && page.contains("1 alternating run of each"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever the programs call themselves, and whatever they measure.
    #[test]
    fn any_data_makes_a_well_formed_page(
        text in "\\PC{0,12}",
        runs in prop::collection::vec(prop_oneof![Just(0.0), 1e-9..1e12_f64], 1..4),
    ) {
        let mut records = sample();
        for record in &mut records {
            (record.version, record.unit) = (text.clone(), text.clone());
            if record.system == "tokio" {
                record.system.clone_from(&text);
                record.runs.clone_from(&runs);
                record.median = runs[0];
            }
        }
        let about = About {
            machine: text.clone(),
            systems: vec![(text.clone(), text.clone())],
            missing: vec![format!("spawn_join P=1, {text}")],
            ..about()
        };
        let page = render(&records, &about);
        prop_assert_eq!(is_well_formed(&page), Ok(()));
        prop_assert!(!page.contains("NaN") && !page.contains("inf%"));
    }
}
