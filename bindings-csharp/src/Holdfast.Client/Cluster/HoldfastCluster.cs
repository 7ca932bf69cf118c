using System.Globalization;

namespace Holdfast;

/// <summary>
/// The cluster that a client talks to: how it is doing, and what an operator may do to it. Any node answers for all. A
/// node inside the process, and a server that is alone, are clusters of one: they say how they are, and everything else is
/// a <see cref="HoldfastException"/> with <see cref="HoldfastErrorCode.Unsupported"/>.
/// </summary>
public class HoldfastCluster
{
    /// <summary>A removal waits for other nodes to take over.</summary>
    private static readonly TimeSpan Removal = TimeSpan.FromSeconds(30);

    private readonly HoldfastClient? _client;

    internal HoldfastCluster(HoldfastClient client) => _client = client;

    /// <summary>For test doubles that override methods. Those that are not overridden throw.</summary>
    protected HoldfastCluster()
    {
    }

    /// <summary>How the cluster is doing: its nodes, its groups and who leads them.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual ValueTask<HoldfastClusterStatus> GetStatusAsync(CancellationToken cancellationToken = default) =>
        Client.AdministerAsync<HoldfastClusterStatus, ClusterStatusReader>("ask=get", null, default, cancellationToken);

    /// <summary>The nodes, by id.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual async ValueTask<IReadOnlyList<HoldfastClusterNode>> GetMembersAsync(CancellationToken cancellationToken = default)
    {
        HoldfastClusterStatus status = await GetStatusAsync(cancellationToken).ConfigureAwait(false);
        return status.Nodes;
    }

    /// <summary>
    /// Takes a node out for good: others get its replicas where there are any that have none of a group; where not, the
    /// groups go on with fewer. Repeated, it goes on where it was left.
    /// </summary>
    /// <param name="node">Its name, or its id.</param>
    /// <param name="force">Also a node that is up: it ends.</param>
    /// <param name="cancellationToken">Cancels the call; what was begun may go on.</param>
    /// <returns>Whether there was such a node.</returns>
    /// <exception cref="HoldfastException">
    /// <see cref="HoldfastErrorCode.NodeInUse"/>: it is up, or the only one. <see cref="HoldfastErrorCode.Unavailable"/>:
    /// a group has no majority to decide it.
    /// </exception>
    public virtual ValueTask<bool> RemoveAsync(string node, bool force = false, CancellationToken cancellationToken = default) =>
        Client.AdministerAsync<bool, RemovedReader>(
            $"ask=remove\nnode={Checked(node)}\nforce={(force ? "on" : "off")}", Removal, default, cancellationToken);

    /// <summary>
    /// Lets another node lead a group. The leadership stays there until it is lost, or until <see cref="SpreadAsync"/>.
    /// </summary>
    /// <param name="group">The group's number.</param>
    /// <param name="node">Name or id of the node that is to lead; null: the one that leads least, of those that have all entries.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HoldfastException">
    /// <see cref="HoldfastErrorCode.NodeNotFound"/>, <see cref="HoldfastErrorCode.GroupNotFound"/>, or
    /// <see cref="HoldfastErrorCode.Unavailable"/>: it could not be moved now.
    /// </exception>
    public virtual async ValueTask<HoldfastLeaderMove> MoveLeaderAsync(int group, string? node = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        string asked = string.Create(CultureInfo.InvariantCulture, $"ask=move-leader\ngroup={group}\nnode={(node is null ? "" : Checked(node))}");
        IReadOnlyList<HoldfastLeaderMove> moves = await MovesAsync(asked, cancellationToken).ConfigureAwait(false);
        return moves[0];
    }

    /// <summary>
    /// Moves all leaderships of a node away, or those of every group that a node votes in to it. Look at each
    /// <see cref="HoldfastLeaderMove.Error"/>.
    /// </summary>
    /// <param name="fromNode">Name or id of the node that is to lead nothing; null: of any.</param>
    /// <param name="toNode">Name or id of the node that is to lead; null: those that lead least.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">Neither is given.</exception>
    /// <exception cref="HoldfastException"><see cref="HoldfastErrorCode.NodeNotFound"/>.</exception>
    public virtual ValueTask<IReadOnlyList<HoldfastLeaderMove>> TransferAsync(string? fromNode = null, string? toNode = null, CancellationToken cancellationToken = default)
    {
        if (fromNode is null && toNode is null)
        {
            throw new ArgumentException("Say which node's leaderships to move, or to which node.", nameof(fromNode));
        }

        return MovesAsync($"ask=transfer\nfrom={(fromNode is null ? "" : Checked(fromNode))}\nto={(toNode is null ? "" : Checked(toNode))}", cancellationToken);
    }

    /// <summary>Moves every leadership to where the plan has it: evenly over the nodes, wherever they were moved before.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public virtual ValueTask<IReadOnlyList<HoldfastLeaderMove>> SpreadAsync(CancellationToken cancellationToken = default) =>
        MovesAsync("ask=transfer\nspread=on", cancellationToken);

    private HoldfastClient Client => _client ?? throw new InvalidOperationException("This is a test double: the method is not overridden.");

    private ValueTask<IReadOnlyList<HoldfastLeaderMove>> MovesAsync(string asked, CancellationToken cancellationToken) =>
        Client.AdministerAsync<IReadOnlyList<HoldfastLeaderMove>, LeaderMovesReader>(asked, null, default, cancellationToken);

    /// <summary>A name that keeps to its line.</summary>
    private static string Checked(string node)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(node);
        return node.AsSpan().ContainsAny('\n', '\r')
            ? throw new ArgumentException("A node's name is one line.", nameof(node))
            : node;
    }
}
