//! Trees that grow and are cut, and say quickly which root a node has: link-cut trees over splay trees (Sleator and
//! Tarjan). Who is whose ancestor decides whether a link would make a loop; walking up would be quadratic in the length of
//! a thread.

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    /// In its splay tree; of the root of one: the node above its path.
    up: u32,
    down: [u32; 2],
}

/// Nodes are numbered in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Forest {
    nodes: Vec<Node>,
}

impl Forest {
    /// A tree of one node; its number.
    pub fn add(&mut self) -> u32 {
        self.nodes.push(Node {
            up: NONE,
            down: [NONE; 2],
        });
        self.nodes.len() as u32 - 1
    }

    /// Makes `parent` the parent of `child`, which is a root of another tree.
    pub fn link(&mut self, child: u32, parent: u32) {
        self.splay(child);
        self.nodes[child as usize].up = parent;
    }

    /// Makes `child` a root.
    pub fn cut(&mut self, child: u32) {
        self.access(child);
        let above = std::mem::replace(&mut self.nodes[child as usize].down[0], NONE);
        if above != NONE {
            self.nodes[above as usize].up = NONE;
        }
    }

    /// The root of its tree.
    pub fn root(&mut self, node: u32) -> u32 {
        self.access(node);
        let mut root = node;
        while self.nodes[root as usize].down[0] != NONE {
            root = self.nodes[root as usize].down[0];
        }
        self.splay(root);
        root
    }

    /// Makes the way from the root to `node` one splay tree, with `node` at its root and nothing below it.
    fn access(&mut self, node: u32) {
        let mut last = NONE;
        let mut at = node;
        while at != NONE {
            self.splay(at);
            self.nodes[at as usize].down[1] = last;
            last = at;
            at = self.nodes[at as usize].up;
        }
        self.splay(node);
    }

    /// Which child of its splay tree's node above it is; None: it is a root of one.
    fn side(&self, node: u32) -> Option<usize> {
        let up = self.nodes[node as usize].up;
        if up == NONE {
            return None;
        }
        self.nodes[up as usize]
            .down
            .iter()
            .position(|&down| down == node)
    }

    fn rotate(&mut self, node: u32, side: usize) {
        let up = self.nodes[node as usize].up;
        let above = self.nodes[up as usize].up;
        if let Some(side) = self.side(up) {
            self.nodes[above as usize].down[side] = node;
        }
        let moved = self.nodes[node as usize].down[1 - side];
        self.nodes[up as usize].down[side] = moved;
        if moved != NONE {
            self.nodes[moved as usize].up = up;
        }
        self.nodes[node as usize].down[1 - side] = up;
        self.nodes[up as usize].up = node;
        self.nodes[node as usize].up = above;
    }

    fn splay(&mut self, node: u32) {
        while let Some(side) = self.side(node) {
            let up = self.nodes[node as usize].up;
            match self.side(up) {
                None => self.rotate(node, side),
                Some(up_side) if up_side == side => {
                    self.rotate(up, up_side);
                    self.rotate(node, side);
                }
                Some(up_side) => {
                    self.rotate(node, side);
                    self.rotate(node, up_side);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside a table of parents.
        #[test]
        fn roots_are_those_of_a_walk(steps in proptest::collection::vec((0u32..12, 0u32..12, any::<bool>()), 0..200)) {
            let mut forest = Forest::default();
            let mut parents = vec![NONE; 12];
            (0..12).for_each(|_| { forest.add(); });
            let walk = |parents: &[u32], mut node: u32| {
                while parents[node as usize] != NONE {
                    node = parents[node as usize];
                }
                node
            };
            for (child, parent, cut) in steps {
                if cut {
                    forest.cut(child);
                    parents[child as usize] = NONE;
                } else if parents[child as usize] == NONE && walk(&parents, parent) != child {
                    forest.link(child, parent);
                    parents[child as usize] = parent;
                }
                for node in 0..12 {
                    prop_assert_eq!(forest.root(node), walk(&parents, node));
                }
            }
        }
    }
}
