//! The flags of `cluster`'s commands.

use clap::{Args, Subcommand};

use super::NodeArguments;

/// `cluster`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast cluster status                      # nodes, groups, health in one line
  holdfast cluster transfer --from cache-2     # before its machine is serviced
  holdfast cluster transfer --spread           # afterwards
  holdfast cluster remove cache-3              # a node that will not come back

Any node of the cluster answers for all.")]
pub(crate) struct ClusterArguments {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

/// What to ask the cluster, or to do to it.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Print how the cluster is doing: nodes, groups, who leads them
    #[command(after_help = "\
Examples:
  holdfast cluster status
  holdfast cluster status --output json | jq -r '.groups[] | [.id, .leader] | @tsv'

Exit code 1 when a group has no leader: what it holds is not served.")]
    Status(NodeArguments),
    /// List the nodes
    #[command(after_help = "\
Examples:
  holdfast cluster members
  holdfast cluster members --output json | jq -r '.nodes[] | select(.state != \"up\") | .name'")]
    Members(NodeArguments),
    /// Take a node out for good
    Remove(RemoveArguments),
    /// Let another node lead a group
    MoveLeader(MoveLeaderArguments),
    /// Move the leaderships of a node away, or leaderships to a node
    Transfer(TransferArguments),
    /// Let groups that have lost their majority start again
    Reform(ReformArguments),
}

/// `cluster remove`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast cluster remove cache-3              # its process has ended and will not be started again
  holdfast cluster remove cache-3 --force      # it is up: it loses its replicas, and ends

Other nodes take its replicas where there are any that have none of a group;
where not, the groups go on with fewer. A node that is started again after that
joins as a new one. Waits up to 30 s unless --timeout says otherwise; repeated,
it goes on where it was left. Exit code 1 when there is no such node (any more),
6 when it is up and --force was not given.")]
pub(crate) struct RemoveArguments {
    /// Name of the node, or its id
    pub(crate) node: String,
    /// Also a node that is up
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) asked: NodeArguments,
}

/// `cluster move-leader`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast cluster move-leader 3                   # to the node that leads least
  holdfast cluster move-leader 3 --node cache-2
  holdfast cluster move-leader --node cache-2      # every group that it votes in

The leadership stays where it was moved until it is lost, or until
'holdfast cluster transfer --spread'. Exit code 1 when there is no such node or
group, or the node has no vote in the group.")]
pub(crate) struct MoveLeaderArguments {
    /// Number of the group, as 'cluster status' lists it
    #[arg(required_unless_present = "node")]
    pub(crate) group: Option<u32>,
    /// Name or id of the node that is to lead
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) asked: NodeArguments,
}

/// `cluster reform`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast cluster reform --force --server cache-3:7861   # cache-1 and cache-2 will not come back

Only when nodes that are silent will not come back: what only they have is lost.
Where every node answers the cluster does the same by itself. Ask a node that is
left, at best the one with the least lag in 'cluster status': groups start again,
under a new epoch, with what those nodes have that answer; of a group that none
of them has nothing is left. A node that comes back later takes over what the
others have. Exit code 6 when a majority answers: nothing has to be reformed.")]
pub(crate) struct ReformArguments {
    /// What only silent nodes have may be lost
    #[arg(long, required = true)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) asked: NodeArguments,
}

/// `cluster transfer`
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
#[command(after_help = "\
Examples:
  holdfast cluster transfer --from cache-2               # all that it leads, to the others
  holdfast cluster transfer --from cache-2 --to cache-1
  holdfast cluster transfer --to cache-2                 # every group that it votes in
  holdfast cluster transfer --spread                     # evenly again

Exit code 3 when a leadership could not be moved.")]
pub(crate) struct TransferArguments {
    /// Name or id of the node that is to lead nothing
    #[arg(long, value_name = "NODE", group = "which")]
    pub(crate) from: Option<String>,
    /// Name or id of the node that is to lead instead
    #[arg(long, value_name = "NODE", group = "which")]
    pub(crate) to: Option<String>,
    /// Every leadership to where the plan has it, evenly over the nodes
    #[arg(long, group = "which", conflicts_with_all = ["from", "to"])]
    pub(crate) spread: bool,
    #[command(flatten)]
    pub(crate) asked: NodeArguments,
}
