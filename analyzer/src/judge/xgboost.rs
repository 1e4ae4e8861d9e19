//! Models of XGBoost, as `XGBoosterSerializeToBuffer` writes them and pickles of `Booster` keep them:
//! compiled code follows their lengths and indices as it loads them. Whether it stays within its
//! memory and its stack is judged (`src/learner.cc` LearnerIO::Load, `src/gbm/gbtree_model.cc`,
//! `src/tree/tree_model.cc`, of 3.0 and 3.4), not whether it raises, nor what predicting does.

use super::ubjson::{Fields, Value};

/// Bits of a parent's index; the one above tells left from right (`tree_model.h` Node::Parent).
const PARENT: i64 = 0x7fff_ffff;

/// Categories are below (`src/common/categorical.h` OutOfRangeCat).
const CATEGORIES: i64 = 1 << 24;

/// A device's name is matched by a regular expression, which recurses with each character
/// (`src/context.cc` MakeDeviceOrd); the longest is `sycl:gpu:` and a number.
const DEVICE: usize = 32;

/// Looked up and followed without a look at whether they are there
/// (`src/tree/multi_target_tree_model.cc` LoadModelImpl).
const OF_MANY_TARGETS: &str = "base_weights leaf_weights split_conditions left_children \
    right_children parents split_indices default_left loss_changes sum_hessian";

/// Whether XGBoost loads the bytes, or refuses them, without harm.
pub(super) fn is_well_formed(bytes: &[u8]) -> bool {
    // Whatever opens otherwise goes to other readers: JSON, or binary models of old.
    bytes.starts_with(b"{L")
        && Value::read(bytes, is_harmless).and_then(is_snapshot).unwrap_or(false)
}

/// Whether an entry, wherever it is, is read without deep recursion.
fn is_harmless(key: &[u8], value: Value) -> bool {
    match key {
        b"base_score" | b"quantile_alpha" | b"expectile_alpha" => {
            value.text().is_some_and(are_numbers)
        }
        b"device" => value.text().is_some_and(|name| name.len() <= DEVICE),
        _ => true,
    }
}

/// Whether text is a number or a list of them: it is read as JSON, of any depth, and looked into
/// even if empty (`src/common/param_array.cc` ReadStream).
fn are_numbers(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match text.strip_prefix(['[', '(']) {
        None => is_number(text),
        Some(list) => list
            .strip_suffix([']', ')'])
            .is_some_and(|list| list.is_empty() || list.split(',').all(is_number)),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    text == "NaN"
        || unsigned == "Infinity"
        || unsigned.starts_with(|first: char| first.is_ascii_digit())
            && unsigned.parse::<f64>().is_ok()
}

fn is_snapshot(document: Value) -> Option<bool> {
    let document = document.fields()?;
    let (config, model) = (document.get("Config")?.fields()?, document.get("Model")?.fields()?);
    let learner = model.get("learner")?.fields()?;
    let booster = is_booster(&learner.get("gradient_booster")?.fields()?)?;
    Some(booster && has_version(&config) && has_version(&model))
}

/// Whether a version, if any, is one: else the error is thrown with all of the object as JSON, and as
/// arrays of doubles cannot be written, the process aborts (`src/common/version.cc` Load).
fn has_version(of: &Fields) -> bool {
    let is_version = |value: Value| {
        let parts = value.array().filter(|parts| parts.kind.is_none());
        parts.is_some_and(|parts| parts.values().all(|part| part.integer().is_some()))
    };
    of.get("version").is_none_or(is_version)
}

fn is_booster(booster: &Fields) -> Option<bool> {
    match booster.get("name")?.text()? {
        // Followed without a look at whether it is there (`gblinear_model.cc` LoadModel).
        b"gblinear" => Some(model(booster)?.get("weights").is_some()),
        b"gbtree" => is_forest(&model(booster)?),
        b"dart" => is_forest(&model(&booster.get("gbtree")?.fields()?)?),
        _ => None,
    }
}

fn model<'a>(booster: &Fields<'a>) -> Option<Fields<'a>> {
    booster.get("model")?.fields()
}

fn is_forest(model: &Fields) -> Option<bool> {
    let [offsets, trees] = ["iteration_indptr", "trees"].map(|key| model.get(key)?.array());
    let (offsets, trees) = (offsets?, trees?);
    // Its last element is taken; without it, it is made from numbers that are not looked at.
    let is_indexed = offsets.kind.is_none() && offsets.count > 0 && trees.kind.is_none();
    // Trees load in parallel, each into the place its id names.
    Some(is_indexed && (0..).zip(trees.values()).all(|(id, tree)| is_tree(id, tree) == Some(true)))
}

