//! The page in a real browser: it loads without complaint and without the network, its filter
//! works, and it fits a phone.

#![expect(clippy::print_stderr, reason = "says what was skipped, or how far it got")]

mod browser {
    pub mod chromium;
}

use std::path::{Path, PathBuf};

use assay_campaign::report::{Format, render};
use browser::chromium::Chromium;

/// The page of the stored campaign, in a directory.
fn page(dir: &Path) -> PathBuf {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/campaign-1.sqlite");
    std::fs::copy(fixture, dir.join("campaign.sqlite")).unwrap();
    let html = render(&[dir.to_owned()], Format::Html).unwrap();
    let path = dir.join("report.html");
    std::fs::write(&path, html).unwrap();
    path
}

#[test]
fn the_page_works_in_chromium() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut chromium) = Chromium::start(dir.path()) else {
        // Standard error of tests that pass is shown with --nocapture; .ci/run installs it.
        eprintln!("skipped: the_page_works_in_chromium: no chromium here");
        return;
    };
    let url = format!("file://{}", page(dir.path()).display());
    chromium.open(&url);
    assert_eq!(chromium.requests, [url]);
    assert_eq!(chromium.complaints, Vec::<String>::new());
    assert_eq!(chromium.number("document.querySelectorAll('article.finding').length"), 1);

    let visible = "[...document.querySelectorAll('article.finding')].filter(e => !e.hidden).length";
    let search = |text: &str| {
        format!(
            "(() => {{ const s = document.getElementById('search'); s.value = {text:?}; \
             s.dispatchEvent(new Event('input', {{ bubbles: true }})); return {visible}; }})()"
        )
    };
    assert_eq!(chromium.number(&search("subprocess plain-global")), 1);
    assert_eq!(chromium.number(&search("no such thing")), 0);
    assert_eq!(chromium.number("document.getElementById('none').hidden ? 1 : 0"), 0);
    assert_eq!(chromium.number(&search("")), 1);

    // Every control has a label, every image a name, every section a heading of its own.
    let unnamed = "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length)\
                   .length + [...document.querySelectorAll('svg')].filter(e => \
                   !e.getAttribute('aria-labelledby').split(' ').every(id => \
                   document.getElementById(id))).length + [...document.querySelectorAll('th')]\
                   .filter(e => !e.scope).length";
    assert_eq!(chromium.number(unnamed), 0);
    assert_eq!(chromium.number("document.querySelectorAll('main, header, nav, footer').length"), 4);

    for width in [320, 390, 1280] {
        chromium.resize(width);
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(chromium.number(over), 0, "at a width of {width}");
    }
    assert_eq!(chromium.complaints, Vec::<String>::new());
}
