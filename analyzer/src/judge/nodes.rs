//! Nodes of k-d trees, as SciPy keeps them: compiled code follows their indices as it restores a tree.

/// Bytes of a node (`scipy/spatial/ckdtree/src/ckdtree_decl.h` ckdtreenode): `split_dim`, `children`,
/// `split`, `start_idx`, `end_idx`, two pointers, and the indices of two children.
const NODE: usize = 72;

const LESS: usize = 56;
const GREATER: usize = 64;

/// How deep a tree may be: it is walked by recursion (`_ckdtree.pyx` `_post_init_traverse`).
const DEEPEST: u16 = 1000;

/// Whether the bytes are nodes of which each but the first is the child of one before it, and of no
/// other: then all indices lead to nodes, and the walk ends.
pub(super) fn form_a_tree(bytes: &[u8]) -> bool {
    let (nodes, rest) = bytes.as_chunks::<NODE>();
    if nodes.is_empty() || !rest.is_empty() {
        return false;
    }
    // How deep each node is, where its parent was met.
    let mut depths = vec![None; nodes.len()];
    depths[0] = Some(0);
    for (at, node) in nodes.iter().enumerate() {
        let word =
            |offset: usize| i64::from_le_bytes(node[offset..][..8].try_into().expect("eight"));
        let Some(depth) = depths[at].filter(|depth| *depth < DEEPEST) else { return false };
        if word(0) == -1 {
            continue;
        }
        for child in [word(LESS), word(GREATER)] {
            // Whatever comes before was met.
            match usize::try_from(child).ok().and_then(|child| depths.get_mut(child)) {
                Some(unmet @ None) => *unmet = Some(depth + 1),
                _ => return false,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(of: &[(i64, i64, i64)]) -> Vec<u8> {
        of.iter()
            .flat_map(|&(split, less, greater)| [split, 0, 0, 0, 0, 0, 0, less, greater])
            .flat_map(i64::to_le_bytes)
            .collect()
    }

    #[test]
    fn trees_are_told_from_what_leads_astray() {
        let leaf = (-1, 0, 0);
        assert!(form_a_tree(&nodes(&[leaf])));
        assert!(form_a_tree(&nodes(&[(0, 1, 2), leaf, (1, 3, 4), leaf, leaf])));
        for astray in [
            &[][..],
            &[(0, 1, 2)],
            &[(0, 0, 1), leaf],
            &[(0, 1, 1), leaf],
            &[(0, 1, -1), leaf],
            &[(0, 1, 2), (0, 2, 3), leaf, leaf],
            &[(0, 1, 1 << 40), leaf],
            &[leaf, leaf],
        ] {
            assert!(!form_a_tree(&nodes(astray)), "{astray:?}");
        }
        assert!(!form_a_tree(&nodes(&[leaf])[1..]));
        let chain: Vec<_> = (0..2000).map(|at| (0, 2 * at + 1, 2 * at + 2)).collect();
        let wide: Vec<_> = chain.iter().copied().chain(vec![leaf; 2001]).collect();
        assert!(form_a_tree(&nodes(&wide)));
        // Each second node is a leaf, and the next one goes on.
        let deep = (0..2000).flat_map(|at| [(0, 2 * at + 1, 2 * at + 2), leaf]);
        let deep: Vec<_> = deep.chain([leaf]).collect();
        assert!(!form_a_tree(&nodes(&deep)));
    }
}
