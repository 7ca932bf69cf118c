//! Clusters with builds of different feature levels.

use holdfast_proto::session::StoreClass;
use holdfast_state::FEATURE_LEVEL;

use super::nodes::Nodes;
use super::peer::until;

#[test]
fn a_cluster_with_an_older_node_works_and_uses_a_newer_level_once_all_know_it() {
    let mut nodes = Nodes::new(3);
    nodes.levels[1] = FEATURE_LEVEL - 1;
    let mut nodes = nodes.form();
    let stores = [StoreClass::Coordination, StoreClass::Cache].map(|class| nodes.open("s", class));
    for store in stores {
        nodes.put(store, b"key", b"old");
    }
    assert_eq!(nodes.cluster_level(), FEATURE_LEVEL - 1);
    assert_eq!(nodes.group_levels(), [FEATURE_LEVEL - 1].into());
    nodes.kill(1);
    nodes.levels[1] = FEATURE_LEVEL;
    nodes.start(1);
    nodes.wait_until_ready();
    until("all groups use the newer level", || {
        nodes.cluster_level() == FEATURE_LEVEL && nodes.group_levels() == [FEATURE_LEVEL].into()
    });
    for store in stores {
        assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"old"[..]));
        nodes.put(store, b"key", b"new");
    }
    // A build that does not know it is refused from now on.
    nodes.kill(1);
    nodes.levels[1] = FEATURE_LEVEL - 1;
    nodes.start(1);
    until("the others refuse it", || {
        nodes.has_logged(&format!(
            "feature level {FEATURE_LEVEL}: only {} is possible",
            FEATURE_LEVEL - 1
        ))
    });
    for store in stores {
        assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"new"[..]));
    }
}