fn is_tree(id: i64, tree: Value) -> Option<bool> {
    let tree = tree.fields()?;
    let parameters = tree.get("tree_param")?.fields()?;
    let nodes = digits(parameters.get("num_nodes")?)?;
    let has_many_targets = digits(parameters.get("size_leaf_vector")?)? > 1;
    let parents = tree.get("parents")?.array()?;
    let mut indices = (0..).zip(parents.integers(b'l')?);
    // A root has no parent; of trees for many targets, none is followed as they load.
    let lead_to_nodes = indices.all(|(at, parent)| {
        parent.is_some_and(|parent| at == 0 || has_many_targets || (parent & PARENT) < nodes)
    });
    let is_whole =
        !has_many_targets || OF_MANY_TARGETS.split(' ').all(|key| tree.get(key).is_some());
    let is_sized = nodes > 0 && parents.count == nodes;
    let splits = tree.get("split_type").is_none() || are_splits(&tree, nodes)?;
    Some(tree.get("id")?.integer()? == id && is_sized && lead_to_nodes && is_whole && splits)
}

/// Whether the categories of splits, runs of one array, are within it, and small enough for bits to
/// be set by them (`tree_model.cc` LoadCategoricalSplit).
fn are_splits(tree: &Fields, nodes: i64) -> Option<bool> {
    let array = |key| tree.get(key)?.array();
    let kinds = array("split_type")?;
    let splits = array("categories_nodes")?;
    let begins = array("categories_segments")?;
    let sizes = array("categories_sizes")?;
    let categories = array("categories")?;
    let are_even = splits.count == begins.count && splits.count == sizes.count;
    let mut runs = begins.integers(b'L')?.zip(sizes.integers(b'L')?);
    let are_within = runs.all(|run| match run {
        (Some(begin @ 0..), Some(size @ 1..)) => {
            begin.checked_add(size).is_some_and(|end| end <= categories.count)
        }
        _ => false,
    });
    let mut all = categories.integers(b'l')?;
    let are_small = all.all(|category| category.is_some_and(|it| (0..CATEGORIES).contains(&it)));
    let are_integers = kinds.integers(b'U')?.chain(splits.integers(b'l')?).all(|it| it.is_some());
    Some(kinds.count == nodes && are_even && are_within && are_small && are_integers)
}

