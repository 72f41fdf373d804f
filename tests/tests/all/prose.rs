//! The documents hold together: every relative link leads to a file that is there, and to a heading that is there; a page with a
//! Chinese side (`X.zh-CN.md` beside `X.md`) has as many sections in both, at the same levels, in one order.
//!
//! What a heading's anchor is follows GitHub: small letters, punctuation dropped, spaces as hyphens, and a number behind the second of
//! two that are alike. Code, in fences or between backticks, holds no headings and no links.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

const CHINESE: &str = ".zh-CN.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Folders that hold no documents of ours, or what a build or a run has left.
fn is_passed_over(name: &str) -> bool {
    name.starts_with('.')
        || matches!(name, "target" | "node_modules" | "corpus" | "artifacts" | "nacre-demo" | "my-network")
}

/// Every Markdown file of the workspace.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !is_passed_over(&name) {
                folders.push(path);
            } else if kind.is_file() && name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The lines that are not within a fence.
fn prose(text: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => lines.push(line),
            (Some(_), _) => {}
        }
    }
    lines
}

/// A heading's level and text, if the line is one: up to three spaces, one to six `#`, a space.
fn heading(line: &str) -> Option<(usize, &str)> {
    let start = line.trim_start_matches(' ');
    if line.len() - start.len() > 3 {
        return None;
    }
    let text = start.trim_start_matches('#');
    let level = start.len() - text.len();
    let is_one = (1..=6).contains(&level) && (text.is_empty() || text.starts_with(' '));
    is_one.then(|| (level, text.trim()))
}

fn headings(text: &str) -> Vec<(usize, &str)> {
    prose(text).into_iter().filter_map(heading).collect()
}

/// What a link shows: `[text](address)` becomes `text`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        match after.split_once("](").and_then(|(shown, tail)| Some((shown, tail.split_once(')')?.1))) {
            Some((shown, tail)) => {
                plain.push_str(shown);
                rest = tail;
            }
            None => {
                plain.push('[');
                rest = after;
            }
        }
    }
    plain + rest
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, text) in headings(text) {
        let plain = without_links(text);
        let kept = plain.chars().filter(|letter| letter.is_alphanumeric() || matches!(*letter, ' ' | '-' | '_'));
        let slug: String =
            kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let before = times.entry(slug.clone()).or_default();
        anchors.insert(if *before == 0 { slug } else { format!("{slug}-{before}") });
        *before += 1;
    }
    anchors
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let (before, after) = (&rest[..start], &rest[start + ticks..]);
        kept.push_str(before);
        match after.find(&"`".repeat(ticks)) {
            Some(end) => rest = &after[end + ticks..],
            None => {
                rest = after;
                break;
            }
        }
    }
    kept + rest
}

/// The addresses of a line's links, `[text](address)`, and pictures.
fn links(line: &str) -> Vec<String> {
    let line = without_code(line);
    let mut found = Vec::new();
    let mut rest = line.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let Some((address, tail)) = after.split_once(')') else { break };
        // A title may stand behind the address.
        let address = address.split_whitespace().next().unwrap_or_default();
        found.push(address.trim_matches(['<', '>']).to_owned());
        rest = tail;
    }
    found
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a link of that document, if anything is.
fn fault(document: &Path, address: &str) -> Option<String> {
    let is_foreign = ["http://", "https://", "mailto:"].iter().any(|scheme| address.starts_with(scheme));
    if is_foreign {
        return None;
    }
    let (file, anchor) = address.split_once('#').map_or((address, None), |(file, anchor)| (file, Some(anchor)));
    let target = match file {
        "" => document.to_owned(),
        file => plain(&document.parent().unwrap().join(file)),
    };
    if !target.starts_with(root()) || !target.exists() {
        return Some(format!("{}: there is no {address}", shown(document)));
    }
    let anchor = anchor?;
    if target.extension().is_none_or(|extension| extension != "md") {
        return Some(format!("{}: {address} has an anchor, and is no document", shown(document)));
    }
    let known = anchors(&fs::read_to_string(&target).unwrap());
    (!known.contains(anchor)).then(|| format!("{}: {address} has no such heading; it has {known:?}", shown(document)))
}

#[test]
fn every_relative_link_leads_to_a_file_and_heading_that_are_there() {
    let documents = documents();
    assert!(documents.len() > 20, "only {} documents were found", documents.len());
    let mut faults = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        let addresses = prose(&text).into_iter().flat_map(links);
        faults.extend(addresses.filter_map(|address| fault(document, &address)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_page_has_the_same_sections_in_chinese() {
    let mut pairs = 0;
    let mut faults = Vec::new();
    for chinese in documents() {
        let name = chinese.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(CHINESE) else { continue };
        let english = chinese.with_file_name(format!("{stem}.md"));
        let Ok(of_english) = fs::read_to_string(&english) else {
            faults.push(format!("{} has no English side", shown(&chinese)));
            continue;
        };
        pairs += 1;
        let of_chinese = fs::read_to_string(&chinese).unwrap();
        let (left, right) = (headings(&of_english), headings(&of_chinese));
        let levels = |headings: &[(usize, &str)]| headings.iter().map(|(level, _)| *level).collect::<Vec<_>>();
        if levels(&left) != levels(&right) {
            faults.push(format!("{}: {left:?}\n{}: {right:?}", shown(&english), shown(&chinese)));
        }
    }
    assert!(pairs > 5, "only {pairs} pairs were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn chinese_pages_keep_to_the_words_of_the_glossary() {
    // Each with the word that the glossary has for it.
    let other_words =
        [("交易所", "交换节点"), ("托管人", "保管方"), ("发牌方", "密钥分发方"), ("跨机构通道", "联合通道")];
    let mut faults = Vec::new();
    for document in documents().into_iter().filter(|path| path.to_string_lossy().ends_with(CHINESE)) {
        let text = fs::read_to_string(&document).unwrap();
        let used = other_words.iter().filter(|(other, _)| text.contains(other));
        faults
            .extend(used.map(|(other, word)| format!("{}: {other}, where the glossary has {word}", shown(&document))));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn anchors_are_made_as_github_makes_them() {
    let text = "# Cross lane: off by default, and why\n## `[server]`\n## `[server]`\n```\n# no heading\n```\n    # none\n### 3. 失联的保管方、另定门限\n";
    let expected = ["cross-lane-off-by-default-and-why", "server", "server-1", "3-失联的保管方另定门限"];
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(anchors(text), expected);
    assert_eq!(links("see [a](b.md#c), `[not](this)` and ![d](e.png \"f\")"), ["b.md#c", "e.png"]);
}
