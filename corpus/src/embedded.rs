//! The data files, embedded by `build.rs`. Only their bytes; each module reads its own.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

pub(crate) fn gadget_files() -> &'static [(&'static str, &'static str)] {
    GADGET_FILES
}

pub(crate) fn seed_files() -> &'static [(&'static str, &'static [u8])] {
    SEED_FILES
}

pub(crate) fn seed_manifests() -> &'static [(&'static str, &'static str)] {
    SEED_MANIFESTS
}

pub(crate) fn record_files() -> &'static [(&'static str, &'static str)] {
    RECORD_FILES
}

pub(crate) fn record_pickles() -> &'static [(&'static str, &'static [u8])] {
    RECORD_PICKLES
}

pub(crate) fn regression_files() -> &'static [(&'static str, &'static str)] {
    REGRESSION_FILES
}

pub(crate) fn regression_pickles() -> &'static [(&'static str, &'static [u8])] {
    REGRESSION_PICKLES
}

/// The embedded file called `name`.
pub(crate) fn find<T: Copy>(files: &[(&'static str, T)], name: &str) -> Option<T> {
    files.iter().find(|(file, _)| *file == name).map(|(_, content)| *content)
}
