using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Distributed;

namespace Holdfast.Extensions.Caching;

/// <summary>
/// From <see cref="DistributedCacheEntryOptions"/> to deadlines: a cap on the entry's life and a sliding window, both
/// as durations, since the node's clock decides when an entry is gone and not the one of this machine.
/// </summary>
internal sealed class EntryRules
{
    /// <summary>People spell "never" as the largest value of the type; anything beyond 100 years is that.</summary>
    private static readonly TimeSpan FarthestDeadline = TimeSpan.FromDays(36_525);

    /// <summary>
    /// For pinned entries that are set without any expiry: no expiry at all would mean the store's default-ttl, if it
    /// has one.
    /// </summary>
    private static readonly RawExpiry Farthest = new(RawExpiry.CeilingMs(FarthestDeadline), 0, 0);

    private readonly DistributedCacheEntryOptions? _defaults;
    private readonly string[] _pinnedKeyPrefixes;

    internal EntryRules(HoldfastCacheOptions options)
    {
        _defaults = options.DefaultEntryOptions;
        _pinnedKeyPrefixes = [.. options.PinnedKeyPrefixes];
    }

    /// <summary>
    /// The deadlines of an entry that is set now. An absolute moment in the past is refused, also when a duration is
    /// given and wins.
    /// </summary>
    internal RawExpiry ExpiryOf(string key, DistributedCacheEntryOptions options, TimeProvider clock, out bool pinned)
    {
        pinned = IsPinned(key);
        if (HasNone(options))
        {
            if (pinned)
            {
                return Farthest;
            }

            if (_defaults is null)
            {
                return default;
            }

            options = _defaults;
        }

        return Resolve(options, clock);
    }

    internal static bool HasNone(DistributedCacheEntryOptions options) =>
        options.AbsoluteExpiration is null
        && options.AbsoluteExpirationRelativeToNow is null
        && options.SlidingExpiration is null;

    private static RawExpiry Resolve(DistributedCacheEntryOptions options, TimeProvider clock)
    {
        TimeSpan? life = null;
        var moment = 0L;
        if (options.AbsoluteExpiration is { } absolute)
        {
            var now = clock.GetUtcNow();
            if (absolute <= now)
            {
                ThrowPast(absolute);
            }

            life = absolute - now;
            moment = CeilingUnixMs(absolute);
        }

        if (options.AbsoluteExpirationRelativeToNow is { } relative)
        {
            life = relative;
            moment = 0;
        }

        var sliding = options.SlidingExpiration;
        var lifeMs = life is { } cap && cap <= FarthestDeadline ? RawExpiry.CeilingMs(cap) : 0;
        var slidingMs = sliding is { } window && window <= FarthestDeadline ? RawExpiry.CeilingMs(window) : 0;
        return new RawExpiry(lifeMs, slidingMs, lifeMs == 0 ? 0 : moment);
    }

    // Named after the property, as every IDistributedCache does; the analyzer knows only names of parameters.
    [DoesNotReturn]
    [SuppressMessage("Usage", "CA2208:Instantiate argument exceptions correctly", Justification = "The name is part of the contract.")]
    private static void ThrowPast(DateTimeOffset absolute) =>
        throw new ArgumentOutOfRangeException(
            nameof(DistributedCacheEntryOptions.AbsoluteExpiration),
            absolute,
            "The absolute expiration value must be in the future.");

    private static long CeilingUnixMs(DateTimeOffset moment)
    {
        var ms = moment.ToUnixTimeMilliseconds();
        return moment.UtcTicks % TimeSpan.TicksPerMillisecond == 0 ? ms : ms + 1;
    }

    private bool IsPinned(string key)
    {
        foreach (var prefix in _pinnedKeyPrefixes)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