/// A number in at most nine digits, which every reader reads alike.
fn digits(value: Value) -> Option<i64> {
    let text =
        value.text().filter(|text| text.len() <= 9 && text.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::ubjson::written;
    use super::*;

    const FOREST: &str = "{ .Config { .device 'cuda:0 .version #1 =3 } .Model { .version #1 =2 .learner {
        .learner_model_param { .base_score '[5E-1,-1.25E0] } .gradient_booster {
            .name 'gbtree .model { .iteration_indptr #2 =0 =1 .trees #1 {
                .id =0 .tree_param { .num_nodes '3 .size_leaf_vector '1 } .parents $l3 2147483647 0 0
                .split_type $U3 1 0 0 .categories $l2 7 16777215 .categories_nodes $l1 0
                .categories_segments $L1 0 .categories_sizes $L1 2 } } } } } }";

    const LINEAR: &str = "{ .Config { } .Model { .learner { .gradient_booster {
        .name 'gblinear .model { .weights $d1 0 } } } } }";

    const BARE: &str = "{ .Config { } .Model { .learner { .gradient_booster {
        .name 'gbtree .model { .iteration_indptr #1 =0 .trees #0 } } } } }";

    fn is_safe(words: &str) -> bool {
        is_well_formed(&written(words))
    }

    fn changed(words: &str, from: &str, to: &str) -> String {
        assert!(words.contains(from), "{from}");
        words.replace(from, to)
    }

    fn of_many_targets() -> String {
        let array = |key| format!(".{key} $l3 -1 -1 -1 ");
        let arrays: String = OF_MANY_TARGETS.split(' ').map(array).collect();
        let forest = changed(FOREST, ".parents $l3 2147483647 0 0", &arrays);
        changed(&forest, "vector '1", "vector '2")
    }

    #[test]
    fn what_xgboost_writes_is_well_formed() {
        let dart = changed(FOREST, "'gbtree", "'dart .gbtree {") + " }";
        for honest in [FOREST, LINEAR, &dart, &of_many_targets()] {
            let bytes = written(honest);
            assert!(is_well_formed(&bytes), "{honest}");
            assert!((0..bytes.len()).all(|end| !is_well_formed(&bytes[..end])));
            assert!(!is_well_formed(&[&bytes[..], b"Z"].concat()));
        }
        let deepest = format!(".Config {{ .deep {} Z", "#1 ".repeat(29));
        for (from, to) in [
            ("$l3 2147483647 0 0", "#3 =-1 =0 =0"),
            (".split_type $U3 1 0 0 .categories ", ".unlike "),
            (".version", ".other"),
            (".Config {", &deepest),
        ] {
            assert!(is_safe(&changed(FOREST, from, to)), "{to}");
        }
        assert!(is_safe(BARE));
        for numbers in ["0", "-1.5E-30", "[]", "(0.1,0.9)", "[NaN,-Infinity,1.]"] {
            assert!(is_safe(&changed(FOREST, "[5E-1,-1.25E0]", numbers)), "{numbers}");
        }
    }

    #[test]
    fn what_leads_astray_is_refused() {
        for numbers in ["", "[[1]]", "[1", "[1,]", "1,2", "x", "inf", "-", "1e", ".5", "-NaN"] {
            assert!(!is_safe(&changed(FOREST, "[5E-1,-1.25E0]", numbers)), "{numbers}");
        }
        for key in OF_MANY_TARGETS.split(' ') {
            assert!(!is_safe(&changed(&of_many_targets(), key, "other")), "{key}");
        }
        let astray = "S|S i|C C|H|[ ]|[ Z ]|#2 Z|#-1|$l-1|$C0|$C1 C|$L2305843009213693952|Z .x Z";
        let deep = [30, 100_000].map(|deep| "#1 ".repeat(deep) + "Z");
        for value in astray.split('|').chain(deep.iter().map(String::as_str)) {
            let first = format!("{{ .x {value} .device");
            assert!(!is_safe(&changed(FOREST, "{ .device", &first)), "{value:.20}");
        }
        for (from, to) in [
            (".base_score '[5E-1,-1.25E0]", &[".expectile_alpha =1", ".quantile_alpha 'x"][..]),
            ("'cuda:0", &["'cuda:000000000000000000000000000001", "Z"]),
            (".Config { .device 'cuda:0 .version #1 =3 }", &[".Config Z", ""]),
            ("#1 =2", &["#1 '2", "$l1 2", "Z"]),
            ("#1 =3", &["#1 '3", "$l1 3", "Z"]),
            ("Model", &["Other"]),
            ("'gbtree", &["'gblinear", "'dart", "'other"]),
            (".model {", &[".other {"]),
            ("iteration_indptr", &["other"]),
            ("#2 =0 =1", &["#0", "$l2 0 1"]),
            (".id =0", &[".id =1", ".id '0", ".id =0 .id =0", ""]),
            ("'3", &["'0", "'+3", "'", "'0000000003", "'4"]),
            ("'1", &["'2", "=1"]),
            ("$l3 2147483647 0 0", &["$l2 -1 0", "$l3 -1 0 3", "$l3 -1 -1 0", "$L3 -1 0 0"]),
            ("$l3 2147483647 0 0", &["#3 =0 Z =0", "=3"]),
            ("$U3 1 0 0", &["$U2 1 0", "$l3 1 0 0"]),
            ("$l1 0", &["$l0", "#1 Z"]),
            ("$L1 0", &["$L0", "$L1 -1", "$L1 1", "$L1 9223372036854775807"]),
            ("$L1 2", &["$L1 0", "$L2 2 2", "$l1 2"]),
            (".categories_sizes", &[".other"]),
            ("$l2 7 16777215", &["$l2 -1 7", "$l2 7 16777216", "$l1 7"]),
        ] {
            for to in to {
                assert!(!is_safe(&changed(FOREST, from, to)), "{from} -> {to}");
            }
        }
        assert!(!is_safe(&changed(LINEAR, "weights", "other")));
        let empty = "#1 { .tree_param { .num_nodes '0 .size_leaf_vector '1 } .parents $l0 .id =0 }";
        assert!(!["$l0", empty].iter().any(|trees| is_safe(&changed(BARE, "#0", trees))));
        for astray in [&b"{\"Model\":{}}"[..], b"CONFIG-offset:", b"{L", b"{}", b""] {
            assert!(!is_well_formed(astray));
        }
    }
}
