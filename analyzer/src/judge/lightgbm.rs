//! Models of LightGBM as text, as a pickled `Booster` holds them: compiled code trusts them.
//!
//! `Booster.__setstate__` hands the text to `LGBM_BoosterLoadModelFromString`
//! (`src/boosting/gbdt_model_text.cpp` LoadModelFromString, `src/io/tree.cpp` Tree::Tree,
//! `include/LightGBM/utils/common.h` for lines and numbers). It looks for a `=` past the end, goes
//! by counts it is told, and divides by one. Nor may it find fault with a tree: the error is thrown
//! again by a destructor (`utils/openmp_wrapper.h` ThreadExceptionHelper), which ends the process.
//! What follows the trees is copied, and not looked at here.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use Token::{Double, Integer, Normal};

type Fields<'a> = HashMap<&'a [u8], &'a [u8]>;

/// What is kept of a header, which may have any number of other keys.
const HEADER: &str = "num_class num_tree_per_iteration label_index max_feature_idx objective \
    feature_names feature_infos monotone_constraints tree_sizes";

/// Lines of a tree after its first (`max_num_line`): a linear tree with categories has all of them.
const MOST_FIELDS: usize = 22;

const INT: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;

/// Whether the text is a model that is read to its end, and no further.
pub(super) fn is_well_formed(text: &[u8]) -> bool {
    // The text is a C string, and whatever is counted in it, an `int`.
    i32::try_from(text.len()).is_ok() && !text.contains(&0) && model(text).is_some()
}

fn model(text: &[u8]) -> Option<()> {
    let mut header = Fields::new();
    let mut rest = text;
    while !rest.is_empty() && !rest.starts_with(b"Tree=") {
        let (line, next) = cut_line(rest);
        header_line(line, &mut header)?;
        rest = next.unwrap_or_default();
    }
    let features = features(&header)?;
    let Some(sizes) = header.get(b"tree_sizes".as_slice()) else {
        return trees(rest, features);
    };
    for size in tokens(sizes) {
        let block;
        (block, rest) = rest.split_at_checked(positive(size)?)?;
        tree(block, features)?;
    }
    Some(())
}

/// A line, and what follows its newline, if it has one (GetLine, SkipNewLine).
fn cut_line(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let length = text.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(text.len());
    let (line, rest) = text.split_at(length);
    let newlines: [&[u8]; 3] = [b"\r\n", b"\r", b"\n"];
    (line, newlines.iter().find_map(|newline| rest.strip_prefix(*newline)))
}

fn header_line<'a>(line: &'a [u8], header: &mut Fields<'a>) -> Option<()> {
    let mut pieces = line.split(|byte| *byte == b'=').filter(|piece| !piece.is_empty());
    let Some(key) = pieces.next() else { return Some(()) };
    let mut value = pieces.next().unwrap_or_default();
    if pieces.next().is_some() {
        value = match key {
            b"feature_names" | b"monotone_constraints" => line.get(key.len() + 1..)?,
            _ => return None,
        };
    }
    if HEADER.split(' ').any(|kept| kept.as_bytes() == key) {
        header.insert(key, value);
    }
    Some(())
}

/// How many features the model has, if its header says whatever it must.
fn features(header: &Fields) -> Option<i64> {
    let field = |key: &str| header.get(key.as_bytes()).copied();
    let classes = field("num_class")?;
    positive(classes)?;
    // The number of trees is divided by it.
    positive(field("num_tree_per_iteration").unwrap_or(classes))?;
    field("label_index")?;
    let features = natural(field("max_feature_idx")?)? + 1;
    let one_for_each = |value| tokens(value).count() == features;
    let sound = one_for_each(field("feature_names")?)
        && one_for_each(field("feature_infos")?)
        && field("monotone_constraints").is_none_or(one_for_each)
        && field("objective").is_none_or(is_objective);
    sound.then_some(features as i64)
}

