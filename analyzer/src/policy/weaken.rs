//! A deliberately unsound variant of a policy, for a campaign's positive control.

use super::Policy;

/// Modules to whose globals a weakened policy is blind: each is full of callables with effects
/// that attacks ask for, so that a harness at work comes across one within seconds.
const BLIND_SPOTS: [&str; 4] = ["os", "subprocess", "posix", "builtins"];

impl Policy {
    /// The policy with default-deny removed for one module, chosen by `seed`, and what was
    /// removed. A harness that does not find this hole finds nothing.
    pub fn weakened(&self, seed: u64) -> (Self, String) {
        let module = BLIND_SPOTS[(seed % BLIND_SPOTS.len() as u64) as usize];
        let mut weakened = self.clone();
        weakened.blind_to.push(module.to_owned());
        (weakened, format!("default-deny removed for the module `{module}`"))
    }
}
