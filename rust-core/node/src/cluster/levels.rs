//! The feature level that a cluster uses.

use holdfast_state::{FEATURE_LEVEL, MetaCommand};

use super::member::ClusterNode;
use crate::log::Level;

impl ClusterNode {
    /// At the meta group's leader: once all nodes can apply more than the cluster uses, it may.
    pub(crate) async fn raise_feature_level(&self) {
        let level = {
            let Some(meta) = self.meta() else {
                return;
            };
            let machine = meta.machine().read();
            let Some(cluster) = machine.cluster() else {
                return;
            };
            let levels = cluster.nodes().map(|(_, node)| node.description.feature_level);
            let newest = levels.min().unwrap_or_default().min(FEATURE_LEVEL);
            if newest <= cluster.feature_level {
                return;
            }
            newest
        };
        let raise = MetaCommand::RaiseFeatureLevel { level };
        match self.decide(&raise).await {
            Ok(()) => self.log(
                Level::Information,
                &format!("all nodes know feature level {level}: the cluster uses it from now on"),
            ),
            Err(reason) => self.complain("feature level", &format!("feature level {level}: {reason}")),
        }
    }
}