/// Whether the text names an objective: its first word is taken, whether or not there is one
/// (CreateObjectiveFunction). Of a root, which LightGBM writes of `regression` only, others may print
/// that they know none (RegressionHuberLoss).
fn is_objective(value: &[u8]) -> bool {
    let mut words = tokens(value);
    words.next().is_some_and(|name| name == b"regression" || !words.any(|word| word == b"sqrt"))
}

/// Trees one after the other, until a line is neither blank nor the first of a tree.
fn trees(mut rest: &[u8], features: i64) -> Option<()> {
    loop {
        rest = match cut_line(rest) {
            ([], Some(next)) => next,
            ([b'T', b'r', b'e', b'e', b'=', ..], _) => tree(rest, features)?,
            _ => return Some(()),
        };
    }
}

/// What follows the tree that the block starts with, from its blank line on.
fn tree(block: &[u8], features: i64) -> Option<&[u8]> {
    let (fields, rest) = tree_fields(block)?;
    let tree = Tree { fields, features };
    let leaves = positive(tree.field("num_leaves")?)?;
    let categories = natural(tree.field("num_cat")?)?;
    let is_linear = match tree.field("is_linear") {
        None | Some(b"0") => false,
        Some(b"1") => true,
        Some(_) => return None,
    };
    // Nothing is counted where a tree is one leaf.
    let uncounted = tree.field("leaf_count").is_none_or(|counts| tokens(counts).next().is_none());
    let sound = tree.has("leaf_value", Double, leaves)
        && tree.may_have("shrinkage", Double, 1)
        && (uncounted || tree.has("leaf_count", Integer(INT), leaves))
        && (leaves == 1 && !is_linear || tree.splits(leaves))
        && (!is_linear || tree.linear(leaves).is_some())
        // One leaf is read without its categories, yet is written with as many.
        && (categories == 0 || tree.categorical(categories).is_some());
    sound.then_some(rest)
}

fn tree_fields(block: &[u8]) -> Option<(Fields<'_>, &[u8])> {
    let (first, rest) = cut_line(block);
    let mut rest = rest.filter(|_| first.starts_with(b"Tree="))?;
    let mut fields = Fields::with_capacity(MOST_FIELDS);
    while !rest.starts_with(b"\r") && !rest.starts_with(b"\n") {
        let (line, next) = cut_line(rest);
        let mut halves = line.splitn(2, |byte| *byte == b'=');
        let (key, value) = (halves.next()?, halves.next()?);
        if fields.len() == MOST_FIELDS || fields.insert(key, value).is_some() {
            return None;
        }
        rest = next?;
    }
    Some((fields, rest))
}

struct Tree<'a> {
    fields: Fields<'a>,
    features: i64,
}

impl<'a> Tree<'a> {
    fn field(&self, key: &str) -> Option<&'a [u8]> {
        self.fields.get(key.as_bytes()).copied()
    }

    fn has(&self, key: &str, token: Token, count: usize) -> bool {
        self.field(key).is_some_and(|value| token.fills(value, count))
    }

    fn may_have(&self, key: &str, token: Token, count: usize) -> bool {
        self.field(key).is_none_or(|value| token.fills(value, count))
    }

    fn splits(&self, leaves: usize) -> bool {
        let (inner, count) = (leaves - 1, leaves as i64);
        let optional = ["split_gain", "internal_value", "internal_weight"];
        // Leaves are numbered from -1 downwards.
        self.has("left_child", Integer(-count..=count - 2), inner)
            && self.has("right_child", Integer(-count..=count - 2), inner)
            && self.has("split_feature", Integer(0..=self.features - 1), inner)
            && self.has("threshold", Double, inner)
            && optional.iter().all(|key| self.may_have(key, Double, inner))
            && self.may_have("internal_count", Integer(INT), inner)
            && self.may_have("decision_type", Integer(INT), inner)
            && self.may_have("leaf_weight", Double, leaves)
    }

    /// The models in the leaves: all their features and coefficients follow one another.
    fn linear(&self, leaves: usize) -> Option<()> {
        let mut counts = tokens(self.field("num_features")?).map(integer);
        let sum = counts.try_fold(0, |sum: i64, count| sum.checked_add(count?))?;
        let sum = usize::try_from(i32::try_from(sum).ok()?).ok()?;
        (self.has("leaf_const", Normal, leaves)
            && self.has("num_features", Integer(0..=*INT.end()), leaves)
            && self.has("leaf_features", Integer(0..=self.features - 1), sum)
            && self.has("leaf_coeff", Normal, sum))
        .then_some(())
    }

    /// The sets of categories: the last boundary is how many words they take.
    fn categorical(&self, categories: usize) -> Option<()> {
        let boundaries = tokens(self.field("cat_boundaries")?).map(integer);
        let words = usize::try_from(boundaries.last()??).ok()?;
        (self.has("cat_boundaries", Integer(0..=words as i64), categories + 1)
            && self.has("cat_threshold", Integer(0..=u32::MAX.into()), words))
        .then_some(())
    }
}

