//! Storages of tensors: whether an archive has as many bytes of each as its pickle says.
//!
//! torch takes the size of a storage from the pickle (`torch/csrc/jit/python/init.cpp`
//! get_storage_from_record): one that is longer than its record is memory of others, into which
//! tensors look, and which loading a sparse one reads (`torch/_utils.py`
//! _validate_loaded_sparse_tensors).

use std::collections::HashMap;

use crate::verdict::{PickleAnalysis, Reason, Severity, Storage, Verdict};

/// The folder of the records, and the pickle beside it.
const RECORDS: &str = "data/";
const PICKLE: &str = "data.pkl";

/// Bytes of an element, by class of storage (`torch/storage.py`).
const WIDTHS: [(&str, u64); 13] = [
    ("torch:FloatStorage", 4),
    ("torch:DoubleStorage", 8),
    ("torch:HalfStorage", 2),
    ("torch:BFloat16Storage", 2),
    ("torch:LongStorage", 8),
    ("torch:IntStorage", 4),
    ("torch:ShortStorage", 2),
    ("torch:CharStorage", 1),
    ("torch:ByteStorage", 1),
    ("torch:BoolStorage", 1),
    ("torch:ComplexFloatStorage", 8),
    ("torch:ComplexDoubleStorage", 16),
    ("torch:UntypedStorage", 1),
];

/// Doubts a pickle of that member whose storages are not as long as their records, whose sizes are
/// given by member.
pub(crate) fn compare(pickle: &mut PickleAnalysis, member: &str, sizes: &HashMap<String, u64>) {
    let folder = folder(member);
    let is_true = |storage: &Storage| {
        let record = |key: &str| sizes.get(&format!("{}{RECORDS}{key}", folder?));
        let length = storage.key.as_deref().and_then(record);
        length.is_some() && bytes_of(storage).as_ref() == length
    };
    if let Some(lie) = pickle.storages.iter().find(|storage| !is_true(storage)) {
        pickle.rules.push("storage");
        pickle.reasons.push(Reason {
            rule: "storage",
            severity: Severity::Warning,
            offset: lie.offset,
            opcode: "BINPERSID",
            global: None,
            message: "names a storage that is not as long as its record in the archive".to_owned(),
        });
        pickle.verdict = pickle.verdict.max(Verdict::Unproven);
    }
}

/// The folder of the archive that `torch.save` wrote, if that is its pickle.
fn folder(member: &str) -> Option<&str> {
    let folder = member.len().checked_sub(PICKLE.len())?;
    let name = member.get(folder..)?;
    name.eq_ignore_ascii_case(PICKLE).then(|| &member[..folder])
}

fn bytes_of(storage: &Storage) -> Option<u64> {
    let (_, width) = WIDTHS.iter().find(|(class, _)| *class == storage.class)?;
    storage.elements?.checked_mul(*width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(key: Option<&str>, elements: Option<u64>, class: &str) -> Verdict {
        let storage =
            Storage { offset: 0, key: key.map(str::to_owned), class: class.to_owned(), elements };
        let mut pickle = PickleAnalysis { storages: vec![storage], ..PickleAnalysis::default() };
        let sizes = HashMap::from([("model/data/0".to_owned(), 16)]);
        compare(&mut pickle, "model/data.pkl", &sizes);
        pickle.verdict
    }

    #[test]
    fn a_storage_is_as_long_as_its_record() {
        let float = "torch:FloatStorage";
        assert_eq!(verdict(Some("0"), Some(4), float), Verdict::Safe);
        for (key, elements, class) in [
            (Some("0"), Some(5), float),
            (Some("0"), Some(3), float),
            (Some("0"), Some(u64::MAX), float),
            (Some("0"), None, float),
            (Some("1"), Some(4), float),
            (None, Some(4), float),
            (Some("0"), Some(4), "torch:DoubleStorage"),
            (Some("0"), Some(4), "torch:TypedStorage"),
        ] {
            assert_eq!(verdict(key, elements, class), Verdict::Unproven, "{key:?} {elements:?}");
        }
    }
}