/// What an array holds.
enum Token {
    Integer(RangeInclusive<i64>),
    Double,
    /// A double that `std::stod` takes: it throws on what is too close to zero.
    Normal,
}

impl Token {
    /// Whether the value is this many of them, and nothing else.
    fn fills(&self, value: &[u8], count: usize) -> bool {
        let mut met = 0;
        let mut tokens = tokens(value).inspect(|_| met += 1);
        tokens.all(|token| self.takes(token)) && met == count
    }

    fn takes(&self, token: &[u8]) -> bool {
        match self {
            Integer(range) => integer(token).is_some_and(|number| range.contains(&number)),
            Double => double(token).is_some(),
            Normal => double(token).is_some_and(|number| {
                let mut mantissa = token.iter().take_while(|byte| !b"eE".contains(byte));
                // The least of them is left out: what is rounded up to it has underflowed.
                number.is_nan()
                    || number.abs() > f64::MIN_POSITIVE
                    || mantissa.all(|byte| b"-0.".contains(byte))
            }),
        }
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b' ').filter(|token| !token.is_empty())
}

/// A number without a sign, of so few digits that it is an `int`.
fn natural(token: &[u8]) -> Option<usize> {
    let is_short = token.len() < 10 && token.iter().all(u8::is_ascii_digit);
    Some(token).filter(|_| is_short).and_then(|token| str::from_utf8(token).ok())?.parse().ok()
}

fn positive(token: &[u8]) -> Option<usize> {
    natural(token).filter(|_| !token.starts_with(b"0"))
}

fn integer(token: &[u8]) -> Option<i64> {
    let token = Some(token).filter(|token| token.len() <= 11 && !token.starts_with(b"+"))?;
    str::from_utf8(token).ok()?.parse().ok()
}

/// Of what Rust reads, that which JSON has, and the words `inf`, `infinity` and `nan`: the rest is
/// left to `strtod`, which goes by the locale, and warns of what is too close to zero.
fn double(token: &[u8]) -> Option<f64> {
    let number = str::from_utf8(token).ok()?.parse::<f64>().ok()?;
    let mut pairs = token.windows(2);
    let sound = match token.strip_prefix(b"-").unwrap_or(token) {
        [b'+' | b'.', ..] | [.., b'.'] | [b'0', b'0'..=b'9', ..] => false,
        [b'0'..=b'9', ..] => number.is_finite() && !pairs.any(|pair| matches!(pair, b".e" | b".E")),
        _ => true,
    };
    sound.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As LightGBM 4.7 wrote them, shortened.
    const HEAD: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n\
        max_feature_idx=1\nobjective=regression\nfeature_names=a b\nfeature_infos=none -1:2:0:1\n";
    const TREE: &str = "Tree=1\nnum_leaves=3\nnum_cat=1\nsplit_feature=1 0\nsplit_gain=182.1 98.6\n\
        threshold=0 -0.14999999999999999\ndecision_type=1 2\nleft_child=-1 -2\nright_child=1 -3\n\
        leaf_value=0.28889999315142634 -0.27 1.0000000180025095e-35\nleaf_weight=15.9 19 25\n\
        leaf_count=16 19 25\ninternal_value=0 -0.105055\ninternal_weight=60 44\n\
        internal_count=60 44\ncat_boundaries=0 1\ncat_threshold=2\nis_linear=1\n\
        leaf_const=0.288 -0.1 -0\nnum_features=0 1 1\nleaf_features= 0  1  \n\
        leaf_coeff= 0.20000000276750829  nan  \nshrinkage=0.1\n\n\n";
    const LEAF: &str = "Tree=0\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nleaf_value=0.5\n\n\n";
    const END: &str =
        "end of trees\n\nfeature_importances:\nb=1\n\nparameters:\nend of parameters\n";

    fn sized(sizes: &str) -> String {
        format!("{HEAD}tree_sizes={sizes}\n\n{LEAF}{TREE}{END}")
    }

    #[test]
    fn honest_models_pass() {
        let plain = format!("{HEAD}\n{TREE}{LEAF}{END}");
        for honest in [
            sized(&format!("{} {}", LEAF.len(), TREE.len())),
            sized(""),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\r"),
            plain.replace("num_tree_per_iteration=1\n", ""),
            plain.replace("=a b\n", "=a=b=c b\n"),
            plain.replace("leaf_count=16 19 25", "leaf_count="),
            plain,
        ] {
            assert!(is_well_formed(honest.as_bytes()), "{honest}");
        }
    }

    #[test]
    fn each_lie_is_refused() {
        let honest = format!("{HEAD}\n{TREE}{END}");
        let refused = |from: &str, to: &str| {
            assert_eq!(honest.matches(from).count(), 1, "{from}");
            assert!(!is_well_formed(honest.replace(from, to).as_bytes()), "{from} to {to}");
        };
        refused("end of trees", "end\0of trees");
        refused("version=v4", "version=v=4");
        refused("label_index=0\n", "");
        refused("num_cat=1\n", "");
        refused("left_child=-1 -2\n", "");
        refused("shrinkage=0.1\n\n\n", "shrinkage=0.1\n");
        refused("shrinkage=0.1", "shrinkage");
        refused("shrinkage=0.1", "shrinkage=0.1\nmore=1");
        refused("shrinkage=0.1", "num_cat=1");
        let lies = [
            ("num_class", "|0|1000000000"),
            ("num_tree_per_iteration", "|0|-1|1000000000"),
            ("max_feature_idx", "0|2"),
            ("objective", "|  |huber sqrt"),
            ("num_leaves", "0|-3|2|4"),
            ("num_cat", "|-1|2"),
            ("split_feature", "1|1 2|-1 0"),
            ("split_gain", "1|+1 1|1. 1|.1 1|1.e1 1|0x1 1"),
            ("threshold", "0|00 1|1e999 1|x 1"),
            ("decision_type", "1|1\t 2|2147483648 2"),
            ("left_child", "-4 -2|-1 2"),
            ("leaf_value", "1 2|1 2 3 4"),
            ("leaf_count", "1 2|1 2 x"),
            ("internal_count", "6e1 1"),
            ("cat_boundaries", "1|0 -1|0 2|2 1"),
            ("cat_threshold", "|-2|1 1"),
            ("is_linear", "2"),
            ("leaf_const", "1 2|1e-310 1 1|1e-400 1 1|2.2250738585072014e-308 1 1"),
            ("num_features", "1 1|-1 2 1|1 1 1|2147483647 2147483647 2"),
            ("leaf_features", "0|0 2"),
            ("leaf_coeff", "0|0 x"),
        ];
        for (key, values) in lies {
            let line = honest.lines().find(|line| line.starts_with(&format!("{key}="))).unwrap();
            for value in values.split('|') {
                refused(&format!("\n{line}\n"), &format!("\n{key}={value}\n"));
            }
        }
        for sizes in ["84 x", "0", "9", "99999"] {
            assert!(!is_well_formed(sized(sizes).as_bytes()), "{sizes}");
        }
    }
}
